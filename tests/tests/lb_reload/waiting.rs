//! Who waits for something while the configuration changes.

use std::net::UdpSocket;

use nix::sys::signal::Signal;
use tandem_tests::{Config, Lb, PATIENCE, Server, ask, connect};

/// RFC 1035 section 4.1.1: an answer, and there is no such name.
const NO_SUCH_NAME: [u8; 2] = [0x81, 0x83];

#[test]
fn who_waits_for_an_address_goes_on_among_the_rules_that_asked() {
    let names = UdpSocket::bind("127.0.0.1:0").expect("a port for names");
    names.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
    let server = Server::echo();
    let at = names.local_addr().expect("it is bound");
    let base = Config::default();
    let config = |before: &[&str]| {
        let config = base.clone().backend("tcp-request inspect-delay 30s");
        let config = before.iter().fold(config, Config::backend);
        let config = config.backend("tcp-request content do-resolve(txn.ip,dns,ipv4) str(a.test)");
        let config = config.server("s", &server, "");
        format!("resolvers dns\n nameserver ns {at}\n timeout resolve 30s\n timeout retry 30s\n{config}")
    };
    let mut lb = Lb::start(&config(&[]));
    let mut client = connect(base.at());
    let mut question = [0; 512];
    let (length, from) = names.recv_from(&mut question).expect("the name is asked for");
    // Whether this one applies was nobody's question yet.
    let others = config(&["tcp-request content reject if { always_false }"]);
    lb.reload(Signal::SIGHUP, &others);
    let mut answer = question[..length].to_vec();
    answer[2..4].copy_from_slice(&NO_SUCH_NAME);
    names.send_to(&answer, from).expect("it listens");
    assert_eq!(ask(&mut client, b"here"), b"here");
}
