//! Certificates, authorities and lists of what is revoked: the same orders to HAProxy and to us.

use tandem_tests::{Lb, Papers, free_port};

use super::haproxy::haproxy;
use super::room::{Room, say};

/// What is asked; files are named by what stands before their ending, and `<<NAME` is that file as a payload.
const ORDERS: [&str; 46] = [
    "show ssl cert",
    "show ssl cert DIR/a.pem",
    "show ssl cert DIR/gone.pem",
    "set ssl cert",
    "set ssl cert DIR/a.pem",
    "set ssl cert DIR/gone.pem <<b.pem",
    "abort ssl cert DIR/a.pem",
    "commit ssl cert DIR/a.pem",
    "commit ssl cert",
    "abort ssl cert",
    "set ssl cert DIR/a.pem <<b.pem",
    "show ssl cert",
    "show ssl cert *DIR/a.pem",
    "set ssl cert DIR/a.pem <<b.pem",
    "abort ssl cert DIR/a.pem",
    "set ssl cert DIR/a.pem <<b.pem",
    "commit ssl cert DIR/a.pem",
    "show ssl cert DIR/a.pem",
    "new ssl cert",
    "new ssl cert DIR/n.pem",
    "new ssl cert DIR/n.pem",
    "set ssl cert DIR/n.pem <<b.pem",
    "commit ssl cert DIR/n.pem",
    "show ssl cert",
    "del ssl cert",
    "del ssl cert DIR/n.pem",
    "del ssl cert DIR/a.pem",
    "del ssl cert DIR/gone.pem",
    "show ssl ca-file DIR/ca.pem",
    "show ssl ca-file DIR/ca.pem:1",
    "show ssl ca-file DIR/ca.pem:0;show ssl ca-file DIR/gone.pem",
    "set ssl ca-file;commit ssl ca-file;abort ssl ca-file;new ssl ca-file;del ssl ca-file",
    "set ssl ca-file DIR/ca.pem <<ca.pem",
    "abort ssl ca-file DIR/ca.pem;abort ssl ca-file DIR/ca.pem",
    "new ssl ca-file DIR/n.pem;new ssl ca-file DIR/n.pem;del ssl ca-file DIR/n.pem;del ssl ca-file DIR/ca.pem",
    "show ssl crl-file",
    "show ssl crl-file DIR/crl.pem",
    "show ssl crl-file DIR/crl.pem:1;show ssl crl-file DIR/gone.pem",
    "set ssl crl-file;abort ssl crl-file;new ssl crl-file;del ssl crl-file",
    "set ssl crl-file DIR/crl.pem <<crl.pem",
    "show ssl crl-file *DIR/crl.pem",
    "commit ssl crl-file DIR/crl.pem",
    "abort ssl crl-file DIR/crl.pem;commit ssl crl-file DIR/crl.pem",
    "new ssl crl-file DIR/n.pem;new ssl crl-file DIR/n.pem;del ssl crl-file DIR/n.pem;del ssl crl-file DIR/crl.pem",
    "show ssl ocsp-response",
    "show tls-keys",
];

/// What is asked about files beside a certificate, and about all of a kind; `b.crt` and `b.k` are the parts of `b.pem`.
const PIECES: [&str; 51] = [
    "set ssl cert DIR/gone.pem.key <<b.k",
    "set ssl cert DIR/a.pem.key",
    "set ssl cert DIR/a.pem.key <<b.k",
    "show ssl cert",
    "show ssl cert *DIR/a.pem",
    "commit ssl cert DIR/a.pem",
    "abort ssl cert DIR/a.pem",
    "set ssl cert DIR/a.pem <<b.crt",
    "commit ssl cert DIR/a.pem",
    "set ssl cert DIR/a.pem.key <<b.k",
    "commit ssl cert DIR/a.pem",
    "show ssl cert DIR/a.pem",
    "set ssl cert DIR/a.pem.issuer <<ca.pem",
    "show ssl cert *DIR/a.pem",
    "commit ssl cert DIR/a.pem",
    "show ssl cert DIR/a.pem",
    "set ssl cert DIR/a.pem <<b.pem",
    "commit ssl cert DIR/a.pem",
    "new ssl cert DIR/n.pem",
    "set ssl cert DIR/n.pem.key <<b.k",
    "show ssl cert *DIR/n.pem",
    "show ssl cert DIR/n.pem",
    "del ssl cert DIR/n.pem",
    "set ssl cert DIR/n.pem <<b.crt",
    "set ssl cert DIR/n.pem.key <<b.k",
    "show ssl cert *DIR/n.pem",
    "commit ssl cert DIR/n.pem",
    "show ssl cert DIR/n.pem",
    "show ssl cert DIR/n.pem.key",
    "del ssl cert DIR/n.pem.key",
    "del ssl cert DIR/n.pem",
    "show ssl ca-file",
    "new ssl ca-file DIR/x",
    "show ssl ca-file",
    "show ssl ca-file DIR/x",
    "set ssl ca-file DIR/x <<ca.pem",
    "show ssl ca-file",
    "show ssl ca-file *DIR/x",
    "del ssl ca-file DIR/x",
    "commit ssl ca-file DIR/x",
    "show ssl ca-file DIR/x",
    "del ssl ca-file DIR/x",
    "new ssl crl-file DIR/x",
    "show ssl crl-file",
    "show ssl crl-file DIR/x",
    "set ssl crl-file DIR/x <<crl.pem",
    "show ssl crl-file *DIR/x",
    "del ssl crl-file DIR/x",
    "commit ssl crl-file DIR/x",
    "show ssl crl-file DIR/x",
    "del ssl crl-file DIR/x",
];

/// What is asked about lists.
const LISTS: [&str; 41] = [
    "show ssl crt-list",
    "show ssl crt-list DIR/list",
    "show ssl crt-list -n DIR/list",
    "show ssl crt-list -n",
    "show ssl crt-list DIR/folder",
    "show ssl crt-list gone",
    "add ssl crt-list",
    "add ssl crt-list DIR/list",
    "add ssl crt-list gone DIR/a.pem",
    "add ssl crt-list DIR/list DIR/gone.pem",
    "add ssl crt-list DIR/list DIR/b.pem",
    "add ssl crt-list DIR/list/ DIR/b.pem",
    "new ssl cert DIR/n.pem",
    "add ssl crt-list DIR/list DIR/n.pem",
    "set ssl cert DIR/n.pem <<b.pem",
    "commit ssl cert DIR/n.pem",
    "add ssl crt-list DIR/list DIR/n.pem",
    "show ssl cert",
    "add ssl crt-list DIR/list <<one",
    "add ssl crt-list DIR/list <<bogus",
    "add ssl crt-list DIR/list <<valueless",
    "add ssl crt-list DIR/list <<unverified",
    "add ssl crt-list DIR/list <<two",
    "add ssl crt-list DIR/folder DIR/b.pem",
    "add ssl crt-list DIR/folder DIR/folder/a.pem",
    "show ssl crt-list -n DIR/list",
    "del ssl crt-list",
    "del ssl crt-list DIR/list",
    "del ssl crt-list gone DIR/a.pem",
    "del ssl crt-list DIR/list DIR/gone.pem",
    "del ssl crt-list DIR/list DIR/b.pem",
    "del ssl crt-list DIR/list DIR/b.pem:99",
    "del ssl crt-list DIR/list DIR/b.pem:3",
    "del ssl crt-list DIR/list DIR/b.pem:x",
    "del ssl crt-list DIR/list DIR/a.pem:1",
    "del ssl crt-list DIR/list DIR/folder/a.pem",
    "del ssl crt-list DIR/list DIR/n.pem",
    "del ssl cert DIR/n.pem",
    "del ssl crt-list DIR/folder DIR/folder/a.pem",
    "show ssl crt-list -n DIR/list",
    "show ssl cert",
];

/// Lines that are sent behind an order.
const LINES: [(&str, &str); 5] = [
    ("one", "DIR/a.pem [alpn h2] new.example !not.example"),
    ("bogus", "DIR/a.pem [bogus h2] new.example"),
    ("valueless", "DIR/a.pem [alpn] new.example"),
    ("unverified", "DIR/a.pem [verify bogus] new.example"),
    ("two", "DIR/a.pem [alpn h2] new.example\nDIR/b.pem second.example"),
];

/// A certificate for two hosts, another one, their authority and what it has revoked.
pub fn papers() -> [(&'static str, String); 4] {
    let papers = Papers::of_authority("authority");
    let (a, b) = (papers.pem(&["a.example", "b.example"]), papers.pem(&["new.example"]));
    let read = |file: String| std::fs::read_to_string(file).expect("it was made");
    let (own, list) = (read(papers.path("ca.pem")), read(papers.revoke(&[0x10, 0x01])));
    [("a.pem", a), ("b.pem", b), ("ca.pem", own), ("crl.pem", list)]
}

fn config(room: &Room, papers: &[(&str, String); 4]) -> String {
    for (name, text) in papers {
        std::fs::write(room.0.join(name), text).expect("the folder is writable");
    }
    let folder = room.0.display();
    format!(
        "global\n {}\ndefaults\n mode tcp\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n\
         frontend fe\n bind 127.0.0.1:{} ssl crt {folder}/a.pem ca-file {folder}/ca.pem crl-file {folder}/crl.pem \
         verify optional\n default_backend be\nbackend be\n server s 127.0.0.1:{}\n",
        room.line(),
        free_port(),
        free_port(),
    )
}

/// A list with words of each kind, and a folder.
fn with_lists(room: &Room, papers: &[(&str, String); 4]) -> String {
    let text = config(room, papers);
    let folder = room.0.display();
    std::fs::create_dir_all(room.0.join("folder")).expect("a folder");
    std::fs::write(room.0.join("folder/a.pem"), &papers[0].1).expect("written");
    let list = format!(
        "{folder}/a.pem a.example !x.a.example *.a.example\n\n{folder}/b.pem [ssl-min-ver TLSv1.3 verify optional \
         ca-file {folder}/ca.pem  ciphers HIGH alpn h2 no-ca-names curves X25519:P-256] b.example\n# {folder}/gone.pem\n\
         {folder}/a.pem []\n"
    );
    std::fs::write(room.0.join("list"), list).expect("written");
    let shown = format!("crt-list {folder}/list crt {folder}/folder");
    let text = text.replace(&format!("crt {folder}/a.pem"), &shown);
    text + &format!(
        "frontend other\n bind 127.0.0.1:{} ssl crt {folder}/folder\n default_backend be\n",
        free_port()
    )
}

/// The folder's name is masked, and what a payload's end makes of the line after it.
fn answer(room: &Room, papers: &[(&str, String); 4], order: &str) -> String {
    let folder = room.0.display().to_string();
    let order = order.replace("DIR", &folder);
    let line = match order.split_once(" <<") {
        Some((words, name)) => {
            let line = LINES.iter().find(|(known, _)| *known == name);
            let line = line.map(|(_, line)| line.replace("DIR", &folder));
            let text = papers.iter().find(|(known, _)| *known == name);
            let text = text
                .map(|(_, text)| text.clone())
                .or(line)
                .or_else(|| part(papers, name));
            format!(
                "{words} <<\n{}\n",
                text.expect("a file of ours")
                    .replace("\r", "")
                    .replace("\n\n", "\n")
                    .trim_end()
            )
        }
        None => order,
    };
    let said = room.ask(&line).replace(&folder, "DIR");
    let said = said.split("Unknown command").next().unwrap_or_default();
    // HAProxy ends the protocols of ALPN with a NUL, and does not say where a file of ours came from.
    let said = said.replace('\0', "");
    // It reads those of the system for a client of its own.
    let lines = said
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with("@system-ca"));
    lines
        .map(|line| line.split("\t- ").next().unwrap_or_default().trim_end())
        .collect::<Vec<_>>()
        .join("\n")
}

/// The certificate alone, or its key.
fn part(papers: &[(&str, String); 4], name: &str) -> Option<String> {
    let (_, b) = papers.iter().find(|(known, _)| *known == "b.pem")?;
    let (certificate, key) = b.split_at(b.find("-----BEGIN PRIVATE")?);
    match name {
        "b.crt" => Some(certificate.to_owned()),
        "b.k" => Some(key.to_owned()),
        _ => None,
    }
}

#[test]
fn orders_about_pieces_are_answered_alike() {
    compare(config, &PIECES);
}

#[test]
fn orders_about_certificates_are_answered_alike() {
    compare(config, &ORDERS);
}

#[test]
fn orders_about_lists_are_answered_alike() {
    compare(with_lists, &LISTS);
}

fn compare(config: fn(&Room, &[(&str, String); 4]) -> String, orders: &[&str]) {
    let (theirs, ours, papers) = (Room::new(), Room::new(), papers());
    let Some(_haproxy) = haproxy(&theirs, &config(&theirs, &papers)) else {
        return say("SKIP certificates beside HAProxy: haproxy is not installed");
    };
    let _lb = Lb::start(&config(&ours, &papers));
    let mut different = Vec::new();
    for order in orders {
        let [theirs, ours] = [&theirs, &ours].map(|room| answer(room, &papers, order));
        if theirs != ours {
            different.push(format!("{order}\nHAProxy: {theirs:?}\nwe:      {ours:?}"));
        }
    }
    assert!(
        different.is_empty(),
        "{} of {}:\n{}",
        different.len(),
        orders.len(),
        different.join("\n")
    );
}

/// No HAProxy 2.6 can be asked this: the form is that of 3.2's manual.
#[test]
fn hosts_are_listed_by_listener() {
    let (room, papers) = (Room::new(), papers());
    let _lb = Lb::start(&with_lists(&room, &papers));
    let folder = room.0.display().to_string();
    let all = room.ask("show ssl sni").replace(&folder, "DIR");
    let mut lines = all.lines().filter(|line| !line.is_empty());
    assert_eq!(
        lines.next(),
        Some("# Frontend/Bind\tSNI\tNegative Filter\tType\tFilename\tNotAfter\tNotBefore")
    );
    let cells: Vec<Vec<&str>> = lines.map(|line| line.split('\t').collect()).collect();
    assert!(
        cells.iter().all(|cells| cells.len() == 7 && cells[5].ends_with(" GMT")),
        "{all}"
    );
    let of_fe = |cells: &&Vec<&str>| cells[0].starts_with("fe/");
    let told: Vec<[&str; 4]> = cells.iter().filter(of_fe).map(|c| [c[1], c[2], c[3], c[4]]).collect();
    let (a, b, inside) = ("DIR/a.pem", "DIR/b.pem", "DIR/folder/a.pem");
    let expected = [
        ["a.example", "!x.a.example", "ecdsa", a],
        ["*.a.example", "!x.a.example", "ecdsa", a],
        ["b.example", "-", "ecdsa", b],
        ["a.example", "-", "ecdsa", a],
        ["b.example", "-", "ecdsa", a],
        ["a.example", "-", "ecdsa", inside],
        ["b.example", "-", "ecdsa", inside],
    ];
    assert_eq!(told, expected, "{all}");
    let other = room.ask("show ssl sni -f other");
    assert!(other.contains("\nother/") && !other.contains("\nfe/"), "{other}");
}
