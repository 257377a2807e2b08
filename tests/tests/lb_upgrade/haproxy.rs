//! The listeners from HAProxy to us and back, with the distribution's HAProxy as it is.

use std::io::Write;

use tandem_tests::{Config, Haproxy, Lb, Newcomers, Server, ask, connect, until};

use crate::socket::Socket;

/// `None`, with a word about it, where it is not installed.
fn haproxy(config: &Config, arguments: &[&str]) -> Option<Haproxy> {
    let begun = Haproxy::begin(&config.to_string(), arguments);
    if let Err(error) = &begun {
        writeln!(std::io::stdout().lock(), "SKIP: haproxy: {error}").ok();
    }
    begun.ok()
}

/// The process that answers at the socket.
fn answers(socket: &Socket) -> Option<String> {
    let info = socket.try_ask("show info")?;
    info.lines().find_map(|l| l.strip_prefix("Pid: ")).map(str::to_owned)
}

#[test]
fn from_haproxy_to_us() {
    let (server, socket) = (Server::echo(), Socket::new());
    let config = Config::default().global(socket.line()).server("s", &server, "");
    let Some(mut old) = haproxy(&config, &[]) else {
        return;
    };
    until("HAProxy", || (answers(&socket)? == old.pid().to_string()).then_some(()));
    let mut client = connect(config.at());
    assert_eq!(ask(&mut client, b"before"), b"before");
    let newcomers = Newcomers::come(config.at(), 200);

    let path = socket.path().display().to_string();
    let new = Lb::start_with(&["-x", &path, "-sf", &old.pid().to_string()], &config.to_string());
    until("our socket", || {
        (answers(&socket)? != old.pid().to_string()).then_some(())
    });
    assert_eq!(ask(&mut client, b"stays"), b"stays");
    assert!(!old.has_ended());
    drop(client);
    until("HAProxy's end", || old.has_ended().then_some(()));
    assert_eq!(ask(&mut connect(config.at()), b"new"), b"new");
    assert!(newcomers.go() > 0);
    // Its end has left the socket's file to us.
    assert!(answers(&socket).is_some());
    drop(new);
}

#[test]
fn from_us_to_haproxy() {
    let (server, socket) = (Server::echo(), Socket::new());
    let config = Config::default().global(socket.line()).server("s", &server, "");
    let mut old = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    assert_eq!(ask(&mut client, b"before"), b"before");
    let newcomers = Newcomers::come(config.at(), 200);

    let path = socket.path().display().to_string();
    let pid = answers(&socket).expect("we answer");
    let Some(new) = haproxy(&config, &["-x", &path, "-sf", &pid]) else {
        newcomers.go();
        return;
    };
    until("HAProxy's socket", || {
        (answers(&socket)? == new.pid().to_string()).then_some(())
    });
    assert_eq!(ask(&mut client, b"stays"), b"stays");
    assert!(old.is_running());
    drop(client);
    assert!(old.ended().success());
    assert_eq!(ask(&mut connect(config.at()), b"new"), b"new");
    assert!(newcomers.go() > 0);
    assert_eq!(answers(&socket), Some(new.pid().to_string()));
}
