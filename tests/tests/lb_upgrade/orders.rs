//! Orders that come while a successor takes over: carried out or refused, and never confirmed and lost.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use tandem_lb_core::handover::Message;
use tandem_tests::{Config, Lb, PATIENCE, Server, ask, connect, until};

use crate::heir::Heir;
use crate::socket::Socket;

const ORDERS: [&str; 9] = [
    "set server be/s state drain",
    "set server be/s addr 127.0.0.9",
    "set weight be/s 0",
    "set table be key 10.0.0.1 data.server_id 1",
    "clear table be",
    "clear counters all",
    "disable frontend fe",
    "set maxconn frontend fe 5",
    "set var proc.x int(1)",
];

fn config(socket: &Socket, server: &Server) -> Config {
    Config::default()
        .global(socket.line())
        .backend("stick-table type ip size 10 expire 1h")
        .backend("stick on src")
        .server("s", server, "")
}

#[test]
fn while_it_gives_no_order_is_taken_and_afterwards_all_are() {
    let (server, socket) = (Server::echo(), Socket::new());
    let mut old = Lb::start(&config(&socket, &server).to_string());
    let mut heir = Heir::ready(&socket);
    heir.heard_until(|message| matches!(message, Message::Ready { .. }));
    for order in ORDERS {
        let answer = socket.ask(order);
        assert!(
            answer.contains("a successor takes over at this moment"),
            "{order}: {answer}"
        );
    }
    // Looking changes nothing.
    for question in [
        "show servers state",
        "show table be",
        "get weight be/s",
        "show sess",
        "show drain",
    ] {
        let answer = socket.ask(question);
        assert!(!answer.contains("takes over"), "{question}: {answer}");
    }
    assert_eq!(socket.figure("fe", "FRONTEND", "stot"), 0);
    drop(heir);
    until("orders to be taken again", || {
        let answer = socket.ask("set server be/s state drain");
        (!answer.contains("takes over")).then_some(())
    });
    assert!(socket.ask("show stat").contains(",DRAIN,"));
    assert!(old.is_running());
}

#[test]
fn who_still_talks_to_the_old_process_is_sent_to_the_new_one() {
    let (server, socket) = (Server::echo(), Socket::new());
    let config = config(&socket, &server);
    let mut old = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    assert_eq!(ask(&mut client, b"before"), b"before");
    let mut console = UnixStream::connect(socket.path()).expect("the balancer answers there");
    console.set_read_timeout(Some(PATIENCE)).expect("above zero");
    let mut answers = BufReader::new(console.try_clone().expect("a second handle"));
    let mut order = |text: &str| {
        writeln!(console, "{text}").expect("room");
        let mut line = String::new();
        while line.trim_matches(['>', ' ', '\n']).is_empty() {
            line.clear();
            answers.read_line(&mut line).expect("an answer");
        }
        line
    };
    assert!(order("prompt;show version").contains('.'));
    let mut heir = Heir::ready(&socket);
    let number = heir.given(1)[0];
    let why = "the test says so".to_owned();
    heir.say(&Message::Refused { number, why });
    heir.heard_until(|message| matches!(message, Message::Ended));
    heir.say(&Message::Done);
    let answer = until("the old process to have given all", || {
        Some(order("set weight be/s 0")).filter(|answer| !answer.contains("at this moment"))
    });
    assert!(answer.contains("another process has taken over"), "{answer}");
    drop(heir);
    // What it has kept it still leads, and may still be told to end.
    assert_eq!(ask(&mut client, b"still"), b"still");
    order(&format!("shutdown session {number};show version"));
    assert!(tandem_tests::ended(&mut client));
    assert!(old.ended().success());
}

#[test]
fn another_name_and_no_tls_are_remembered() {
    let (socket, server) = (Socket::new(), Server::echo());
    let config = Config::default()
        .global(socket.line())
        .server("s", &server, "ssl verify none")
        .server_at("r", server.address(), "ssl verify none")
        .to_string();
    // Nobody answers there: what is looked up is seen in the state.
    let looked_up = format!(
        "server l one.test:{} resolvers dns init-addr none",
        server.address().port()
    );
    let resolvers = "resolvers dns\n nameserver ns 127.0.0.1:9\n";
    let config = format!("{config}  {looked_up}\n{resolvers}");
    let mut running = Lb::start(&config);
    for order in ["set server be/s ssl off", "set server be/l fqdn two.test"] {
        let answer = socket.ask(order);
        assert!(
            answer.contains("updated") || answer.contains("changed its FQDN"),
            "{answer}"
        );
    }
    // `srv_fqdn` and `srv_use_ssl`.
    let told = || {
        let state = socket.ask("show servers state be");
        let lines = state
            .lines()
            .map(|line| line.split(' ').collect::<Vec<_>>())
            .filter(|words| words.len() == 25);
        lines
            .filter(|words| words[3] != "srv_name")
            .map(|words| format!("{} {} {}", words[3], words[17], words[20]))
            .collect::<Vec<_>>()
    };
    let expected = ["s - 0", "r - 1", "l two.test 0"];
    assert_eq!(told(), expected);
    for _ in 0..2 {
        let new = running.succeed(socket.path(), &config);
        assert!(running.ended().success());
        assert_eq!(told(), expected);
        running = new;
    }
    // What the file says anew is the newer word.
    let config = config.replace("one.test", "three.test");
    let _last = running.succeed(socket.path(), &config);
    assert!(running.ended().success());
    assert_eq!(told(), ["s - 0", "r - 1", "l three.test 0"]);
}
