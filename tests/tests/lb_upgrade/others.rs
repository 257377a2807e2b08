//! Those who asked for something and did not become successors.

use std::net::{TcpListener, TcpStream};

use nix::sys::signal::Signal;
use tandem_tests::{Config, Lb, Server, ask, check, connect, until};

use crate::heir::Heir;
use crate::socket::Socket;

/// Somebody who was given the listeners and has ended is no reason to leave them: the end is as if nobody had asked.
#[test]
fn a_successor_that_could_not_start_has_no_say_in_the_end() {
    let (server, socket) = (Server::echo(), Socket::new());
    let config = Config::default().global(socket.line()).server("s", &server, "");
    let mut old = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    assert_eq!(ask(&mut client, b"before"), b"before");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let at = taken.local_addr().expect("bound");
    let path = socket.path().display().to_string();
    let worse = config.clone().frontend(format!("bind {at}"));
    let said = check(&["-db", "-x", &path], &worse.to_string());
    assert!(!said.status.success());

    // Who waits in the queue when the end comes is let in as long as nobody else could be.
    std::thread::sleep(std::time::Duration::from_millis(2_500));
    old.signal(Signal::SIGUSR1);
    until("clients to be refused", || {
        TcpStream::connect(config.at()).is_err().then_some(())
    });
    assert!(socket.ask("show drain").contains("1 connections left"));
    assert_eq!(ask(&mut client, b"still"), b"still");
    drop(client);
    assert!(old.ended().success());
    assert!(!socket.path().exists(), "nobody else has it");
}

#[test]
fn many_that_only_wait_keep_nobody_out() {
    let (server, socket) = (Server::echo(), Socket::new());
    let config = Config::default().global(socket.line()).server("s", &server, "");
    let mut old = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    assert_eq!(ask(&mut client, b"before"), b"before");
    let files = old.open_files();
    let idle: Vec<Heir> = (0..40).map(|_| Heir::waiting(&socket)).collect();
    assert!(
        old.open_files() <= files + 12,
        "{} files became {}",
        files,
        old.open_files()
    );
    assert!(socket.ask("show info").contains("Pid: "));
    let _new = old.succeed(socket.path(), &config.to_string());
    assert!(old.ended().success());
    assert_eq!(ask(&mut client, b"moved"), b"moved");
    drop(idle);
}
