//! A client returns to its server.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};
use tandem_tests::{Config, Lb, Server, Syslog, until};

/// Connects from this address of the loopback network and reads which server answers.
fn server_of(client: Ipv4Addr, at: SocketAddr) -> Option<[u8; 1]> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket
        .bind(&SocketAddr::from((client, 0)).into())
        .expect("all of 127/8 is ours");
    socket.connect(&at.into()).ok()?;
    let mut stream: std::net::TcpStream = socket.into();
    let mut name = [0];
    stream.read_exact(&mut name).ok().map(|()| name)
}

fn clients() -> impl Iterator<Item = Ipv4Addr> {
    (1..=12).map(|n| Ipv4Addr::new(127, 0, 7, n))
}

#[test]
fn to_the_same_server_until_that_one_is_down() {
    let (mut a, b, syslog) = (Server::named("a"), Server::named("b"), Syslog::default());
    let config = Config::default()
        .log_to(syslog.address())
        .backend("balance roundrobin")
        .backend("stick-table type ip size 1k expire 1h")
        .backend("stick on src")
        .server("a", &a, "check inter 50ms rise 1 fall 1")
        .server("b", &b, "check inter 50ms rise 1 fall 1");
    let _lb = Lb::start(&config.to_string());
    let all = || -> BTreeMap<Ipv4Addr, [u8; 1]> {
        clients()
            .map(|c| (c, server_of(c, config.at()).expect("a server answers")))
            .collect()
    };
    let first = all();
    assert!(
        [b"a", b"b"].iter().all(|name| first.values().any(|got| got == *name)),
        "both are used: {first:?}"
    );
    for _ in 0..3 {
        assert_eq!(all(), first);
    }

    // Those of the dead server move, and stay where they are when it returns: their entries were overwritten.
    a.kill();
    syslog.line_with("Server be/a is DOWN");
    assert!(all().values().all(|name| name == b"b"));
    a.revive();
    syslog.line_with("Server be/a is UP");
    assert!(all().values().all(|name| name == b"b"));
}

#[test]
fn by_the_hash_of_the_source_too() {
    let (a, b) = (Server::named("a"), Server::named("b"));
    let config = Config::default()
        .backend("balance source")
        .server("a", &a, "")
        .server("b", &b, "");
    let _lb = Lb::start(&config.to_string());
    for client in clients() {
        let first = server_of(client, config.at());
        assert!(first.is_some());
        assert!((0..3).all(|_| server_of(client, config.at()) == first));
        // The last byte of the address decides between two servers of equal weight.
        assert_eq!(
            first.as_ref(),
            Some(if client.octets()[3] % 2 == 0 { b"a" } else { b"b" })
        );
    }
}

#[test]
fn an_entry_expires() {
    let (a, b) = (Server::named("a"), Server::named("b"));
    let config = Config::default()
        .backend("balance roundrobin")
        .backend("stick-table type ip size 1k expire 100ms")
        .backend("stick on src")
        .server("a", &a, "")
        .server("b", &b, "");
    let _lb = Lb::start(&config.to_string());
    let client = Ipv4Addr::new(127, 0, 7, 1);
    let first = server_of(client, config.at());
    assert_eq!(server_of(client, config.at()), first);
    until("the other server after a silence", || {
        std::thread::sleep(std::time::Duration::from_millis(150));
        (server_of(client, config.at()) != first).then_some(())
    });
}
