//! `docs/haproxy-compatibility.md` is made of the keyword tables and of the corpus, so that it cannot drift from them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use tandem_lb_config::{KeywordDoc, address_docs, keyword_docs, unsupported_docs};

use crate::agreement::cases;
use crate::configs::configs;
use crate::generated::entries;
use crate::{errors, read};

const HEAD: &str = "# tandem-lb and haproxy.cfg\n\nMade from the keyword tables and `tests/corpus` by `TANDEM_RECORD=1 cargo test -p \
                    tandem-lb-config compatibility`; a test compares.\nWhat is not listed is not known.\n";

/// What is otherwise on purpose, and where a test pins it.
const ON_PURPOSE: &[(&str, &str)] = &[
    (
        "What is otherwise in figures, log lines and endings is listed with the scenarios that show it: [haproxy-scenarios.md](haproxy-scenarios.md).",
        "`differential`",
    ),
    (
        "Turns (`roundrobin`, `static-rr`, ties of `leastconn`) follow from the number of the client: shares are HAProxy's, but \
         whose turn is next after a change of weights or servers may differ.",
        "`differential`: shares; `golden_picks`: turns without a change",
    ),
    (
        "`balance hash` sees the client's first bytes. In HAProxy 2.6 there is nothing left of them when a server is chosen.",
        "`use-server` and `balance hash` look at the socket, nothing was taken from it",
    ),
    (
        "`hash-type maglev` is ours: a map of 65,537 slots that each server fills in an order of its own, so that little moves when one comes or goes. \
         `hash-key` is as in HAProxy 3.0, which was not there to be compared with.",
        "`balance::maglev`, `balance::hash_key`",
    ),
    (
        "An external check that takes too long is killed with all that it has started, and no more than 64 run at a time; HAProxy ends the program \
         alone. One that a signal ended has the code 128 and the signal's number, where HAProxy says -1.",
        "`lb::external`",
    ),
    (
        "Addresses of `source` are numbers. Names are not looked up.",
        "corpus: `source localhost`",
    ),
    (
        "`filter bwlim-in` and `bwlim-out` are as in HAProxy 2.7, which was not there to be compared with: what went counts in a window that slides, \
         and bytes of a connection that is slowed down are copied, not spliced. Connections that are slowed down keep their limits in the next process.",
        "`lb::bandwidth`, `bandwidth::tests`",
    ),
    (
        "Regular expressions run in linear time; references back and looking around are refused.",
        "`acl::Regex`",
    ),
    (
        "Names in patterns of addresses are not looked up: they are an error.",
        "corpus: `acl a src nonexistent.invalid`",
    ),
    (
        "`version_atleast()` and its like answer for HAProxy 2.6.12, on which behaviour was measured, and those of the \
         TLS library for OpenSSL 3.0.0: what is written for it is read here.",
        "`predicate::tests`; corpus: `.if feature(OPENSSL)`",
    ),
    (
        "A PROXY header may come in pieces, until `timeout client`; HAProxy refuses one that is not whole in the first segment. What is no address or \
         no port is refused, where HAProxy reads it as another one; what follows `UNKNOWN`, and version 2 without addresses, is accepted, as the \
         protocol asks for. Connections without the header they should have are counted in `ereq`.",
        "`lb::proxy_header`, `tandem-proxy-header`'s tests",
    ),
    (
        "Bytes are counted in stick tables as they are relayed; HAProxy counts them when its stream has something else \
         to do. `set table … data.server_id` means that server, also where a name is stored; in HAProxy the name wins.",
        "`stick::tests::data`",
    ),
    (
        "Peers: which is the local one is known when the process starts (`-L`, `localpeer`, the host's name); a section without it is left out \
         with a warning. Names of peers are looked up whenever they are connected to. Rates of another period are not taken over. `log` says \
         which peers come and go. A peer that has lost its connection to one of ours is told what it missed, as HAProxy does it; a process \
         that takes over by `-x` has the tables and asks nobody. A soft stop without a successor of its kind offers its tables at the local \
         peer's address, as HAProxy does: either may follow the other. TLS between peers is spoken as HAProxy speaks it.",
        "`lb::peers`, `lb_tls`, `peers::section::tests`",
    ),
    (
        "Without `tcp-response inspect-delay`, response rules and `stick store-response` see the first bytes that the \
         server sends; in HAProxy there may be none yet.",
        "no test; `session::response` waits for them",
    ),
    (
        "A hello that a TLS client spreads over several records has no name.",
        "`content::tests`; the same in HAProxy",
    ),
    (
        "Certificates of X.509 version 1 are refused with this reason where they are shown, and so are clients and servers that show one: they \
         say nothing of what they are for. HAProxy takes them, since OpenSSL does. As an authority one is believed here, too.",
        "`lb_tls::effects`",
    ),
    (
        "`show resolvers` knows the sections that are configured. HAProxy makes one more of `/etc/resolv.conf` and calls it `default`, also where \
         nothing asks for it.",
        "no test; `lb::resolvers` compares the others",
    ),
    (
        "A `server-state-file` or `stats-file` that cannot be read is named with its line and left where it is, since it is the operator's; only a \
         state of our own that is torn is set aside.",
        "`lb::state`",
    ),
    (
        "A place of checks or of an agent in HAProxy's `server-state-file` counts more than one in a configuration that has changed since, as in \
         HAProxy; an address does not.",
        "`lb::state`",
    ),
    (
        "`show proc`: the process is its own worker. A process before it is among the old workers for as long as it serves those who stayed there, \
         and of the version `-`, which it does not say.",
        "`lb::master`",
    ),
    (
        "Where `curves` names several, the first of the client's list that is among them is used; HAProxy takes the first of its own.",
        "no test; rustls chooses",
    ),
    (
        "`no-tlsv12` alone at a server has an effect: HAProxy warns of a hole between 1.1 and 1.3, and speaks 1.2 all the same.",
        "`lb_tls::effects` has the versions",
    ),
    (
        "Timestamps of logs in a file `.sctl` are not shown to clients: it is named in a warning.",
        "`lb_tls::effects`",
    ),
    (
        "Session tickets that were made by the same keys (`tls-ticket-keys`) are taken up by listeners that let in clients by the same rules: \
         `verify`, what the files of authorities and of revoked certificates hold, and which faults are forgiven. HAProxy takes up others, too.",
        "`lb_tls::tickets`",
    ),
    (
        "A statistics page asks its `tcp-request` rules, those for contents once the head of the request is there; what they see are the bytes of the \
         request. Where `maxconn` clients are there the longest guest goes for a new one, who waits in HAProxy; there are never more than 64 at a \
         listener. `maxconnrate` and `maxsessrate` count the clients that are balanced, not those of a page. In its section `use_backend` \
         and `filter bwlim-*` are refused, since nothing is relayed there; HAProxy relays what is not for the page. `use-server`, `stick` and \
         `tcp-response` are asked of nobody, as in HAProxy, which does not say so.",
        "`lb::proxy_header`, `lb::page`, `it::meaning`",
    ),
    (
        "`default-path`: paths begin at one place for all files of the configuration, and what they name is called by where it is (`show ssl cert`, \
         `show acl`), where HAProxy has a place for each file and calls things as they are written.",
        "`it::default_path`",
    ),
    (
        "On the stats socket, `set rate-limit` refuses what is no number, where HAProxy lifts the limit; `set var` needs no experimental mode, \
         and takes no `fmt`.",
        "`lb_socket::commands`",
    ),
    (
        "The stats socket's commands are listed in [socket-commands.md](socket-commands.md), with those that are answered by a line why not. \
         ACLs and maps are changed from the level operator on, and what is changed lasts until the files are read again: by a reload or by \
         the next binary. `set map` refuses a value that is none, where HAProxy keeps the old one silently; a payload that has a mistake adds \
         nothing of it.",
        "`lb_socket::haproxy` has the commands that are compared",
    ),
];

/// Kinds of addresses that HAProxy has beside ours.
const NO_ADDRESSES: &[(&str, &str)] = &[
    ("sockpair", "connections are not passed on as descriptors"),
    ("abnsz", "names of abstract sockets have one form, that of `abns@`"),
    ("quic4", "there is no QUIC"),
    ("quic6", "there is no QUIC"),
    ("mptcp4", "connections have one path"),
    ("mptcp6", "connections have one path"),
    ("rhttp", "connections that servers begin are not known here"),
];

/// Each kind of address is taken and refused where the page says it.
#[test]
fn addresses_are_taken_where_the_page_says() {
    let whole = |place: &str, address: &str| match place {
        "bind" => format!("frontend f\n bind {address}\n timeout client 1s\n default_backend b\nbackend b\n"),
        "server" => format!("backend b\n timeout connect 1s\n timeout server 1s\n server s {address}\n"),
        _ => format!("global\n log {address} local0\n"),
    };
    let is_taken = |place: &str, address: &str| errors(&read(&whole(place, address))).is_empty();
    for (kind, places, summary) in address_docs() {
        let behind = match kind {
            "unix" | "uxst" | "uxdg" => "/tmp/x",
            "abns" => "x",
            "fd" => "7",
            other if other.ends_with('6') => "[::1]:18119",
            _ => "127.0.0.1:18119",
        };
        for place in ["bind", "server", "log"] {
            let excluded = match place {
                "log" => summary.contains("not for logs"),
                "server" => summary.contains("not for servers"),
                _ => false,
            };
            let expected = places.contains(place) && !excluded;
            assert_eq!(
                is_taken(place, &format!("{kind}@{behind}")),
                expected,
                "{place} {kind}@"
            );
        }
    }
    for (kind, _) in NO_ADDRESSES {
        for place in ["bind", "server", "log"] {
            assert!(!is_taken(place, &format!("{kind}@127.0.0.1:18119")), "{place} {kind}@");
        }
    }
}

fn rows(text: &mut String, docs: &[&KeywordDoc]) {
    text.push_str("\n| keyword | where | |\n|---|---|---|\n");
    for doc in docs {
        writeln!(text, "| `{}` | {} | {} |", doc.words, doc.places.join(" "), doc.summary).expect("a string takes it");
    }
}

fn page() -> String {
    let docs = keyword_docs();
    let mut text = HEAD.to_owned();
    text.push_str("\n## What is otherwise, on purpose\n\n");
    for (what, pinned) in ON_PURPOSE {
        writeln!(text, "- {what} ({pinned})").expect("a string takes it");
    }
    text.push_str("\n## Lines on which the two do not agree\n\n| line | in | accepted by | why |\n|---|---|---|---|\n");
    let mut difference = |line: &str, place: &str, mark: char, reason: &str| {
        let who = if mark == '>' { "HAProxy" } else { "tandem-lb" };
        let line = line.replace('|', "\\|");
        writeln!(text, "| `{line}` | {place} | {who} | {reason} |").expect("a string takes it");
    };
    for case in cases().iter().filter(|case| !case.reason.is_empty()) {
        difference(&case.line, &case.section, case.mark, &case.reason);
    }
    for config in configs() {
        for marked in config.marks().filter(|marked| !marked.reason.is_empty()) {
            difference(&marked.line, &config.file, marked.mark, &marked.reason);
        }
    }
    for entry in entries() {
        let arguments = entry
            .arguments
            .iter()
            .map(|argument| if argument.is_empty() { "nothing" } else { argument });
        let line = format!("{}: {}", entry.words, arguments.collect::<Vec<_>>().join(", "));
        let places = if entry.sections.is_empty() {
            "anywhere".to_owned()
        } else {
            entry.sections.join(" ")
        };
        difference(&line, &places, entry.mark, &entry.reason);
    }
    text.push_str("\n## Kinds of addresses\n\n`KIND@ADDRESS`, and perhaps `stream+` or `dgram+` before it.\n\n");
    text.push_str("| kind | where | |\n|---|---|---|\n");
    for (kind, places, summary) in address_docs() {
        writeln!(text, "| `{kind}@` | {places} | {summary} |").expect("a string takes it");
    }
    for (kind, why) in NO_ADDRESSES {
        writeln!(text, "| `{kind}@` | | refused: {why} |").expect("a string takes it");
    }
    let mut groups: BTreeMap<&str, Vec<&KeywordDoc>> = BTreeMap::new();
    for doc in &docs {
        let title = match doc.places[..] {
            ["fetch"] => "Fetches",
            ["converter"] => "Converters",
            ["bind"] => "On a `bind` line",
            ["server"] => "On a `server` line",
            _ => "Keywords",
        };
        groups.entry(title).or_default().push(doc);
    }
    for (title, docs) in groups {
        writeln!(text, "\n## {title}").expect("a string takes it");
        rows(&mut text, &docs);
    }
    for (title, is_ignored) in [
        ("Known to HAProxy, and refused here", false),
        ("Known to HAProxy, and ignored here with a warning", true),
    ] {
        writeln!(text, "\n## {title}\n\n| keyword | where | |\n|---|---|---|").expect("a string takes it");
        for doc in unsupported_docs().filter(|doc| doc.is_ignored == is_ignored) {
            writeln!(text, "| `{}` | {} | {} |", doc.words, doc.place, doc.why).expect("a string takes it");
        }
    }
    text
}

#[test]
fn the_page_says_what_the_tables_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/haproxy-compatibility.md");
    let page = page();
    if std::env::var_os("TANDEM_RECORD").is_some() {
        std::fs::write(&path, &page).expect("a checkout is writable");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "record it again: TANDEM_RECORD=1 cargo test -p tandem-lb-config compatibility"
    );
}

/// Whoever looks for a word finds why it is refused, whatever kind of word it is.
#[test]
fn the_page_names_all_kinds_of_what_is_refused() {
    let page = page();
    for row in [
        "| `mailers` | section |",
        "| `set-nice` | action |",
        "| `spoe` | filter |",
        "| `url*` | fetch |",
        "| `jwt_verify` | converter |",
        "| `lua-*` | global |",
        "| `email-alert` | proxies |",
    ] {
        assert!(page.contains(row), "{row}");
    }
}
