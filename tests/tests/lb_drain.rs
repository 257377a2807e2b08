//! Ending connections at a pace: how many in which time, who goes first, and what is said meanwhile.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tandem_tests::{Config, Lb, PATIENCE, Server, ask, connect, ended, until};

struct Socket(PathBuf);

impl Socket {
    fn new(name: &str) -> Socket {
        Socket(std::env::temp_dir().join(format!("tandem-drain-{name}-{}.sock", std::process::id())))
    }

    fn line(&self) -> String {
        format!("stats socket {} mode 600 level admin", self.0.display())
    }

    fn ask(&self, command: &str) -> String {
        let mut stream = UnixStream::connect(&self.0).expect("the balancer answers there");
        stream.set_read_timeout(Some(PATIENCE)).expect("above zero");
        writeln!(stream, "{command}").expect("room");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer and its end");
        answer
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

fn clients(config: &Config, count: usize) -> Vec<TcpStream> {
    let talking = |_| {
        let mut client = connect(config.at());
        assert_eq!(ask(&mut client, b"before"), b"before");
        client
    };
    (0..count).map(talking).collect()
}

/// Without waiting: whether nobody has ended it yet.
fn is_open(client: &TcpStream) -> bool {
    client.set_nonblocking(true).expect("a socket");
    client
        .peek(&mut [0])
        .is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock)
}

/// When each of them had ended, since now.
fn ends(clients: &[TcpStream]) -> Vec<Duration> {
    let began = Instant::now();
    let mut ends = vec![None; clients.len()];
    until("all connections to end", || {
        for (end, client) in ends.iter_mut().zip(clients) {
            if end.is_none() && !is_open(client) {
                *end = Some(began.elapsed());
            }
        }
        ends.iter().all(Option::is_some).then_some(())
    });
    ends.into_iter().flatten().collect()
}

#[test]
fn the_idlest_go_first_and_not_all_at_once() {
    let (server, socket) = (Server::echo(), Socket::new("idlest"));
    let config = Config::default().global(socket.line()).server("s", &server, "");
    let mut lb = Lb::start(&config.to_string());
    let mut clients = clients(&config, 40);
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
    assert_eq!(socket.ask("drain over 2s idlest"), "\n");
    let ends = ends(&clients);
    let mut order: Vec<usize> = (0..40).collect();
    order.sort_by_key(|client| (ends[*client], 40 - *client));
    // Whoever looks is late now and then, and sees some at once that went one after the other.
    let idle_first = order[..20].iter().filter(|client| **client >= 20).count();
    assert!(idle_first >= 17, "{idle_first} of 20: {ends:?}");
    // An even share in each part of the time, as far as a loaded machine lets one see it.
    let early = ends.iter().filter(|end| **end < Duration::from_millis(1000)).count();
    assert!((8..=28).contains(&early), "{early} of 40 in the first half: {ends:?}");
    assert!(lb.ended().success());
}

#[test]
fn the_oldest_go_first_and_progress_is_told() {
    let (server, socket) = (Server::echo(), Socket::new("oldest"));
    let config = Config::default().global(socket.line()).server("s", &server, "");
    let lb = Lb::start(&config.to_string());
    let mut clients = clients(&config, 10);
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
    ends(&clients[1..]);
    drop(lb);
}

#[test]
fn usr1_takes_the_configured_time() {
    let server = Server::echo();
    let config = Config::default()
        .global("close-spread-time 1s")
        .server("s", &server, "");
    let mut lb = Lb::start(&config.to_string());
    let clients = clients(&config, 10);
    lb.signal(Signal::SIGUSR1);
    let ends = ends(&clients);
    let (first, last) = (ends.iter().min(), ends.iter().max());
    let between = last.zip(first).map(|(last, first)| *last - *first);
    assert!(between >= Some(Duration::from_millis(300)), "{ends:?}");
    assert!(lb.ended().success());
}
