//! Checks that speak: the same servers, asked by HAProxy and by us, must be judged in the same words.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tandem_tests::{Lb, Server, until};

use super::haproxy::haproxy;
use super::room::{Room, say};

/// What was found: status, check status, code, the server's words, ours.
type Judged = BTreeMap<String, [String; 5]>;

fn banner(mut stream: TcpStream) {
    stream.write_all(b"220 hello there\r\n").ok();
    hear(&mut stream);
    stream.write_all(b"+PONG\r\n").ok();
    wait_for_end(stream);
}

/// Whatever comes first; what it is does not matter.
fn hear(stream: &mut TcpStream) {
    let mut buffer = [0; 4096];
    let _whatever = stream.read(&mut buffer);
}

fn wait_for_end(mut stream: TcpStream) {
    let mut buffer = [0; 100];
    while let Ok(1..) = stream.read(&mut buffer) {}
}

fn http(head: &'static str, body: &'static str) -> impl Fn(TcpStream) + Send + Sync {
    move |mut stream| {
        hear(&mut stream);
        let length = body.len();
        write!(stream, "HTTP/1.0 {head}\r\nContent-Length: {length}\r\n\r\n{body}").ok();
    }
}

fn says(bytes: &'static [u8]) -> impl Fn(TcpStream) + Send + Sync {
    move |mut stream| {
        hear(&mut stream);
        stream.write_all(bytes).ok();
        wait_for_end(stream);
    }
}

/// A backend for each: its name, its lines, and which servers it asks.
const BACKENDS: [(&str, &str, &[&str]); 27] = [
    (
        "ok",
        "option tcp-check\n tcp-check expect string hello\n tcp-check send PING\\r\\n\n tcp-check expect string +PONG",
        &["banner", "silent", "closer"],
    ),
    (
        "connected",
        "option tcp-check\n tcp-check connect\n tcp-check expect string goodbye",
        &["banner", "refused"],
    ),
    (
        "commented",
        "option tcp-check\n tcp-check connect comment first\n tcp-check expect rstring ^good.*bye comment \"the greeting\"",
        &["banner", "refused"],
    ),
    (
        "unwanted",
        "option tcp-check\n tcp-check expect ! string hello",
        &["banner", "silent"],
    ),
    (
        "unwanted_regex",
        "option tcp-check\n tcp-check expect ! rstring hel+o",
        &["banner"],
    ),
    (
        "binary",
        "option tcp-check\n tcp-check send-binary 50494e47\n tcp-check expect binary 68656c6c6f",
        &["banner"],
    ),
    (
        "enough",
        "option tcp-check\n tcp-check expect min-recv 5 string zzz",
        &["banner"],
    ),
    (
        "own_words",
        "option tcp-check\n tcp-check expect min-recv 5 string zzz error-status L7STS on-error \"own words\"",
        &["banner"],
    ),
    (
        "own_success",
        "option tcp-check\n tcp-check expect string hello on-success \"it said hello\"",
        &["banner"],
    ),
    (
        "conditional",
        "option tcp-check\n tcp-check expect string hello ok-status L7OKC",
        &["banner"],
    ),
    (
        "twice",
        "option tcp-check\n tcp-check expect string hello\n tcp-check expect string 220",
        &["banner"],
    ),
    (
        "send_only",
        "option tcp-check\n tcp-check send foo",
        &["banner", "refused"],
    ),
    (
        "http",
        "option httpchk",
        &["h200", "h503", "h302", "garbage", "silent", "refused"],
    ),
    (
        "http_get",
        "option httpchk GET /health\n http-check expect status 503",
        &["h200", "h503"],
    ),
    (
        "http_ranges",
        "option httpchk\n http-check expect status 200-299,302",
        &["h200", "h302", "h503"],
    ),
    (
        "http_send",
        "option httpchk\n http-check send meth GET uri /x ver HTTP/1.1 hdr Host h\n http-check expect string well",
        &["h200", "h503"],
    ),
    (
        "http_not",
        "option httpchk\n http-check expect ! rstatus ^5",
        &["h200", "h503"],
    ),
    (
        "http_two",
        "option httpchk\n http-check expect status 200\n http-check expect string nothere",
        &["h200", "h503"],
    ),
    ("redis", "option redis-check", &["banner", "silent"]),
    ("mysql", "option mysql-check", &["mysql", "mysql_error"]),
    ("pgsql", "option pgsql-check user x", &["pgsql", "banner"]),
    ("smtp", "option smtpchk", &["smtp", "silent"]),
    ("ldap", "option ldap-check", &["ldap", "garbage"]),
    ("tls", "option ssl-hello-chk", &["tls", "garbage"]),
    (
        "late",
        "option tcp-check\n tcp-check expect string x tout-status L4TOUT",
        &["silent"],
    ),
    ("plain", "balance source", &["banner", "refused"]),
    ("elsewhere", "option tcp-check\n tcp-check connect port 1", &["banner"]),
];

fn smtp(mut stream: TcpStream) {
    for line in ["220 hello\r\n", "250 fine\r\n", "221 bye\r\n"] {
        stream.write_all(line.as_bytes()).ok();
        hear(&mut stream);
    }
}

fn servers() -> BTreeMap<&'static str, Server> {
    let greets = |bytes: &'static [u8]| {
        move |mut stream: TcpStream| {
            stream.write_all(bytes).ok();
            wait_for_end(stream);
        }
    };
    BTreeMap::from([
        ("banner", Server::start(banner)),
        ("silent", Server::start(wait_for_end)),
        ("closer", Server::start(drop)),
        ("h200", Server::start(http("200 OK", "all is well\n"))),
        ("h503", Server::start(http("503 Some Reason", "sorry"))),
        ("h302", Server::start(http("302 Found", ""))),
        ("garbage", Server::start(says(b"this is not http at all\r\n\r\n"))),
        ("mysql", Server::start(greets(b"\x08\0\0\0\x0a5.7.42\0"))),
        ("mysql_error", Server::start(greets(b"\x09\0\0\0\xff\x15\x04denied"))),
        ("pgsql", Server::start(says(b"R\0\0\0\x08\0\0\0\x05"))),
        ("smtp", Server::start(smtp)),
        (
            "ldap",
            Server::start(says(b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00")),
        ),
        ("tls", Server::start(says(b"\x16\x03\x03\0\x50"))),
    ])
}

fn config(room: &Room, servers: &BTreeMap<&str, Server>) -> String {
    let mut text = format!(
        "global\n {}\ndefaults\n mode tcp\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n \
         timeout check 500ms\n default-server inter 300ms fall 1 rise 1\n\
         listen entrance\n bind 127.0.0.1:{}\n server s 127.0.0.1:1\n",
        room.line(),
        tandem_tests::free_port()
    );
    for (name, lines, asked) in BACKENDS {
        text.push_str(&format!("backend {name}\n {lines}\n"));
        for server in asked {
            // Port 1 is nobody's.
            let at = servers
                .get(server)
                .map_or_else(|| "127.0.0.1:1".to_owned(), |s| s.address().to_string());
            text.push_str(&format!(" server {server} {at} check\n"));
        }
    }
    text
}

/// Looks until nothing changes for a second: a server that passed once may fail next.
fn judged(room: &Room) -> Judged {
    let mut seen = (Instant::now(), Judged::new());
    until("a judgement of each server", || {
        // While a check is under way HAProxy has forgotten what the last one said.
        let mut now = seen.1.clone();
        now.extend(look(room).into_iter().filter(|(_, row)| !row[1].starts_with("* ")));
        if now != seen.1 {
            seen = (Instant::now(), now);
        }
        let settled = seen.0.elapsed() > Duration::from_millis(1200);
        let all = seen.1.values().all(|row| row[1] != "INI");
        (settled && all && !seen.1.is_empty()).then(|| seen.1.clone())
    })
}

fn look(room: &Room) -> Judged {
    let text = room.ask("show stat");
    let mut lines = text.lines();
    let names: Vec<&str> = lines
        .next()
        .unwrap_or_default()
        .trim_start_matches("# ")
        .split(',')
        .collect();
    let column = |name: &str| names.iter().position(|n| *n == name).expect("the column is there");
    let wanted = ["status", "check_status", "check_code", "last_chk", "check_desc"].map(column);
    let mut judged = Judged::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let cells: Vec<&str> = line.split(',').collect();
        if cells[wanted[1]].is_empty() {
            continue;
        }
        let cell = |at: usize| cells[at].trim_matches('"').to_owned();
        judged.insert(format!("{}/{}", cells[0], cells[1]), wanted.map(cell));
    }
    judged
}

#[test]
fn servers_are_judged_in_the_same_words() {
    let servers = servers();
    let room = Room::new();
    let lb = Lb::start(&config(&room, &servers));
    let ours = judged(&room);
    drop(lb);
    assert!(ours.len() > 40, "{}", ours.len());
    assert_eq!(ours["ok/banner"][..2], ["UP", "L7OK"]);
    assert_eq!(ours["http/h503"][1..4], ["L7STS", "503", "Some Reason"]);
    let room = Room::new();
    let Some(_haproxy) = haproxy(&room, &config(&room, &servers)) else {
        return say("SKIP checks beside HAProxy: haproxy is not installed");
    };
    let theirs = judged(&room);
    let different: Vec<String> = theirs
        .iter()
        .filter(|(name, row)| ours.get(*name) != Some(*row))
        .map(|(name, row)| format!("{name}\n  ours   {:?}\n  theirs {row:?}", ours.get(name)))
        .collect();
    say(&format!(
        "{} of {} servers are judged alike",
        theirs.len() - different.len(),
        theirs.len()
    ));
    assert!(different.is_empty(), "{}", different.join("\n"));
}
