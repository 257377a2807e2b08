//! `tandem ask`: each command's answer as JSON and as an exit status, from us and from HAProxy.

use std::net::SocketAddr;
use std::process::{Command, Output};

use serde_json::Value;
use tandem_tests::{Lb, binary, connect, ended, free_port, until};

use super::certificates::papers;
use super::haproxy::haproxy;
use super::room::{Room, say};

/// What is asked, where the fact lies in the JSON, and whether it is refused.
const ASKED: [(&str, &str, bool); 33] = [
    ("show version", "/lines/0", false),
    ("show info", "/Name", false),
    ("show info json", "/0/field/name", false),
    ("show stat", "/0/pxname", false),
    ("show table", "/0/table", false),
    ("show table be", "/0/entries", false),
    ("show servers state", "/0/srv_name", false),
    ("show backend", "/0/name", false),
    ("show env", "/PATH", false),
    ("show acl", "/0/description", false),
    ("show acl #0", "/0/key", false),
    ("get acl #0 10.1.2.3", "/0/pattern", false),
    ("get weight be/s1", "/initial", false),
    ("show stat typed", "/0/value", false),
    ("show info typed", "/0/tags", false),
    ("show activity", "/thread_id", false),
    ("show errors", "/total", false),
    ("show events", "/2/sink", false),
    ("show fd", "/0/fd", false),
    ("show libs", "/0/file", false),
    ("show pools", "/bytes_used", false),
    ("show threads", "/0/stuck", false),
    ("help", "/0/command", false),
    // These come with the severity of a warning, done or not.
    ("set server rr/r1 addr 127.0.0.9", "/lines/0", false),
    ("set server rr/r1 addr 127.0.0.9", "/lines/0", false),
    ("set server rr/r1 addr 127.0.0.9 port 99", "/lines/0", false),
    ("set server rr/r1 addr nowhere", "/error", true),
    ("set server rr/r1 addr 127.0.0.9 port x", "/error", true),
    ("set server li/l1 fqdn other.example", "/error", true),
    ("set server dns/d1 fqdn other.example", "/lines/0", false),
    ("set server dns/d1 fqdn other.example", "/lines/0", false),
    ("disable server be/gone", "/error", true),
    ("no such command", "/error", true),
];

#[track_caller]
fn asked(room: &Room, command: &str) -> Output {
    let mut tandem = Command::new(binary("tandem"));
    tandem.args(["ask", "--json", "--socket"]).arg(room.socket());
    tandem.args(command.split(' ')).output().expect("tandem starts")
}

/// With a server whose name is looked up, at a port where nobody answers.
fn config(room: &Room) -> String {
    super::haproxy::config(room, [free_port(), free_port()])
        + &format!(
            "resolvers nobody\n nameserver n 127.0.0.1:{}\n\
             backend dns\n server d1 localhost:80 resolvers nobody init-addr 127.0.0.1\n",
            free_port()
        )
}

fn answers(room: &Room) -> Vec<Value> {
    let one = |(command, place, refused): &(&str, &str, bool)| {
        let output = asked(room, command);
        let text = String::from_utf8_lossy(&output.stdout);
        let status = if *refused { 1 } else { 0 };
        assert_eq!(output.status.code(), Some(status), "{command}: {text}");
        let value: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{command}: {e}: {text}"));
        assert!(value.pointer(place).is_some(), "{command}: no {place} in {text}");
        value
    };
    ASKED.iter().map(one).collect()
}

#[test]
fn each_answer_is_json_and_has_a_status() {
    let room = Room::new();
    let text = config(&room);
    let _lb = Lb::start(&text);
    let ours = answers(&room);
    let room = Room::new();
    let text = config(&room);
    let Some(_haproxy) = haproxy(&room, &text) else {
        return say("SKIP tandem ask beside HAProxy: haproxy is not installed");
    };
    for ((command, place, _), (ours, theirs)) in ASKED.iter().zip(ours.iter().zip(answers(&room))) {
        let kind = |value: &Value| std::mem::discriminant(value.pointer(place).unwrap_or(&Value::Null));
        assert_eq!(kind(ours), kind(&theirs), "{command}");
    }
}

#[test]
fn a_socket_that_is_not_there_is_status_two() {
    let output = asked(&Room::new(), "show info");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("cannot ask the balancer at"), "{said}");
}

/// Whoever is asked so ends, or waits.
const NOT_ASKED: [&str; 3] = ["drain", "prompt", "quit"];

#[test]
fn every_command_answers_in_json() {
    let room = Room::new();
    let _lb = Lb::start(&config(&room));
    let help = room.ask("help");
    let is_word = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    let names = help.lines().filter_map(|line| line.strip_prefix("  ")).map(|usage| {
        let words = usage.split(' ').take_while(is_word).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join(" ")
    });
    let names: Vec<String> = names.filter(|name| !NOT_ASKED.contains(&name.as_str())).collect();
    assert!(names.len() > 60, "{help}");
    for name in names {
        let output = asked(&room, &name);
        let text = String::from_utf8_lossy(&output.stdout);
        let value: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}: {text}"));
        let status = i32::from(value.pointer("/error").is_some());
        assert_eq!(output.status.code(), Some(status), "{name}: {text}");
    }
}

/// Commands with what they are about, in this order; what the JSON has at a place, or whether there is anything.
const LIVE: [(&str, &str, Option<&str>); 29] = [
    (
        "add backend new from usual",
        "/lines/0",
        Some("New backend registered."),
    ),
    ("publish backend new", "/lines/0", Some("Backend published.")),
    ("unpublish backend new", "/lines/0", Some("Backend unpublished.")),
    ("del backend new", "/lines/0", Some("Backend deleted.")),
    ("del backend new", "/error", Some("No such backend.")),
    ("set server be/s1 addr 127.0.0.9 port 99", "/lines/0", None),
    ("disable server be/s1", "/lines", None),
    ("set server be/s1 name moved", "/lines", None),
    ("show servers state be", "/0/srv_name", Some("moved")),
    ("show servers state be", "/0/srv_addr", Some("127.0.0.9")),
    ("show events kept", "/lines/2", Some("key: value a=b")),
    ("show ssl cert", "/filename/0", Some("DIR/a.pem")),
    ("show ssl cert DIR/a.pem", "/0/Filename", Some("DIR/a.pem")),
    ("show ssl cert DIR/a.pem", "/1/Chain Subject", Some("/CN=authority")),
    ("show ssl ca-file", "/filename/0", Some("DIR/ca.pem - 2 certificate(s)")),
    ("show ssl ca-file DIR/ca.pem", "/Status", Some("Used")),
    ("show ssl ca-file DIR/ca.pem", "/below/0/Subject", Some("/CN=authority")),
    ("show ssl ca-file DIR/ca.pem", "/below/1/name", Some("Certificate #2")),
    ("show ssl ca-file DIR/ca.pem", "/below/1/Subject", Some("/CN=authority")),
    (
        "show ssl crt-list -n DIR/list",
        "/DIR~1list/0",
        Some("DIR/a.pem:1 a.example"),
    ),
    ("show ssl sni", "/0/SNI", Some("a.example")),
    ("show ssl sni", "/0/Filename", Some("DIR/a.pem")),
    ("show ssl sni", "/0/NotAfter", None),
    ("show peers", "/0/id", Some("mine")),
    ("show resolvers", "/0/below/0/name", Some("nameserver n")),
    ("show resolvers", "/0/below/0/sent", None),
    ("show sess all", "/0/session", None),
    ("show table be key 192.0.2.1", "/0/entries/0/key", Some("192.0.2.1")),
    ("show table be", "/0/entries/1/gpc0", None),
];

/// Certificates (one with its authority behind it, twice that authority), a list, a ring, peers, resolvers and a table.
fn everything(room: &Room, at: SocketAddr) -> String {
    let [(_, leaf), _, (_, authority), _] = papers();
    let folder = room.0.display();
    for (name, text) in [
        ("a.pem", format!("{leaf}{authority}{authority}")),
        ("ca.pem", format!("{authority}{}", papers()[2].1)),
        ("list", format!("{folder}/a.pem a.example\n")),
    ] {
        std::fs::write(room.0.join(name), text).expect("the folder is writable");
    }
    let [tls, peer, other, dns, server] = [(); 5].map(|()| free_port());
    format!(
        "global
    {}
    localpeer me
ring kept
    format raw
peers mine
    peer me 127.0.0.1:{peer}
    peer other 127.0.0.1:{other}
resolvers nobody
    nameserver n 127.0.0.1:{dns}
defaults usual
    mode tcp
    timeout connect 1s
    timeout client 30s
    timeout server 30s
frontend fe
    bind {at}
    log ring@kept local0
    log-format \"key: value a=b\"
frontend tls
    bind 127.0.0.1:{tls} ssl crt-list {folder}/list ca-file {folder}/ca.pem verify optional
    default_backend be
backend be
    stick-table type ip size 10 expire 1h store gpc0 peers mine
    server s1 127.0.0.1:{server}
",
        room.line()
    )
}

#[test]
fn what_is_asked_with_arguments_is_in_the_json() {
    let room = Room::new();
    let at = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let _lb = Lb::start(&everything(&room, at));
    until("three lines in the ring", || {
        ended(&mut connect(at));
        (room.ask("show events kept").matches("key").count() > 2).then_some(())
    });
    for key in ["192.0.2.1", "192.0.2.2"] {
        room.ask(&format!("set table be key {key} data.gpc0 1"));
    }
    let folder = room.0.display().to_string();
    let mut wrong = Vec::new();
    for (command, place, expected) in LIVE {
        let output = asked(&room, &command.replace("DIR", &folder));
        let text = String::from_utf8_lossy(&output.stdout).replace(&folder, "DIR");
        let value: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{command}: {e}: {text}"));
        let there = value.pointer(place);
        let is_right = match expected {
            Some(expected) => there.is_some_and(|there| *there == expected),
            None => there.is_some(),
        };
        let status = i32::from(place == "/error");
        if !is_right || output.status.code() != Some(status) {
            wrong.push(format!(
                "{command}: {place} is {there:?}, status {:?}, in {text}",
                output.status.code()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
