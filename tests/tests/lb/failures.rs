//! Servers that refuse, die and come back.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use socket2::SockRef;
use tandem_tests::{Config, Lb, Room, Server, Syslog, ask, both, connect, ended, free_port, until};

fn nobody() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}

#[test]
fn a_refused_connection_goes_to_another_server() {
    let (server, syslog) = (Server::echo(), Syslog::default());
    let config = Config::default()
        .log_to(syslog.address())
        .backend("option redispatch 1")
        .server_at("dead", nobody(), "")
        .server("alive", &server, "");
    let _lb = Lb::start(&config.to_string());
    for _ in 0..4 {
        let mut client = connect(config.at());
        assert_eq!(ask(&mut client, b"hello"), b"hello");
    }
    let line = syslog.line_with("+1 0/0");
    assert!(line.contains(" fe be/alive ") && line.contains(" -- "), "{line}");
}

#[test]
fn retries_of_one_server_pause_and_then_give_up() {
    let syslog = Syslog::default();
    let config = Config::default()
        .log_to(syslog.address())
        .backend("retries 2")
        .backend("timeout connect 100ms")
        .server_at("dead", nobody(), "");
    let _lb = Lb::start(&config.to_string());
    let began = Instant::now();
    assert!(ended(&mut connect(config.at())));
    assert!(
        began.elapsed() >= Duration::from_millis(200),
        "two pauses: {:?}",
        began.elapsed()
    );
    let line = syslog.line_with(" fe be/dead ");
    assert!(line.contains("/-1/") && line.contains(" 0 SC 1/1/0/0/2 0/0"), "{line}");
}

#[test]
fn a_retry_finds_a_server_that_came_back() {
    let mut server = Server::echo();
    server.kill();
    let config = Config::default().server("s", &server, "");
    let _lb = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    // The first attempt is refused at once; the next one comes a second later.
    std::thread::sleep(Duration::from_millis(200));
    server.revive();
    assert_eq!(ask(&mut client, b"late"), b"late");
}

#[test]
fn without_any_server_the_client_is_closed_at_once() {
    let syslog = Syslog::default();
    let config = Config::default()
        .log_to(syslog.address())
        .server_at("off", nobody(), "disabled");
    let _lb = Lb::start(&config.to_string());
    assert!(ended(&mut connect(config.at())));
    let line = syslog.line_with(" fe be/<NOSRV> ");
    assert!(
        line.contains(" be/<NOSRV> -1/-1/") && line.ends_with(" 0 SC 1/1/0/0/0 0/0"),
        "{line}"
    );
}

#[test]
fn checks_take_a_dead_server_out_and_bring_it_back() {
    let (mut one, two, syslog) = (Server::named("one "), Server::named("two "), Syslog::default());
    let config = Config::default()
        .log_to(syslog.address())
        .server("one", &one, "check inter 100ms rise 2 fall 2")
        .server("two", &two, "check inter 100ms rise 2 fall 2");
    let _lb = Lb::start(&config.to_string());
    let name = || {
        let mut name = [0; 4];
        connect(config.at()).read_exact(&mut name).expect("a server answers");
        name
    };
    until("both to serve", || (name() != name()).then_some(()));
    let mut long = until("a long connection to the one that stays", || {
        let mut stream = connect(config.at());
        let mut name = [0; 4];
        stream.read_exact(&mut name).expect("a server answers");
        (&name == b"two ").then_some(stream)
    });

    one.kill();
    let down = syslog.line_with("Server be/one is DOWN");
    assert!(
        down.contains("reason: Layer4 connection problem, info: \"Connection refused\", check duration: "),
        "{down}"
    );
    assert!(down.contains("1 active and 0 backup servers left."), "{down}");
    assert!((0..10).all(|_| &name() == b"two "));
    assert_eq!(ask(&mut long, b"still"), b"still");

    one.revive();
    let up = syslog.line_with("Server be/one is UP");
    assert!(up.contains("reason: Layer4 check passed"), "{up}");
    until("both to serve again", || (name() != name()).then_some(()));
    assert_eq!(ask(&mut long, b"still"), b"still");
}

#[test]
fn the_last_server_down_is_an_emergency() {
    let syslog = Syslog::default();
    let config = Config::default()
        .log_to(syslog.address())
        .server_at("s", nobody(), "check inter 50ms rise 2 fall 1");
    let _lb = Lb::start(&config.to_string());
    let line = syslog.line_with("backend be has no server available!");
    // local0 is 16, emergencies are 0.
    assert!(line.starts_with("<128>"), "{line}");
    assert!(syslog.line_with("Server be/s is DOWN").starts_with("<129>"));
    until("clients to be refused", || {
        ended(&mut connect(config.at())).then_some(())
    });
    syslog.line_with("be/<NOSRV>");
}

#[test]
fn a_backup_serves_while_the_other_is_down() {
    let (mut main, backup) = (Server::named("main"), Server::named("back"));
    let config = Config::default()
        .server("main", &main, "check inter 50ms rise 1 fall 1")
        .server("backup", &backup, "check inter 50ms rise 1 fall 1 backup");
    let _lb = Lb::start(&config.to_string());
    let name = || {
        let mut name = [0; 4];
        connect(config.at()).read_exact(&mut name).ok().map(|()| name)
    };
    assert_eq!(name().as_ref(), Some(b"main"));
    main.kill();
    until("the backup", || (name().as_ref() == Some(b"back")).then_some(()));
    main.revive();
    until("the main server", || (name().as_ref() == Some(b"main")).then_some(()));
}

/// Without `rst-ttl` nothing would come at all, where that is permitted.
#[test]
fn a_silent_drop_with_a_reset_is_heard_by_who_is_near() {
    let server = Server::echo();
    let config = Config::default()
        .frontend("tcp-request connection silent-drop rst-ttl 64 if { src 127.0.0.2 }")
        .frontend("tcp-request inspect-delay 5s")
        .frontend("tcp-request content silent-drop rst-ttl 64 if { req.payload(0,2) -m str no }")
        .frontend("tcp-request content accept if { req.len gt 1 }")
        .server("s", &server, "");
    let _lb = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    assert_eq!(ask(&mut client, b"yes"), b"yes");
    let mut refused = connect(config.at());
    refused.write_all(b"no").expect("it is there still");
    let error = refused.read(&mut [0]).expect_err("no end, and no bytes");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let from = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    from.bind(&SocketAddr::from(([127, 0, 0, 2], 0)).into())
        .expect("all of 127/8 is ours");
    from.connect(&config.at().into())
        .expect("it is accepted before it is dropped");
    let error = (&from).read(&mut [0]).expect_err("no end, and no bytes");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

/// It is noticed at once, whatever the client has said before and whoever has looked at that.
#[test]
fn who_breaks_off_while_its_server_is_connected_to_is_told_as_by_haproxy() {
    // A server that answers nobody: its queue is full.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(0).expect("small")).expect("it listens");
    let at = listener.local_addr().expect("bound");
    let is_full = || TcpStream::connect_timeout(&at, Duration::from_millis(200));
    let _waiting: Vec<TcpStream> = std::iter::from_fn(|| is_full().ok()).collect();
    let looks = " use-server s if { req.len gt 100 }\n";
    let aborts = " option abortonclose\n";
    for lines in [
        String::new(),
        looks.to_owned(),
        aborts.to_owned(),
        format!("{aborts}{looks}"),
    ] {
        let config = |room: &Room| {
            let (head, bind) = (room.head(), room.at(0));
            format!("{head}listen l\n bind {bind}\n timeout connect 1h\n{lines} server s {at}\n")
        };
        both(1, config, |room| {
            let mut client = connect(room.at(0));
            client.write_all(b"words").expect("room");
            until("it to connect", || (room.cell("l", "s", "scur") == "1").then_some(()));
            let how = SockRef::from(&client).set_linger(Some(Duration::ZERO));
            how.expect("closed so, it is reset");
            drop(client);
            let line = until("its line", || {
                room.lines().into_iter().find(|line| line.contains(" l l/s "))
            });
            // HAProxy says CC where it meets the reset in the same moment in which it begins to connect.
            let is_early = room.name == "HAProxy" && line.contains(" CC ");
            assert!(line.contains(" CD ") || is_early, "{} {lines:?}: {line}", room.name);
        });
    }
}
