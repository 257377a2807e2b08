//! `docs/keepalived-compatibility.md` is made of the keyword tables, so that it cannot drift from them.

use std::fmt::Write;
use std::path::Path;

use tandem_vrrp_config::{Effect, answered_docs, keyword_docs};

const HEAD: &str = "# tandem-vrrp and keepalived.conf

Made from the keyword tables by `TANDEM_RECORD=1 cargo test -p tandem-vrrp-config compatibility`; a test compares.
A keyword that is not listed is unknown: it is reported with its place, the rest is used, and `-t` exits with 5; `--strict` makes it fatal.
A file with a thousand mistakes, or of more than about a hundred thousand lines, is not looked at further, and refused.
Blocks of the load balancer (`virtual_server`, `virtual_server_group`, `SSL`) are skipped with one warning. Includes, `$NAME=value`,
`@id` lines, `~SEQ` and `~LST` are read as Keepalived 2.4 reads them.
";

/// What is otherwise, on purpose.
const ON_PURPOSE: &[&str] = &[
    "`higher_prio_send_advert` is on: the winner of a healed partition hears that there was a rival and announces the addresses again.",
    "An address, route or rule that somebody removes is put back in place, without a change of state; `no_track` leaves it be.",
    "A master that leaves serves until its successor does; then it removes the addresses.",
    "A check script that cannot be run has failed.",
    "A rival with a lower priority is answered each time, and told of (in the log, to `notify_master_rx_lower_pri`, in the pipes) about once a second, of several each in turn.",
    "Whoever may not add addresses does not become master: the start ends with status 4, as without the right to send adverts.",
    "`v3_checksum_as_v2` is seldom needed: what a peer computes is found out and answered in kind (`checksum auto`).",
    "Interfaces may always come later (`dynamic_interfaces`).",
    "`auth_type AH` is refused: RFC 3768 removed it.",
    "Gratuitous ARP is for interfaces with addresses of six bytes: on InfiniBand none is sent.",
    "With `vrrp_priority`, which counts where real time is not permitted, the threads that speak still have real-time priority where it is; `max_auto_priority` raises that.",
    "There is no child process: `VRRP child process(PID) died: Respawning` is never said, and a daemon that ends by itself is started again by its service manager.",
];

/// What is read and not obeyed in this version. A line at the start says so for each that is used.
const NOT_YET: &[(&str, &str)] = &[("kernel_rx_buf_size", "the buffer is the system's")];

/// What is refused with a reason when it is used, since ignoring it would change behaviour.
const REFUSED: &[(&str, &str)] = &[
    (
        "BFD over several hops (`multihop` in a `bfd_instance`)",
        "watch a neighbour on the same network (RFC 5881)",
    ),
    ("routes with `encap ila` or `seg6`", "add them from a notify script"),
    (
        "tables, protocols and realms by names that iproute2 does not know here",
        "write their numbers",
    ),
];

fn page() -> String {
    let mut text = HEAD.to_owned();
    text.push_str("\n## Otherwise, on purpose\n\n");
    for what in ON_PURPOSE {
        writeln!(text, "- {what}").expect("a string takes it");
    }
    table(&mut text, "Read, and not part of this version", "instead", NOT_YET);
    table(&mut text, "Refused", "instead", REFUSED);
    text.push_str("\n## Known and answered\n\n| keyword | in | | why |\n|---|---|---|---|\n");
    for known in answered_docs() {
        let what = match known.effect {
            Effect::Changes => "refused",
            Effect::None => "ignored",
        };
        let place = place(known.place);
        writeln!(text, "| `{}` | {place} | {what} | {} |", known.word, known.why).expect("a string takes it");
    }
    text.push_str("\n## Keywords\n\n| keyword | in | |\n|---|---|---|\n");
    for doc in keyword_docs() {
        let summary = doc.summary.replace('|', "\\|");
        writeln!(text, "| `{}` | {} | {summary} |", doc.word, place(doc.place)).expect("a string takes it");
    }
    text
}

fn table(text: &mut String, title: &str, column: &str, rows: &[(&str, &str)]) {
    write!(text, "\n## {title}\n\n| what | {column} |\n|---|---|\n").expect("a string takes it");
    for (what, instead) in rows {
        writeln!(text, "| {what} | {instead} |").expect("a string takes it");
    }
}

fn place(block: &str) -> String {
    if block.is_empty() {
        "the top".to_owned()
    } else {
        format!("`{block}`")
    }
}

#[test]
fn what_is_refused_is_not_listed_as_supported() {
    let refused = answered_docs()
        .into_iter()
        .filter(|known| known.effect == Effect::Changes);
    let refused: Vec<_> = refused.map(|known| (known.place, known.word)).collect();
    assert!(refused.contains(&("bfd_instance", "multihop")), "{refused:?}");
    let supported = keyword_docs().into_iter().map(|doc| (doc.place, doc.word));
    assert_eq!(supported.filter(|doc| refused.contains(doc)).collect::<Vec<_>>(), []);
}

#[test]
fn the_page_says_what_the_tables_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/keepalived-compatibility.md");
    let page = page();
    if std::env::var_os("TANDEM_RECORD").is_some() {
        std::fs::write(&path, &page).expect("a checkout is writable");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "record it again: TANDEM_RECORD=1 cargo test -p tandem-vrrp-config compatibility"
    );
}
