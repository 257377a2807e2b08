//! As many connections as are allowed, and the rest waits instead of failing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tandem_tests::{Config, Lb, PATIENCE, Server, ask, connect};

/// Whether an echo comes back within a moment.
fn is_served(client: &mut TcpStream) -> bool {
    client
        .set_read_timeout(Some(Duration::from_millis(150)))
        .expect("a timeout above zero");
    let answer = client.read_exact(&mut [0; 1]).is_ok();
    client.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
    answer
}

fn the_third_of_two_waits(config: &Config, server: &Server) {
    let _lb = Lb::start(&config.to_string());
    let (mut one, mut two) = (connect(config.at()), connect(config.at()));
    assert_eq!(ask(&mut one, b"1"), b"1");
    assert_eq!(ask(&mut two, b"2"), b"2");
    let mut three = connect(config.at());
    three.write_all(b"3").expect("the kernel takes it");
    assert!(!is_served(&mut three));
    assert_eq!(server.accepted(), 2);
    drop(one);
    three.read_exact(&mut [0; 1]).expect("its turn has come");
    assert_eq!(ask(&mut two, b"2"), b"2");
}

#[test]
fn of_the_process() {
    let server = Server::echo();
    the_third_of_two_waits(&Config::default().global("maxconn 2").server("s", &server, ""), &server);
}

#[test]
fn of_a_frontend() {
    let server = Server::echo();
    the_third_of_two_waits(
        &Config::default().frontend("maxconn 2").server("s", &server, ""),
        &server,
    );
}

#[test]
fn of_a_server() {
    let server = Server::echo();
    the_third_of_two_waits(&Config::default().server("s", &server, "maxconn 2"), &server);
}

#[test]
fn a_flood_of_clients_is_served_in_turn() {
    let server = Server::echo();
    let config = Config::default().global("maxconn 5").server("s", &server, "");
    let _lb = Lb::start(&config.to_string());
    let clients: Vec<_> = (0..100u8)
        .map(|n| {
            let at = config.at();
            std::thread::spawn(move || {
                let mut client = connect(at);
                assert_eq!(ask(&mut client, &[n; 64]), [n; 64]);
            })
        })
        .collect();
    for client in clients {
        client.join().expect("each got its answer");
    }
    assert_eq!(server.accepted(), 100);
}
