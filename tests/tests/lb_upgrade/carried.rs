//! What operators have said and what was counted, in the successor.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use nix::sys::signal::Signal;
use tandem_tests::{Config, Lb, Server, ask, connect, fetch, free_port, request, until};

use crate::socket::Socket;

/// Orders, each with a question and what the answer to that contains from then on.
const ORDERS: [(&str, &str, &str); 9] = [
    ("set maxconn frontend fe 77", "show stat", ",77,"),
    ("set maxconn global 99", "show info", "\nMaxconn: 99\n"),
    (
        "set rate-limit connections global 1234",
        "show info",
        "\nConnRateLimit: 1234\n",
    ),
    (
        "set rate-limit sessions global 4321",
        "show info",
        "\nSessRateLimit: 4321\n",
    ),
    ("set var proc.answer int(42)", "get var proc.answer", "<42>"),
    (
        "set server be/c check-addr 127.0.0.9 port 77",
        "show servers state",
        " 77 127.0.0.9 ",
    ),
    (
        "set server be/a agent-addr 127.0.0.7 port 78",
        "show servers state",
        " 127.0.0.7 78\n",
    ),
    ("disable frontend other", "show stat", "other,FRONTEND,,,0,0,"),
    ("set server be/s weight 7", "get weight be/s", "7 (initial 1)"),
];

struct Stage {
    socket: Socket,
    other: SocketAddr,
    page: SocketAddr,
    text: String,
    at: SocketAddr,
}

impl Stage {
    fn new(server: &Server, more: &str) -> Stage {
        let [other, page] = [(); 2].map(|()| SocketAddr::from(([127, 0, 0, 1], free_port())));
        let socket = Socket::new();
        let config = Config::default()
            .global(socket.line())
            .global(more)
            .frontend("option socket-stats")
            .server("s", server, "")
            .server("c", server, "check inter 1h port 1 weight 0")
            .server("a", server, "agent-check agent-port 1 agent-inter 1h weight 0");
        let text = format!(
            "{config}frontend other\n    bind {other}\n    default_backend be\nfrontend page\n    mode http\n    bind {page}\n    \
             stats enable\n    stats uri /stats\n"
        );
        Stage {
            socket,
            other,
            page,
            text,
            at: config.at(),
        }
    }

    fn says(&self, question: &str, words: &str) -> bool {
        self.socket.ask(question).contains(words)
    }

    fn status(&self, frontend: &str) -> String {
        let csv = self.socket.ask("show stat");
        let line = csv
            .lines()
            .find(|line| line.starts_with(&format!("{frontend},FRONTEND,")));
        let status = line.and_then(|line| line.split(',').nth(17));
        status.unwrap_or_default().to_owned()
    }

    /// How many sessions are in the histograms.
    fn spread(&self) -> u64 {
        let metrics = fetch(self.page, "/metrics").body;
        let counts = metrics
            .lines()
            .filter(|l| l.starts_with("tandem_server_session_age_seconds_count{"));
        counts.filter_map(|l| l.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }
}

/// What a browser shows was of the process before: what its reader does there is his own still.
#[test]
fn a_page_that_is_open_can_be_used_afterwards() {
    let server = Server::echo();
    let stage = Stage::new(&server, "# nothing more");
    let text = format!("{}    stats admin if TRUE\n", stage.text);
    let mut old = Lb::start(&text);
    let page = fetch(stage.page, "/stats").body;
    let token = page
        .split("name=\"t\" value=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let token = token.expect("the form has a token").to_owned();
    let _new = old.succeed(stage.socket.path(), &text);
    assert!(old.ended().success());
    let own = format!("Origin: http://{}", stage.page);
    let act = |form: &str| request(stage.page, "POST", "/stats", &[&own], form);
    let drain = format!("s=s&b=be&action=drain&t={token}");
    assert_eq!(act(&drain).header("location"), "/stats;st=DONE");
    for stranger in ["s=s&b=be&action=ready", "s=s&b=be&action=ready&t="] {
        assert_eq!(act(stranger).header("location"), "/stats;st=DENY");
    }
}

#[test]
fn orders_and_what_was_counted() {
    let server = Server::echo();
    let stage = Stage::new(&server, "# nothing more");
    let mut old = Lb::start(&stage.text);
    for n in [b"1", b"2"] {
        assert_eq!(ask(&mut connect(stage.at), n), n);
    }
    until("the sessions to be counted", || (stage.spread() == 2).then_some(()));
    for (order, question, words) in ORDERS {
        assert_eq!(stage.socket.ask(order).trim(), "", "{order}");
        assert!(stage.says(question, words), "{order}: {}", stage.socket.ask(question));
    }
    assert_eq!(stage.status("other"), "PAUSED");
    let listener = stage.socket.figure("fe", "sock-1", "stot");
    assert_eq!(listener, 2);

    let mut new = old.succeed(stage.socket.path(), &stage.text);
    assert!(old.ended().success());
    for (order, question, words) in ORDERS {
        assert!(stage.says(question, words), "{order}: {}", stage.socket.ask(question));
    }
    assert_eq!(
        (stage.status("fe").as_str(), stage.status("other").as_str()),
        ("OPEN", "PAUSED")
    );
    assert_eq!(stage.socket.figure("fe", "sock-1", "stot"), 2);
    assert_eq!(stage.spread(), 2);
    // It goes on from there.
    stage.socket.ask("enable frontend other");
    assert_eq!(ask(&mut connect(stage.other), b"x"), b"x");
    // A file that says something else is the newer word.
    let edited = stage
        .text
        .replace("option socket-stats", "option socket-stats\n    maxconn 55");
    let _newer = new.succeed(stage.socket.path(), &edited);
    assert!(new.ended().success());
    assert!(stage.says("show stat", ",55,"));
}

#[test]
fn a_frontend_that_was_shut_down_is_not_opened_before_a_reload() {
    let server = Server::echo();
    let stage = Stage::new(&server, "# nothing more");
    let mut old = Lb::start(&stage.text);
    stage.socket.ask("shutdown frontend other");
    let is_closed = || TcpStream::connect(stage.other).is_err();
    until("it to close", || is_closed().then_some(()));
    let mut new = old.succeed(stage.socket.path(), &stage.text);
    assert!(old.ended().success());
    assert!(is_closed());
    assert!(stage.says("enable frontend other", "previously shut down"));
    assert!(stage.says("reload dry-run", "frontend other: disabled yes becomes no"));
    new.reload(Signal::SIGHUP, &stage.text);
    assert_eq!(ask(&mut connect(stage.other), b"x"), b"x");
    assert_eq!(stage.status("other"), "OPEN");
}

/// Where an agent is, and what is said to it.
#[test]
fn an_agent_is_asked_where_and_what_an_operator_has_said() {
    let (server, heard) = (Server::echo(), Arc::new(Mutex::new(Vec::new())));
    let agent = Server::start({
        let heard = heard.clone();
        move |mut stream| {
            let mut words = [0; 6];
            if stream.read_exact(&mut words).is_ok() {
                heard.lock().unwrap_or_else(PoisonError::into_inner).push(words);
            }
            stream.write_all(b"up\n").ok();
        }
    });
    let file = std::env::temp_dir().join(format!("tandem-asked-{}", free_port()));
    let stage = Stage::new(&server, &format!("tandem-state-file {} every 1h", file.display()));
    let text = stage.text.replace(
        "frontend other",
        "    server agent 127.0.0.9:1 weight 0 agent-check agent-port 1 agent-inter 100 agent-send first!\nfrontend other",
    );
    let mut old = Lb::start(&text);
    let at = agent.address();
    for order in [
        format!("agent-addr {} port 1", at.ip()),
        format!("agent-port {}", at.port()),
        "agent-send second".to_owned(),
    ] {
        assert_eq!(stage.socket.ask(&format!("set server be/agent {order}")).trim(), "");
    }
    let is_asked = || {
        heard.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let last = || heard.lock().unwrap_or_else(PoisonError::into_inner).last().copied();
        until("the agent to be asked", || last().filter(|words| words == b"second"));
    };
    is_asked();
    let mut new = old.succeed(stage.socket.path(), &text);
    assert!(old.ended().success());
    is_asked();
    new.signal(Signal::SIGTERM);
    assert!(new.ended().success());
    let mut lb = Lb::start(&text);
    is_asked();
    // A file that names another agent is the newer word.
    let edited = text.replace("agent-send first!", "agent-send third!");
    lb.signal(Signal::SIGTERM);
    assert!(lb.ended().success());
    let _lb = Lb::start(&edited);
    let states = stage.socket.ask("show servers state be");
    let line = states.lines().find(|line| line.contains(" agent 127.0.0.9 "));
    assert!(line.is_some_and(|line| line.ends_with(" - 1")), "{states}");
    for ending in ["", ".old", ".lock", ".new"] {
        std::fs::remove_file(format!("{}{ending}", file.display())).ok();
    }
}

/// The same through a file, except for what does not outlive the process with HAProxy either.
#[test]
fn through_a_restart() {
    let server = Server::echo();
    let file = std::env::temp_dir().join(format!("tandem-carried-{}", free_port()));
    let stage = Stage::new(&server, &format!("tandem-state-file {} every 1h", file.display()));
    let mut lb = Lb::start(&stage.text);
    assert_eq!(ask(&mut connect(stage.at), b"1"), b"1");
    until("the session to be counted", || (stage.spread() == 1).then_some(()));
    for (order, ..) in ORDERS {
        stage.socket.ask(order);
    }
    lb.signal(Signal::SIGTERM);
    assert!(lb.ended().success());
    let _lb = Lb::start(&stage.text);
    for (order, question, words) in ORDERS {
        assert!(stage.says(question, words), "{order}: {}", stage.socket.ask(question));
    }
    assert_eq!(stage.status("other"), "PAUSED");
    assert_eq!((stage.socket.figure("fe", "sock-1", "stot"), stage.spread()), (1, 1));
    for ending in ["", ".old", ".lock", ".new"] {
        std::fs::remove_file(format!("{}{ending}", file.display())).ok();
    }
}
