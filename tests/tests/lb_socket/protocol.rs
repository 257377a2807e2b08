//! Sockets, their files, and how clients behave.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use nix::sys::signal::Signal;
use tandem_tests::{Config, Lb, PATIENCE, Server, ask, check, connect, free_port, until};

use super::room::Room;

impl Room {
    /// For whoever says more than one command, or listens on.
    #[track_caller]
    pub fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.socket()).expect("the socket is there");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
        stream
    }
}

fn config(room: &Room) -> (Config, Server) {
    let server = Server::echo();
    let config = Config::default().global(room.line()).server("s", &server, "");
    (config, server)
}

#[test]
fn the_file_is_made_with_its_mode_and_removed_at_the_end() {
    let room = Room::new();
    // What a dead process left.
    drop(UnixListener::bind(room.socket()).expect("a free name"));
    let (config, _server) = config(&room);
    let mut lb = Lb::start(&config.to_string());
    let mode = std::fs::metadata(room.socket())
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(room.ask("show cli level"), "admin\n\n");
    lb.signal(Signal::SIGTERM);
    assert!(lb.ended().success());
    assert!(!room.socket().exists());
}

#[test]
fn sockets_that_cannot_be_opened_are_named_with_their_lines() {
    let room = Room::new();
    let _living = UnixListener::bind(room.socket()).expect("a free name");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let at = taken.local_addr().expect("it is bound");
    let (config, _server) = config(&room);
    let text = config
        .global(format!("stats socket {at}"))
        .global(format!(
            "stats socket {} user nobody-of-that-name",
            room.0.join("t").display()
        ))
        .to_string();
    let output = check(&["-db"], &text);
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    let unix = format!(
        ":3: cannot listen for commands on unix@{}: address in use",
        room.socket().display()
    );
    let tcp = format!(":4: cannot listen for commands on ipv4@{at}: Address already in use");
    for words in [
        unix.as_str(),
        tcp.as_str(),
        ":5: ",
        "there is no user 'nobody-of-that-name'",
    ] {
        assert!(err.contains(words), "{words}: {err}");
    }
}

#[test]
fn a_socket_begins_with_its_own_severity_output() {
    let room = Room::new();
    let port = free_port();
    let (config, _server) = config(&room);
    let config = config.global(format!(
        "stats socket 127.0.0.1:{port} level user severity-output number"
    ));
    let mut lb = Lb::start(&config.to_string());
    let told = |words: &str| {
        let mut tcp = connect(([127, 0, 0, 1], port).into());
        tcp.write_all(words.as_bytes()).expect("it is taken");
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).expect("an answer and its end");
        answer
    };
    assert_eq!(told("show cli level\n"), "[6]: user\n\n");
    assert_eq!(told("set severity-output none;show cli level\n"), "\nuser\n\n");
    assert_eq!(room.ask("show cli level"), "admin\n\n");
    let other = config
        .to_string()
        .replace("severity-output number", "severity-output string");
    let said = lb.reload(Signal::SIGHUP, &other);
    assert!(!said.contains("refused"), "{said}");
    until("the other way", || {
        (told("show cli level\n") == "[info]: user\n\n").then_some(())
    });
}

#[test]
fn two_answers_are_two_blocks() {
    let room = Room::new();
    let port = free_port();
    let (config, _server) = config(&room);
    let config = config.global(format!("stats socket 127.0.0.1:{port} level user"));
    let _lb = Lb::start(&config.to_string());
    let mut tcp = connect(([127, 0, 0, 1], port).into());
    tcp.write_all(b"show info;show stat\r\n").expect("it is taken");
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).expect("an answer and its end");
    let blocks: Vec<&str> = answer.trim_end().split("\n\n").collect();
    assert_eq!(blocks.len(), 2, "{answer}");
    assert!(blocks[0].starts_with("Name: HAProxy\nVersion: "), "{answer}");
    assert!(blocks[1].starts_with("# pxname,svname,"), "{answer}");
    let sockets = format!(
        "# socket lvl processes\nunix@{} admin all\nipv4@127.0.0.1:{port} user all\n\n",
        room.socket().display()
    );
    assert_eq!(room.ask("show cli sockets"), sockets);
    let mut low = connect(([127, 0, 0, 1], port).into());
    low.write_all(b"disable server be/s\n").expect("it is taken");
    let mut answer = String::new();
    low.read_to_string(&mut answer).expect("an answer and its end");
    assert_eq!(answer, "Permission denied\n\n");
}

#[test]
fn a_slow_client_gets_its_answer() {
    let room = Room::new();
    let (config, _server) = config(&room);
    let _lb = Lb::start(&config.to_string());
    let mut stream = room.connect();
    for byte in b"show backend\n" {
        stream.write_all(&[*byte]).expect("it is taken");
        std::thread::sleep(Duration::from_millis(2));
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer and its end");
    assert_eq!(answer, "# name\nbe\n\n");
}

#[test]
fn an_interactive_client_stays_until_it_is_idle() {
    let room = Room::new();
    let (config, _server) = config(&room);
    let _lb = Lb::start(&config.to_string());
    let mut stream = room.connect();
    let mut say = |line: &str, expected: &str| {
        stream.write_all(line.as_bytes()).expect("it is taken");
        let mut answer = vec![0; expected.len()];
        stream.read_exact(&mut answer).expect("an answer");
        assert_eq!(String::from_utf8_lossy(&answer), expected);
    };
    say("prompt\n", "\n> ");
    say("show backend\n", "# name\nbe\n\n> ");
    say("set timeout cli 1\n", "\n> ");
    // The end comes by itself.
    assert_eq!(stream.read(&mut [0; 1]).expect("an end"), 0);
}

#[test]
fn idle_clients_keep_nobody_out() {
    let room = Room::new();
    let (config, _server) = config(&room);
    let config = config.global("stats timeout 1h");
    let _lb = Lb::start(&config.to_string());
    let idle: Vec<_> = (0..100).map(|_| room.connect()).collect();
    let mut traffic = connect(config.at());
    assert_eq!(ask(&mut traffic, b"beside them"), b"beside them");
    assert_eq!(room.ask("show backend"), "# name\nbe\n\n");
    drop(idle);
    assert_eq!(ask(&mut traffic, b"and after"), b"and after");
}

#[test]
fn a_client_that_takes_nothing_disturbs_nobody() {
    let room = Room::new();
    let (config, _server) = config(&room);
    let _lb = Lb::start(&config.to_string());
    // More of them than there are places, each until its own and our buffers are full: nobody reads what comes back.
    let deaf: Vec<_> = (0..12).map(|_| room.connect()).collect();
    for mut stream in &deaf {
        stream
            .set_write_timeout(Some(Duration::from_millis(50)))
            .expect("a timeout above zero");
        while stream.write_all(&b"show stat\n".repeat(100)).is_ok() {}
    }
    assert_eq!(room.ask("show backend"), "# name\nbe\n\n");
}

#[test]
fn a_stream_of_nonsense_ends() {
    let room = Room::new();
    let (config, _server) = config(&room);
    let _lb = Lb::start(&config.to_string());
    assert!(room.connect().write_all(&[b'x'; 1 << 20]).is_err());
    assert_eq!(room.ask("show backend"), "# name\nbe\n\n");
}

/// The port is closed only when the last worker has closed its listener.
pub fn refuses(port: std::net::SocketAddr) {
    until("a closed port", || TcpStream::connect_timeout(&port, PATIENCE).err());
}
