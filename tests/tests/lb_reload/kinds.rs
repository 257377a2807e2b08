//! Each kind of change by itself: who it is about follows, and nobody else notices.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use nix::sys::signal::Signal;
use tandem_tests::{Config, Lb, PATIENCE, Server, ask, connect, ended, fetch, free_port, until};

use crate::room::Room;

/// The name that a server of [`Server::named`] says, of one letter.
#[track_caller]
fn name(stream: &mut TcpStream) -> char {
    let mut byte = [0];
    stream.read_exact(&mut byte).expect("it says its name");
    char::from(byte[0])
}

/// A column of a line of `show stat`.
#[track_caller]
fn stat(room: &Room, proxy: &str, row: &str, column: &str) -> String {
    let csv = room.ask("show stat");
    let mut lines = csv.lines();
    let titles = lines.next().expect("titles").trim_start_matches("# ");
    let at = titles.split(',').position(|t| t == column).expect("such a column");
    let line = lines.find(|l| l.starts_with(&format!("{proxy},{row},")));
    let line = line.unwrap_or_else(|| panic!("no {proxy}/{row} in\n{csv}"));
    line.split(',').nth(at).expect("as many columns").to_owned()
}

#[test]
fn servers_come_and_go_and_connections_stay() {
    let room = Room::new();
    let (a, b, c) = (Server::named("a"), Server::named("b"), Server::named("c"));
    let config = Config::default().global(room.line());
    let both = config.clone().server("a", &a, "").server("b", &b, "");
    let mut lb = Lb::start(&both.to_string());
    let mut clients: Vec<_> = (0..4).map(|_| connect(config.at())).collect();
    let names: Vec<char> = clients.iter_mut().map(name).collect();
    assert_eq!((a.accepted(), b.accepted()), (2, 2), "{names:?}");

    let told = lb.reload(
        Signal::SIGHUP,
        &config.clone().server("c", &c, "").server("a", &a, "").to_string(),
    );
    assert!(told.contains("3 changes"), "{told}");
    clients
        .iter_mut()
        .for_each(|client| assert_eq!(ask(client, b"still"), b"still"));
    let mut more: Vec<_> = (0..4).map(|_| connect(config.at())).collect();
    let names: Vec<char> = more.iter_mut().map(name).collect();
    assert_eq!((a.accepted(), b.accepted(), c.accepted()), (4, 2, 2), "{names:?}");

    // What was counted goes on, in the order of the file.
    assert_eq!(stat(&room, "be", "a", "stot"), "4");
    assert_eq!(stat(&room, "be", "a", "scur"), "4");
    assert_eq!(stat(&room, "be", "BACKEND", "stot"), "8");
    assert_eq!(stat(&room, "fe", "FRONTEND", "stot"), "8");
    let csv = room.ask("show stat");
    let place = |row: &str| csv.find(row).unwrap_or_else(|| panic!("{row} is missing in\n{csv}"));
    assert!(place("be,c,") < place("be,a,") && !csv.contains("be,b,"));
    // Who is at a server that has gone is listed there.
    assert_eq!(room.ask("show sess").matches("srv=b ").count(), 2);

    let told = lb.reload(Signal::SIGUSR2, &both.to_string());
    assert!(told.contains("3 changes"), "{told}");
    assert_eq!(stat(&room, "be", "b", "status"), "no check");
    clients
        .iter_mut()
        .chain(&mut more)
        .for_each(|client| assert_eq!(ask(client, b"on"), b"on"));
}

#[test]
fn health_and_what_an_operator_said_stay() {
    let room = Room::new();
    let (a, mut b, c) = (Server::echo(), Server::echo(), Server::echo());
    b.kill();
    let config = Config::default().global(room.line());
    let config =
        config
            .server("a", &a, "check inter 1s weight 10")
            .server("b", &b, "check inter 300ms downinter 60s fall 1");
    let mut lb = Lb::start(&config.clone().server("c", &c, "weight 10").to_string());
    until("b to be down", || {
        (stat(&room, "be", "b", "status") == "DOWN").then_some(())
    });
    room.ask("set server be/a state drain; set weight be/c 5");
    let checks = stat(&room, "be", "b", "chkfail");

    let first = config
        .clone()
        .defaults("timeout queue 9s")
        .server("c", &c, "weight 10")
        .server("d", &c, "");
    lb.reload(Signal::SIGHUP, &first.to_string());
    let state = |row: &str| (stat(&room, "be", row, "status"), stat(&room, "be", row, "uweight"));
    let is = |status: &str, weight: &str| (status.to_owned(), weight.to_owned());
    assert_eq!(state("a"), is("DRAIN", "10"));
    assert_eq!(state("b"), is("DOWN", "1"));
    assert_eq!(stat(&room, "be", "b", "chkfail"), checks);
    assert_eq!(state("c"), is("no check", "5"));
    assert_eq!(state("d"), is("no check", "1"));

    // The file has come to say something else.
    let second = config.server("c", &c, "weight 20").server("d", &c, "disabled");
    lb.reload(Signal::SIGHUP, &second.to_string());
    assert_eq!(state("a"), is("DRAIN", "10"));
    assert_eq!(state("c"), is("no check", "20"));
    assert_eq!(state("d"), is("MAINT", "1"));
}

#[test]
fn a_server_that_moves_is_checked_where_it_is() {
    let room = Room::new();
    let (mut old, new) = (Server::echo(), Server::named("n"));
    let config = Config::default().global(room.line());
    let mut lb = Lb::start(
        &config
            .clone()
            .server("s", &old, "check inter 200ms fall 1 rise 1")
            .to_string(),
    );
    let mut client = connect(config.at());
    assert_eq!(ask(&mut client, b"old"), b"old");
    lb.reload(
        Signal::SIGHUP,
        &config
            .clone()
            .server("s", &new, "check inter 200ms fall 1 rise 1")
            .to_string(),
    );
    assert_eq!(name(&mut connect(config.at())), 'n');
    assert_eq!(ask(&mut client, b"still"), b"still");
    until("a check there", || (new.accepted() >= 3).then_some(()));
    old.kill();
    assert!(ended(&mut client));
    assert_eq!(stat(&room, "be", "s", "status"), "UP");
}

#[test]
fn listeners_come_and_go_and_who_waits_in_their_queue_is_served() {
    let (room, server) = (Room::new(), Server::echo());
    let extra = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let config = Config::default().global(room.line()).server("s", &server, "");
    let mut lb = Lb::start(&config.to_string());
    lb.reload(
        Signal::SIGHUP,
        &config.clone().frontend(format!("bind {extra} maxconn 1")).to_string(),
    );
    let mut first = connect(extra);
    assert_eq!(ask(&mut first, b"first"), b"first");
    // The line is full, so these wait in its queue.
    let mut waiting: Vec<_> = (0..5).map(|_| connect(extra)).collect();
    waiting
        .iter_mut()
        .for_each(|client| client.write_all(b"wait").expect("the kernel takes it"));

    lb.reload(Signal::SIGHUP, &config.to_string());
    assert_eq!(ask(&mut first, b"still"), b"still");
    drop(first);
    for client in &mut waiting {
        assert_eq!(ask(client, b"")[..], b""[..]);
        let mut answer = [0; 4];
        client.read_exact(&mut answer).expect("it is served in the end");
        client.shutdown(std::net::Shutdown::Both).ok();
    }
    until("the listener to close", || {
        TcpStream::connect(extra).is_err().then_some(())
    });
    assert_eq!(ask(&mut connect(config.at()), b"new"), b"new");
}

#[test]
fn an_address_goes_from_one_frontend_to_another() {
    let (room, a, b) = (Room::new(), Server::named("a"), Server::named("b"));
    let at = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let config = Config::default().global(room.line()).server("a", &a, "");
    let other = format!(
        "listen other\n    bind 127.0.0.1:{}\n    server b {}\n",
        free_port(),
        b.address()
    );
    let before = format!("{}{other}", config.clone().frontend(format!("bind {at}")));
    let after = format!("{config}{other}    bind {at}\n");
    let mut lb = Lb::start(&before);
    let mut client = connect(at);
    assert_eq!(name(&mut client), 'a');
    lb.reload(Signal::SIGHUP, &after);
    assert_eq!(name(&mut connect(at)), 'b');
    assert_eq!(ask(&mut client, b"still"), b"still");
    lb.reload(Signal::SIGHUP, &before);
    assert_eq!(name(&mut connect(at)), 'a');
}

#[test]
fn known_clients_stay_known() {
    let room = Room::new();
    let (a, b, c) = (Server::named("a"), Server::named("b"), Server::named("c"));
    let config = Config::default().global(room.line()).backend("stick on src");
    let table = |size: &str| {
        config
            .clone()
            .backend(format!("stick-table type ip size {size} expire 1h"))
    };
    let all = table("1k").server("a", &a, "").server("b", &b, "").server("c", &c, "");
    let mut lb = Lb::start(&all.to_string());
    room.ask("set table be key 127.0.0.1 data.server_id 3; set table be key 192.0.2.1 data.server_id 1");
    assert_eq!(name(&mut connect(config.at())), 'c');

    // The number of the server becomes another, the table another size; the entry leads to the same server.
    lb.reload(
        Signal::SIGHUP,
        &table("2k").server("b", &b, "").server("c", &c, "").to_string(),
    );
    let shown = room.ask("show table be");
    assert!(
        shown.contains("size:2048, used:1") && shown.contains("key=127.0.0.1") && shown.contains("server_key=c"),
        "{shown}"
    );
    for _ in 0..3 {
        assert_eq!(name(&mut connect(config.at())), 'c');
    }
    // A server that was disabled keeps its entries; without a table there are none.
    lb.reload(
        Signal::SIGHUP,
        &config
            .clone()
            .server("c", &c, "")
            .to_string()
            .replace("stick on src", ""),
    );
    assert!(room.ask("show table").trim().is_empty());
}

#[test]
fn timeouts_hold_for_those_who_come_after() {
    let server = Server::echo();
    let config = Config::default().server("s", &server, "");
    let mut lb = Lb::start(&config.to_string());
    let mut old = connect(config.at());
    assert_eq!(ask(&mut old, b"old"), b"old");
    lb.reload(
        Signal::SIGHUP,
        &config.to_string().replace("client 30s", "client 300ms"),
    );
    let mut new = connect(config.at());
    assert_eq!(ask(&mut new, b"new"), b"new");
    assert!(ended(&mut new));
    assert_eq!(ask(&mut old, b"still"), b"still");
}

#[test]
fn the_most_connections_become_more_and_fewer() {
    let (room, server) = (Room::new(), Server::echo());
    let config = Config::default().global(room.line()).server("s", &server, "");
    let limited = |n: u32| config.clone().frontend(format!("maxconn {n}")).to_string();
    let mut lb = Lb::start(&limited(1));
    let mut first = connect(config.at());
    assert_eq!(ask(&mut first, b"first"), b"first");
    let mut second = connect(config.at());
    second.write_all(b"x").expect("the kernel takes it");
    assert_eq!(stat(&room, "fe", "FRONTEND", "scur"), "1");
    lb.reload(Signal::SIGHUP, &limited(2));
    let mut byte = [0];
    second.read_exact(&mut byte).expect("there is a place now");
    assert_eq!(stat(&room, "fe", "FRONTEND", "slim"), "2");
    lb.reload(Signal::SIGHUP, &limited(1));
    assert_eq!(
        (ask(&mut first, b"on"), ask(&mut second, b"on")),
        (b"on".to_vec(), b"on".to_vec())
    );
}

#[test]
fn stats_sockets_come_and_go() {
    let (room, other, server) = (Room::new(), Room::new(), Server::echo());
    let config = Config::default().server("s", &server, "");
    let mut lb = Lb::start(&config.clone().global(room.line()).to_string());
    assert!(room.ask("show info").contains("Name:"));
    lb.reload(
        Signal::SIGHUP,
        &config.clone().global(room.line()).global(other.line()).to_string(),
    );
    assert!(
        other
            .ask("show cli sockets")
            .contains(&other.socket().display().to_string())
    );
    let weaker = other.line().replace("level admin", "level user");
    lb.reload(Signal::SIGHUP, &config.global(weaker).to_string());
    assert_eq!(other.ask("show cli level").trim(), "user");
    assert!(!room.socket().exists());
}

#[test]
fn the_page_follows() {
    let (room, server) = (Room::new(), Server::echo());
    let at = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let config = Config::default()
        .global(room.line())
        .server("s", &server, "")
        .to_string();
    let page = |uri: &str| {
        format!("{config}frontend page\n    mode http\n    bind {at}\n    stats enable\n    stats uri {uri}\n")
    };
    let mut lb = Lb::start(&config);
    lb.reload(Signal::SIGHUP, &page("/one"));
    assert_eq!(fetch(at, "/one;csv").status, 200);
    lb.reload(Signal::SIGHUP, &page("/two"));
    assert_eq!(fetch(at, "/two;csv").status, 200);
    assert_ne!(fetch(at, "/one;csv").status, 200);
    assert_eq!(stat(&room, "page", "FRONTEND", "stot"), "3");
    lb.reload(Signal::SIGHUP, &config);
    until("the page to go", || {
        TcpStream::connect_timeout(&at, PATIENCE).is_err().then_some(())
    });
}

#[test]
fn a_backend_may_be_another() {
    let (room, a, b) = (Room::new(), Server::named("a"), Server::named("b"));
    let config = Config::default().global(room.line()).server("a", &a, "").to_string();
    let other = format!("backend other\n    server b {}\n", b.address());
    let mut lb = Lb::start(&config);
    let at: SocketAddr = config
        .lines()
        .find_map(|l| l.trim().strip_prefix("bind "))
        .and_then(|at| at.parse().ok())
        .expect("it binds");
    let mut client = connect(at);
    assert_eq!(name(&mut client), 'a');
    let told = lb.reload(
        Signal::SIGHUP,
        &format!(
            "{}{other}",
            config.replace("default_backend be", "default_backend other")
        ),
    );
    assert!(told.contains("3 changes"), "{told}");
    assert_eq!(name(&mut connect(at)), 'b');
    // Its backend is gone, and it goes on.
    let without = config
        .split("\nbackend be")
        .next()
        .expect("the part before")
        .replace("default_backend be", "default_backend other");
    lb.reload(Signal::SIGHUP, &format!("{without}\n{other}"));
    assert_eq!(ask(&mut client, b"still"), b"still");
    assert!(!room.ask("show stat").contains("be,a,"));
    assert_eq!(name(&mut connect(at)), 'b');
    lb.reload(Signal::SIGHUP, &config);
    assert_eq!(name(&mut connect(at)), 'a');
}

/// Who came by the rules of before goes where they say, though it is configured no more: as with HAProxy, where such a
/// connection stays in the process that took it.
#[test]
fn a_rule_of_before_leads_where_it_led() {
    let (room, a, b) = (Room::new(), Server::named("a"), Server::named("b"));
    let config = Config::default().global(room.line()).server("a", &a, "");
    let before = config
        .clone()
        .frontend("tcp-request inspect-delay 30s")
        .frontend("tcp-request content accept if { req.len gt 0 }")
        .frontend("use_backend special if { req.payload(0,1) -m str x }");
    let special = format!("backend special\n    server b {}\n", b.address());
    let mut lb = Lb::start(&format!("{before}{special}"));
    let mut slow = connect(config.at());
    until("it to be looked at", || {
        (stat(&room, "fe", "FRONTEND", "scur") == "1").then_some(())
    });
    let told = lb.reload(Signal::SIGHUP, &config.to_string());
    assert!(told.contains("changes"), "{told}");
    assert!(!room.ask("show stat").contains("special,"));
    slow.write_all(b"x").expect("room");
    assert_eq!(name(&mut slow), 'b');
    assert_eq!(name(&mut connect(config.at())), 'a');
}

#[test]
fn rates_follow_and_an_order_stays_until_the_file_says_something_else() {
    let (room, server) = (Room::new(), Server::echo());
    let config = Config::default().global(room.line()).server("s", &server, "");
    let paced = |global: &str, frontend: &str| {
        let config = global
            .split(';')
            .fold(config.clone(), |config, line| config.global(line));
        config.frontend(frontend).to_string()
    };
    let rates = || {
        let info = room.ask("show info");
        let of = |name: &str| {
            let line = info.lines().find_map(|l| l.strip_prefix(&format!("{name}: ")));
            line.unwrap_or_default().to_owned()
        };
        [
            of("ConnRateLimit"),
            of("SessRateLimit"),
            stat(&room, "fe", "FRONTEND", "rate_lim"),
        ]
    };
    let mut lb = Lb::start(&config.to_string());
    assert_eq!(rates(), ["0", "0", "0"]);
    lb.reload(
        Signal::SIGHUP,
        &paced("maxconnrate 500;maxsessrate 400", "rate-limit sessions 300"),
    );
    assert_eq!(rates(), ["500", "400", "300"]);
    room.ask("set rate-limit connections global 7;set rate-limit sessions global 8");
    lb.reload(
        Signal::SIGHUP,
        &paced("maxconnrate 500;maxsessrate 399", "rate-limit sessions 300"),
    );
    assert_eq!(rates(), ["7", "399", "300"]);
    lb.reload(Signal::SIGHUP, &paced("maxsessrate 2", "maxconn 100"));
    assert_eq!(rates(), ["0", "2", "0"]);
    // And it holds: two at once, each further one takes its part of a second.
    let began = std::time::Instant::now();
    for _ in 0..4 {
        assert_eq!(ask(&mut connect(config.at()), b"x"), b"x");
    }
    assert!(
        began.elapsed() >= std::time::Duration::from_millis(700),
        "{:?}",
        began.elapsed()
    );
}
