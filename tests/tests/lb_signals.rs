//! What signals do to the connections there are and to those that come.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tandem_tests::{Config, Lb, Server, Syslog, ask, connect, ended, until};

#[test]
fn usr1_lets_the_connections_end_and_takes_no_new_ones() {
    let (server, syslog) = (Server::echo(), Syslog::default());
    let config = Config::default().log_to(syslog.address()).server("s", &server, "");
    let mut lb = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    assert_eq!(ask(&mut client, b"before"), b"before");

    lb.signal(Signal::SIGUSR1);
    syslog.line_with("Proxy fe stopped (cumulated conns: FE: 1, BE: 0).");
    syslog.line_with("Proxy be stopped (cumulated conns: FE: 0, BE: 1).");
    until("the listener to close", || {
        TcpStream::connect(config.at()).is_err().then_some(())
    });
    assert_eq!(ask(&mut client, b"after"), b"after");
    assert!(lb.is_running());

    drop(client);
    assert!(lb.ended().success());
    syslog.line_with(" fe be/s ");
}

#[test]
fn hard_stop_after_ends_what_remains() {
    let (server, syslog) = (Server::echo(), Syslog::default());
    let config = Config::default()
        .log_to(syslog.address())
        .global("hard-stop-after 300ms")
        .server("s", &server, "");
    let mut lb = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    assert_eq!(ask(&mut client, b"before"), b"before");
    let began = Instant::now();
    lb.signal(Signal::SIGUSR1);
    assert!(ended(&mut client));
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert!(lb.ended().success());
    let line = syslog.line_with(" fe be/s ");
    assert!(line.contains(" K- ") || line.contains(" KD "), "{line}");
}

#[test]
fn term_and_int_stop_at_once() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let server = Server::echo();
        let config = Config::default().server("s", &server, "");
        let mut lb = Lb::start(&config.to_string());
        let mut client = connect(config.at());
        assert_eq!(ask(&mut client, b"x"), b"x");
        lb.signal(signal);
        assert!(ended(&mut client));
        assert!(lb.ended().success());
    }
}

#[test]
fn term_does_not_wait_for_a_drain() {
    let server = Server::echo();
    let config = Config::default().server("s", &server, "");
    let mut lb = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    assert_eq!(ask(&mut client, b"x"), b"x");
    lb.signal(Signal::SIGUSR1);
    until("the listener to close", || {
        TcpStream::connect(config.at()).is_err().then_some(())
    });
    lb.signal(Signal::SIGTERM);
    assert!(lb.ended().success());
}

#[test]
fn ttou_pauses_and_ttin_resumes() {
    let (server, syslog) = (Server::echo(), Syslog::default());
    let config = Config::default().log_to(syslog.address()).server("s", &server, "");
    let lb = Lb::start(&config.to_string());
    let mut old = connect(config.at());
    assert_eq!(ask(&mut old, b"x"), b"x");

    lb.signal(Signal::SIGTTOU);
    syslog.line_with("Paused frontend fe.");
    let mut new = connect(config.at());
    new.write_all(b"wait").expect("the kernel takes it");
    assert_eq!(ask(&mut old, b"still"), b"still");
    assert_eq!(server.accepted(), 1);

    lb.signal(Signal::SIGTTIN);
    syslog.line_with("Resumed frontend fe.");
    assert_eq!(ask(&mut new, b"!")[..], b"w"[..]);
}
