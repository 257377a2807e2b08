//! What signals do to the connections there are and to those that come.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tandem_tests::{Config, Lb, Server, Syslog, ask, connect, ended, free_port, until};

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

/// Whoever reads the log learns what a reload has changed, not only that there was one.
#[test]
fn a_reload_by_a_signal_says_what_it_changes() {
    let server = Server::echo();
    let log = std::env::temp_dir().join(format!("tandem-said-{}", free_port()));
    let config = Config::default().server("s", &server, "");
    let errors = std::fs::File::create(&log).expect("the temporary folder is writable");
    let mut lb = Lb::start_as(&config.to_string(), |mut command| {
        command.stderr(errors);
        command
    });
    for (signal, retries, before) in [(Signal::SIGHUP, 7, 3), (Signal::SIGUSR2, 8, 7)] {
        lb.reload(
            signal,
            &config.clone().backend(format!("retries {retries}")).to_string(),
        );
        until("the change to be told", || {
            let log = std::fs::read_to_string(&log).expect("it is there");
            let change = format!("retries {before} becomes {retries}");
            log.lines()
                .any(|line| line.contains("reload: ") && line.contains(&change))
                .then_some(())
        });
    }
    std::fs::remove_file(&log).ok();
}
