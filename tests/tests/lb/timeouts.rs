//! Silence has an end, and the log line says whose it was.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use tandem_tests::{Config, Lb, Server, Syslog, ask, connect, ended, free_port, until};

/// The two letters of the one connection's line.
fn letters(syslog: &Syslog) -> String {
    let line = syslog.line_with(" fe be/");
    let field = line.split(' ').rev().nth(2).expect("three fields follow or more");
    field.to_owned()
}

#[test]
fn a_silent_client() {
    let (server, syslog) = (Server::echo(), Syslog::default());
    let config = Config::default()
        .log_to(syslog.address())
        .global("log-send-hostname here.example")
        .frontend("timeout client 200ms")
        .server("s", &server, "");
    let _lb = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    assert_eq!(ask(&mut client, b"hello"), b"hello");
    assert!(ended(&mut client));
    assert_eq!(letters(&syslog), "cD");
    let line = syslog.line_with(" fe be/s ");
    assert!(line.contains(" 5 cD 1/1/0/0/0 0/0"), "{line}");
    assert!(line.contains(" here.example "), "{line}");
}

/// What has to come before its own words has a time of its own.
#[test]
fn a_client_without_the_header_that_is_awaited() {
    let (server, port) = (Server::echo(), free_port());
    let config = Config::default()
        .frontend(format!("bind 127.0.0.1:{port} accept-proxy"))
        .frontend("timeout client 1h")
        .frontend("timeout client-hs 200ms")
        .server("s", &server, "");
    let _lb = Lb::start(&config.to_string());
    assert!(ended(&mut connect(([127, 0, 0, 1], port).into())));
    assert_eq!(ask(&mut connect(config.at()), b"hello"), b"hello");
}

#[test]
fn a_silent_server() {
    let server = Server::start(|mut stream| {
        // Reads, and never answers.
        std::io::copy(&mut stream, &mut std::io::sink()).ok();
    });
    let syslog = Syslog::default();
    let config = Config::default()
        .log_to(syslog.address())
        .backend("timeout server 200ms")
        .server("s", &server, "");
    let _lb = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    client.write_all(b"anybody?").expect("it is taken");
    // As with HAProxy, the client is told that the server will say no more, and may still speak itself.
    assert!(ended(&mut client));
    drop(client);
    assert_eq!(letters(&syslog), "sD");
}

#[test]
fn traffic_puts_the_end_off() {
    let (server, syslog) = (Server::echo(), Syslog::default());
    let config = Config::default()
        .log_to(syslog.address())
        .frontend("timeout client 1s")
        .backend("timeout server 1s")
        .server("s", &server, "");
    let _lb = Lb::start(&config.to_string());
    let mut client = until("a client that a slow machine did not keep silent", || ticking(&config));
    client.shutdown(Shutdown::Write).expect("the end is sent");
    assert!(ended(&mut client));
    syslog.line_with(" -- ");
}

/// Speaks now and then for longer than the second after which silence ends it. `None` when this thread or the balancer's was
/// kept waiting, so that it may have been silent for that long.
fn ticking(config: &Config) -> Option<TcpStream> {
    let mut client = connect(config.at());
    for _ in 0..25 {
        let spoken = Instant::now();
        let answer = client.write_all(b"tick").and_then(|()| client.read_exact(&mut [0; 4]));
        std::thread::sleep(Duration::from_millis(50));
        if spoken.elapsed() > Duration::from_millis(300) {
            return None;
        }
        answer.expect("it is not silent");
    }
    Some(client)
}

#[test]
fn a_tunnel_has_a_timeout_of_its_own() {
    let (server, syslog) = (Server::echo(), Syslog::default());
    let config = Config::default()
        .log_to(syslog.address())
        .defaults("timeout tunnel 300ms")
        .server("s", &server, "");
    let _lb = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    assert_eq!(ask(&mut client, b"hello"), b"hello");
    assert!(ended(&mut client));
    assert_eq!(letters(&syslog), "cD");
}

#[test]
fn a_half_closed_connection_may_have_less_time() {
    let server = Server::start(|mut stream| {
        // Hears the end of the client, and goes on without a word.
        std::io::copy(&mut stream, &mut std::io::sink()).ok();
        std::thread::sleep(Duration::from_secs(20));
    });
    let syslog = Syslog::default();
    let config = Config::default()
        .log_to(syslog.address())
        .defaults("timeout server-fin 200ms")
        .server("s", &server, "");
    let _lb = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    client.write_all(b"bye").expect("it is taken");
    client.shutdown(Shutdown::Write).expect("the end is sent");
    assert!(ended(&mut client));
    assert_eq!(letters(&syslog), "sD");
}

/// A listener whose backlog is full does not answer a SYN.
fn deaf() -> (Socket, TcpStream, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket
        .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .expect("a port");
    socket.listen(0).expect("it listens");
    let at = socket
        .local_addr()
        .ok()
        .and_then(|a| a.as_socket())
        .expect("it is bound");
    let fills_it = TcpStream::connect(at).expect("the only place");
    (socket, fills_it, at)
}

#[test]
fn a_server_that_does_not_answer_the_connect() {
    let (_deaf, _fill, at) = deaf();
    let syslog = Syslog::default();
    let config = Config::default()
        .log_to(syslog.address())
        .backend("timeout connect 150ms")
        .backend("retries 1")
        .server_at("deaf", at, "");
    let _lb = Lb::start(&config.to_string());
    assert!(ended(&mut connect(config.at())));
    assert_eq!(letters(&syslog), "sC");
    assert!(syslog.line_with(" be/deaf ").contains("/1 0/0"));
}

#[test]
fn a_client_that_gives_up_while_we_connect() {
    let (_deaf, _fill, at) = deaf();
    let syslog = Syslog::default();
    let config = Config::default().log_to(syslog.address()).server_at("deaf", at, "");
    let _lb = Lb::start(&config.to_string());
    drop(connect(config.at()));
    assert_eq!(letters(&syslog), "CC");
}

#[test]
fn a_server_that_breaks_off() {
    let server = Server::start(|mut stream| {
        stream.read_exact(&mut [0; 1]).ok();
        let socket = Socket::from(stream);
        socket.set_linger(Some(Duration::ZERO)).expect("an option of TCP");
        let gone: TcpStream = socket.into();
        gone.shutdown(Shutdown::Read).ok();
    });
    let syslog = Syslog::default();
    let config = Config::default().log_to(syslog.address()).server("s", &server, "");
    let _lb = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    client.write_all(b"xyz").expect("it is taken");
    assert!(ended(&mut client));
    drop(client);
    let got = letters(&syslog);
    assert!(got == "SD" || got == "--", "{got}");
}
