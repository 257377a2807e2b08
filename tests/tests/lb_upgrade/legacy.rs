//! What operators have made of lists and servers, and what the page remembers, in the successor.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket as Socket2, Type};
use tandem_lb_core::handover::Message;
use tandem_lb_core::snapshot::Snapshot;
use tandem_lb_core::stick::DataType;
use tandem_tests::{Config, Lb, PATIENCE, Server, ask, connect, fetch, free_port, until};

use crate::heir::Heir;
use crate::socket::Socket;

/// Figures of a moment; all others must be the same in the successor as before.
const MOMENTARY: [&str; 12] = [
    "rate",
    "conn_rate",
    "req_rate",
    "lastchg",
    "lastsess",
    "downtime",
    "check_duration",
    "last_chk",
    "scur",
    "check_status",
    "smax",
    "rate_max",
];

/// Each row of the CSV as its name and the cells that last.
fn lasting(csv: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut lines = csv.trim_end().lines();
    let names: Vec<&str> = lines
        .next()
        .unwrap_or_default()
        .trim_start_matches("# ")
        .split(',')
        .collect();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let lasts =
            |(name, _): &(&&str, &&str)| !MOMENTARY.contains(name) && !name.is_empty() && !name.ends_with("_rate");
        let all = names.iter().zip(&cells).filter(lasts);
        let all = all.map(|(name, cell)| ((*name).to_owned(), (*cell).to_owned()));
        (format!("{}/{}", cells[0], cells[1]), all.collect())
    };
    lines.map(row).collect()
}

#[test]
fn every_figure_that_lasts_is_in_the_successor() {
    let (server, socket) = (Server::echo(), Socket::new());
    let page = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let config = Config::default()
        .global(socket.line())
        .frontend("option socket-stats")
        .frontend("tcp-request connection reject if { src 127.0.0.77 }")
        .server("s", &server, "check inter 50")
        .server_at("gone", ([127, 0, 0, 1], free_port()).into(), "check inter 50 fall 1");
    let text =
        format!("{config}frontend page\n    mode http\n    bind {page}\n    stats enable\n    stats uri /stats\n");
    let mut old = Lb::start(&text);
    until("the server that is not there to be down", || {
        socket.ask("show stat").contains("be,gone,0,0,0,0,").then_some(())?;
        let csv = socket.ask("show stat");
        csv.lines()
            .any(|line| line.starts_with("be,gone,") && line.contains(",DOWN,"))
            .then_some(())
    });
    for n in [b"1", b"2", b"3"] {
        assert_eq!(ask(&mut connect(config.at()), n), n);
    }
    assert_eq!(fetch(page, "/nothing").status, 503);
    let said = fetch(page, "/stats").body;
    assert!(said.contains("Server be/gone is DOWN"), "{said}");
    until("the sessions to end", || {
        (socket.figure("be", "s", "scur") == 0).then_some(())
    });
    let mut two = [connect(config.at()), connect(config.at())];
    for client in &mut two {
        assert_eq!(ask(client, &[7; 50_000]), [7; 50_000]);
    }
    until("their bytes to be counted", || {
        (socket.figure("be", "s", "bin") == 100_003 && socket.figure("be", "s", "bout") == 100_003).then_some(())
    });
    let before = lasting(&socket.ask("show stat"));
    let last: u64 = socket.figure("be", "s", "lastsess");

    let _new = old.succeed(socket.path(), &text);
    assert!(old.ended().success());
    let after = lasting(&socket.ask("show stat"));
    assert_eq!(before.len(), after.len());
    for ((name, before), (_, after)) in before.iter().zip(&after) {
        for (cell, now) in before.iter().zip(after) {
            // Checks go on.
            let is_less = || cell.1.parse::<u64>().ok() > now.1.parse::<u64>().ok();
            let counts_on = matches!(&*cell.0, "chkfail" | "chkdown") || name.starts_with("page/");
            assert!(
                cell == now || counts_on && !is_less(),
                "{name}: {cell:?} became {now:?}"
            );
        }
    }
    assert!((last..last + 30).contains(&socket.figure("be", "s", "lastsess")));
    let said = fetch(page, "/stats").body;
    assert!(
        said.contains("Server be/gone is DOWN"),
        "the time line is empty: {said}"
    );
    // The slot under way is drawn, too: five sessions in ten seconds, and what they said.
    for (name, ends) in [
        ("New per second", "at most 1"),
        ("Bytes per second", "kB"),
        ("Connect time", "s"),
    ] {
        let chart = said.split(&format!("{name} of s in the last hour: ")).nth(1);
        let chart = chart.and_then(|rest| rest.split('"').next()).unwrap_or_default();
        assert!(chart.contains("at most ") && chart.ends_with(ends), "{name}: {chart}");
    }
    drop(two);
}

#[test]
fn lists_and_servers_that_operators_have_changed() {
    let (server, socket) = (Server::echo(), Socket::new());
    let file = std::env::temp_dir().join(format!("tandem-legacy-{}.acl", free_port()));
    std::fs::write(&file, "127.0.0.50\n").expect("the temporary folder is writable");
    let name = file.display();
    let config = Config::default()
        .global(socket.line())
        .frontend(format!("tcp-request connection reject if {{ src -f {name} }}"))
        .backend("balance roundrobin")
        .server("s", &server, "")
        .server("t", &server, "");
    let mut old = Lb::start(&config.to_string());
    let orders = [
        format!("add acl {name} 127.0.0.51"),
        format!("del acl {name} 127.0.0.50"),
        format!("add server be/new {} weight 7 check inter 50 id 77", server.address()),
        "set server be/new state ready".to_owned(),
        "enable health be/new".to_owned(),
        "set server be/t state maint".to_owned(),
        "del server be/t".to_owned(),
    ];
    for order in &orders {
        let said = socket.ask(order);
        assert!(
            ["", "New server registered.", "Server deleted."].contains(&said.trim()),
            "{order}: {said}"
        );
    }
    until("the new server to be up", || {
        socket.ask("show stat").contains(",UP,7,").then_some(())
    });
    let read = || {
        let acl = socket.ask(&format!("show acl {name}"));
        let state = socket.ask("show servers state be");
        let servers = state.lines().filter(|line| line.starts_with(char::is_numeric));
        let servers = servers.filter_map(|line| Some(line.split(' ').collect::<Vec<_>>().get(2..6)?.join(" ")));
        (acl, servers.collect::<Vec<_>>())
    };
    let before = read();
    assert_eq!(before.1.len(), 2, "{before:?}");
    let mut new = old.succeed(socket.path(), &config.to_string());
    assert!(old.ended().success());
    assert_eq!(read(), before);
    assert!(socket.ask("show stat").contains(",UP,7,"));
    let from = |n| is_served(n, config.at());
    assert!(from(50), "it is not in the list any more");
    assert!(!from(51), "it is in the list now");
    // A second handover hands on what was handed over; and a file that was edited is the newer word.
    std::fs::write(&file, "127.0.0.52\n").expect("the temporary folder is writable");
    let _newer = new.succeed(socket.path(), &config.to_string());
    assert!(new.ended().success());
    assert_eq!(read().1, before.1);
    assert!(!from(52) && from(51));
    std::fs::remove_file(&file).ok();
}

/// Whether a client with this address gets an answer.
fn is_served(last: u8, at: SocketAddr) -> bool {
    let client = Socket2::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    client
        .bind(&SocketAddr::from(([127, 0, 0, last], 0)).into())
        .expect("an address of this host");
    client.connect(&at.into()).expect("the balancer listens");
    let (mut client, mut answer) = (TcpStream::from(client), [0]);
    client.set_read_timeout(Some(PATIENCE)).expect("above zero");
    client.write_all(b"x").is_ok() && client.read_exact(&mut answer).is_ok()
}

/// What a connection counted between the table's snapshot and its own move is told at the end.
#[test]
fn counts_of_the_last_moment_reach_the_table() {
    let (server, socket) = (Server::echo(), Socket::new());
    let config = Config::default()
        .global(socket.line())
        .frontend("tcp-request connection track-sc0 src table be")
        .backend("stick-table type ip size 100 expire 1h store conn_cnt,bytes_in_cnt,bytes_out_cnt")
        .server("s", &server, "");
    let _old = Lb::start(&config.to_string());
    let mut client: TcpStream = connect(config.at());
    // The client may have its answer before the table knows of it.
    let until_counted = |bytes: u64| {
        until("the bytes to be counted", || {
            let table = socket.ask("show table be");
            let both = [format!("bytes_in_cnt={bytes}"), format!("bytes_out_cnt={bytes}")];
            both.iter().all(|count| table.contains(count)).then_some(())
        });
    };
    assert_eq!(ask(&mut client, b"12345"), b"12345");
    until_counted(5);
    let mut heir = Heir::ready(&socket);
    let mut given = Vec::new();
    loop {
        match heir.heard() {
            Message::State(piece) => given.extend(piece),
            Message::Ready { .. } => break,
            other => panic!("{other:?}"),
        }
    }
    // The connection is still led there; this heir does not take it, and so it carries on.
    let mut counted = Vec::new();
    let mut refused = false;
    loop {
        match heir.heard() {
            Message::Connection { number, .. } if !refused => {
                refused = true;
                heir.say(&Message::Refused {
                    number,
                    why: "a test".to_owned(),
                });
                assert_eq!(ask(&mut client, b"6789"), b"6789");
                until_counted(9);
            }
            Message::Connection { number, .. } => heir.say(&Message::Taken { number }),
            Message::Counters(piece) => counted.extend(piece),
            Message::Ended => break,
            other => panic!("{other:?}"),
        }
    }
    let bytes = |bytes: &[u8]| {
        let snapshot = Snapshot::from_bytes(bytes).expect("it is whole");
        let table = snapshot.table("be").expect("it is there").clone();
        let entry = table.entries.first().expect("the client is known").clone();
        let value = |name: &str| {
            let data = DataType::named(name).expect("a known name");
            entry.value(data).map(|value| value.number())
        };
        ["conn_cnt", "bytes_in_cnt", "bytes_out_cnt"].map(value)
    };
    assert_eq!(bytes(&given), [Some(1), Some(5), Some(5)]);
    assert_eq!(bytes(&counted), [None, Some(4), Some(4)]);
}

/// A check that fails while a successor is told how the servers are counts in one process only: here when that one takes
/// nothing, and never in between, where what was said already could not be taken back.
#[test]
fn failed_checks_of_a_handover_count_once() {
    let (server, socket) = (Server::echo(), Socket::new());
    // It says nothing after a while: checks, which want to hear something, fail, and the server stays up for long.
    let heard = AtomicU32::new(0);
    let mute = Server::start(move |mut stream: TcpStream| {
        if heard.fetch_add(1, Relaxed) < 3 {
            stream.write_all(b"hello").ok();
        }
    });
    let config = Config::default()
        .global(socket.line())
        .backend("option tcp-check")
        .backend("tcp-check expect string hello")
        .server("s", &server, "")
        .server("flaky", &mute, "check inter 30 fall 1000 backup");
    let mut old = Lb::start(&config.to_string());
    let failed = || socket.figure("be", "flaky", "chkfail");
    until("checks to fail", || (failed() > 2).then_some(()));
    let mut client = connect(config.at());
    assert_eq!(ask(&mut client, b"x"), b"x");
    let mut heir = Heir::ready(&socket);
    let mut given = Vec::new();
    while let Message::State(piece) = heir.heard() {
        given.extend(piece);
    }
    let told = Snapshot::from_bytes(&given).expect("it is whole");
    let told = told
        .backend("be")
        .and_then(|be| be.server("flaky")?.health.clone()?.check);
    let told = told.expect("it is checked").failures;
    // For as long as ten checks would take.
    let end = Instant::now() + Duration::from_millis(300);
    while Instant::now() < end {
        assert_eq!(failed(), told, "what it was not told does not count yet");
    }
    drop(heir);
    until("them to count here", || (failed() > told + 2).then_some(()));
    let before = failed();
    let _new = old.succeed(socket.path(), &config.to_string());
    assert!(old.ended().success());
    assert!(failed() >= before);
}
