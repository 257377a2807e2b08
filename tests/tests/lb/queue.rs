//! Waiting for a place on a server that is full.

use std::io::{Read, Write};

use tandem_tests::{Config, Lb, Server, Syslog, ask, connect, ended, until};

#[test]
fn the_wait_ends_with_timeout_queue() {
    for (balance, server) in [("roundrobin", "be/<NOSRV>"), ("source", "be/s")] {
        let (echo, syslog) = (Server::echo(), Syslog::default());
        let config = Config::default()
            .log_to(syslog.address())
            .defaults("timeout queue 200ms")
            .backend(format!("balance {balance}"))
            .server("s", &echo, "maxconn 1");
        let _lb = Lb::start(&config.to_string());
        let mut one = connect(config.at());
        assert_eq!(ask(&mut one, b"1"), b"1");
        assert!(ended(&mut connect(config.at())));
        let line = syslog.line_with(" sQ ");
        assert!(
            line.contains(&format!(" fe {server} 2")) && line.contains("/-1/"),
            "{line}"
        );
        assert_eq!(ask(&mut one, b"1"), b"1");
    }
}

/// The second server stays empty: a client waits for the server that its address hashes to, or that it is known to.
fn waits_for_its_own(lines: &[&str]) {
    let servers = [Server::echo(), Server::echo()];
    let mut config = Config::default();
    for line in lines {
        config = config.backend(line);
    }
    for (name, server) in ["a", "b"].iter().zip(&servers) {
        config = config.server(name, server, "maxconn 2");
    }
    let _lb = Lb::start(&config.to_string());
    // One after the other: who comes before the first was served is not known yet.
    let mut clients: Vec<_> = (0..2)
        .map(|_| {
            let mut client = connect(config.at());
            assert_eq!(ask(&mut client, b"x"), b"x");
            client
        })
        .collect();
    let mut third = connect(config.at());
    third.write_all(b"3").expect("the kernel takes it");
    third
        .set_read_timeout(Some(std::time::Duration::from_millis(150)))
        .expect("above zero");
    assert!(third.read(&mut [0; 1]).is_err());
    let mut counts: Vec<_> = servers.iter().map(Server::accepted).collect();
    counts.sort_unstable();
    assert_eq!(counts, [0, 2]);
    clients.pop();
    until("its turn", || matches!(third.read(&mut [0; 1]), Ok(1)).then_some(()));
}

#[test]
fn a_hashed_client_waits_for_its_server() {
    waits_for_its_own(&["balance source"]);
    waits_for_its_own(&["balance source", "hash-type consistent"]);
}

#[test]
fn a_known_client_waits_for_its_server() {
    waits_for_its_own(&["balance roundrobin", "stick-table type ip size 1k", "stick on src"]);
}

#[test]
fn who_waits_for_a_dead_server_goes_elsewhere() {
    let mut dies = Server::named("a");
    let lives = Server::named("b");
    let config = Config::default()
        .backend("balance roundrobin")
        .backend("stick-table type ip size 1k")
        .backend("stick on src")
        .server("a", &dies, "maxconn 1 check inter 50ms fall 1")
        .server("b", &lives, "backup");
    let _lb = Lb::start(&config.to_string());
    let mut first = connect(config.at());
    first.read_exact(&mut [0; 1]).expect("the server's name");
    let mut second = connect(config.at());
    dies.kill();
    let mut name = [0; 1];
    second.read_exact(&mut name).expect("the other server's name");
    assert_eq!(&name, b"b");
}
