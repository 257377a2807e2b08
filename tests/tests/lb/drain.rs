//! Ending connections at a pace: how many in which time, who goes first, and what is said meanwhile.

use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;
use tandem_tests::{Config, Lb, Server, ask, ended, order, talking, until};

struct Socket(PathBuf);

impl Socket {
    fn new(name: &str) -> Socket {
        Socket(std::env::temp_dir().join(format!("tandem-drain-{name}-{}.sock", std::process::id())))
    }

    fn line(&self) -> String {
        format!("stats socket {} mode 600 level admin", self.0.display())
    }

    fn ask(&self, command: &str) -> String {
        order(&self.0, command)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

/// Without waiting: whether nobody has ended it yet.
fn is_open(client: &TcpStream) -> bool {
    client.set_nonblocking(true).expect("a socket");
    client
        .peek(&mut [0])
        .is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock)
}

fn all_end(clients: &[TcpStream]) {
    until("all connections to end", || {
        clients.iter().all(|client| !is_open(client)).then_some(())
    });
}

#[test]
fn the_idlest_go_first_and_not_all_at_once() {
    let (server, socket) = (Server::echo(), Socket::new("idlest"));
    let config = Config::default().global(socket.line()).server("s", &server, "");
    let mut lb = Lb::start(&config.to_string());
    let mut clients = talking(config.at(), 40);
    // The first half speaks once more, so the second is idler, though it is younger.
    std::thread::sleep(Duration::from_millis(20));
    for client in &mut clients[..20] {
        assert_eq!(ask(client, b"again"), b"again");
    }
    assert_eq!(socket.ask("show drain"), "Not draining.\n\n");
    assert_eq!(
        socket.ask("drain over"),
        "Expects 'over <time> [idlest|oldest]' or nothing.\n\n"
    );
    assert_eq!(socket.ask("drain over 8s idlest"), "\n");
    until("some to end", || {
        (clients.iter().filter(|c| !is_open(c)).count() >= 5).then_some(())
    });
    let gone: Vec<usize> = (0..40).filter(|at| !is_open(&clients[*at])).collect();
    assert!(
        gone.iter().all(|at| *at >= 20) || gone.len() > 20,
        "the idle ones first: {gone:?}"
    );
    assert!(gone.len() < 40, "not all at once");
    assert_eq!(socket.ask("drain over 0"), "\n");
    all_end(&clients);
    assert!(lb.ended().success());
}

#[test]
fn the_oldest_go_first_and_progress_is_told() {
    let (server, socket) = (Server::echo(), Socket::new("oldest"));
    let config = Config::default().global(socket.line()).server("s", &server, "");
    let lb = Lb::start(&config.to_string());
    let mut clients = talking(config.at(), 10);
    assert_eq!(ask(&mut clients[0], b"I speak last"), b"I speak last");
    assert_eq!(socket.ask("drain over 10s oldest"), "\n");
    assert!(ended(&mut clients[0]));
    assert!(clients[5..].iter().all(is_open));
    let told = socket.ask("show drain");
    assert!(
        told.starts_with("Draining: ") && told.contains(" of 10 connections left, "),
        "{told}"
    );
    assert!(socket.ask("show info").contains("\nStopping: 1\n"));
    // Somebody is in more of a hurry now.
    assert_eq!(socket.ask("drain over 0"), "\n");
    all_end(&clients[1..]);
    drop(lb);
}

#[test]
fn usr1_takes_the_configured_time() {
    let (server, socket) = (Server::echo(), Socket::new("usr1"));
    let config = Config::default()
        .global(socket.line())
        .global("close-spread-time 1h")
        .server("s", &server, "");
    let mut lb = Lb::start(&config.to_string());
    let clients = talking(config.at(), 20);
    lb.signal(Signal::SIGUSR1);
    // At that pace nobody is gone before three minutes.
    let told = until("the pace", || {
        Some(socket.ask("show drain")).filter(|told| told.contains(" of 20 connections left, 0 closed, "))
    });
    assert!(told.contains("1:00:00 to go") || told.contains("0:59:"), "{told}");
    assert!(clients.iter().all(is_open));
    assert_eq!(socket.ask("drain over 0"), "\n");
    all_end(&clients);
    assert!(lb.ended().success());
}

#[test]
fn a_reload_says_how_long_it_takes() {
    let (server, socket) = (Server::echo(), Socket::new("reload"));
    let config = Config::default().global(socket.line()).server("s", &server, "");
    let mut lb = Lb::start(&config.to_string());
    let clients = talking(config.at(), 20);
    let paced = config.clone().global("close-spread-time 10s");
    let told = lb.reload(Signal::SIGHUP, &paced.to_string());
    assert!(told.contains("One change"), "{told}");
    lb.signal(Signal::SIGUSR1);
    until("the first to end", || clients.iter().any(|c| !is_open(c)).then_some(()));
    assert!(clients.iter().any(is_open), "not all at once");
    assert_eq!(socket.ask("drain over 0"), "\n");
    all_end(&clients);
    assert!(lb.ended().success());
}

#[test]
fn the_pace_ends_by_the_hard_stop() {
    let (server, socket) = (Server::echo(), Socket::new("both"));
    let config = Config::default()
        .global(socket.line())
        .global("hard-stop-after 10s")
        .server("s", &server, "");
    let mut lb = Lb::start(&config.to_string());
    let mut clients = talking(config.at(), 20);
    assert_eq!(socket.ask("drain over 1h oldest"), "\n");
    // At the pace of an hour nobody would be gone before three minutes.
    assert!(ended(&mut clients[0]));
    assert!(is_open(&clients[19]), "not all at once");
    let told = socket.ask("show drain");
    assert!(
        told.contains(" of 20 connections left, ") && told.contains(", 0:00:0"),
        "{told}"
    );
    // Another order does not make it longer.
    assert_eq!(socket.ask("drain over 2h oldest"), "\n");
    let told = until("the other pace", || {
        Some(socket.ask("show drain")).filter(|told| !told.contains(" of 20 "))
    });
    assert!(told.contains(", 0:00:0"), "{told}");
    assert_eq!(socket.ask("drain over 0"), "\n");
    all_end(&clients);
    assert!(lb.ended().success());
}

#[test]
fn what_is_left_at_the_hard_stop_is_ended_and_said() {
    let (server, socket) = (Server::echo(), Socket::new("hard"));
    let said = std::env::temp_dir().join(format!("tandem-drain-said-{}", std::process::id()));
    let config = Config::default()
        .global(socket.line())
        .global("hard-stop-after 300ms")
        .server("s", &server, "");
    let stderr = std::fs::File::create(&said).expect("a writable folder");
    let mut lb = Lb::start_as(&config.to_string(), |mut command| {
        command.stderr(stderr);
        command
    });
    let clients = talking(config.at(), 3);
    // Nobody is hurried.
    assert_eq!(socket.ask("drain"), "\n");
    all_end(&clients);
    assert!(lb.ended().success());
    let text = std::fs::read_to_string(&said).expect("it is written");
    assert!(
        text.contains("hard-stop-after has passed; connections that were left and are closed now: 3"),
        "{text}"
    );
    std::fs::remove_file(said).ok();
}
