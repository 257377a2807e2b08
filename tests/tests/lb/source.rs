//! Where connections to servers come from, beside HAProxy: those of clients, and those of checks.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

use tandem_tests::{Room, Server, both, connect, free_ports, until};

#[test]
fn an_address_and_ports_of_its_own() {
    let seen: Arc<Mutex<BTreeSet<SocketAddr>>> = Arc::default();
    // Of a check, only who accepts learns from where it came: it is gone at once.
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = server.local_addr().expect("it is bound");
    std::thread::spawn({
        let seen = seen.clone();
        move || {
            let mut held = Vec::new();
            while let Ok((mut stream, from)) = server.accept() {
                seen.lock().unwrap_or_else(PoisonError::into_inner).insert(from);
                stream.write_all(b"s").ok();
                held.push(stream);
            }
        }
    });
    let ports = free_ports(3);
    let range = ports..=ports + 2;
    let ip = |last: u8| IpAddr::from([127, 0, 0, last]);
    let config = |room: &Room| {
        let (head, first, second, third) = (room.head(), room.at(0), room.at(1), room.at(2));
        format!(
            "{head}listen backend-wide\n bind {first}\n source 127.0.0.2\n server s {at}\n\
             listen own\n bind {second}\n source 127.0.0.2\n server s {at} source 127.0.0.3:{ports}-{}\n\
             listen checked\n bind {third}\n server s {at} check inter 100 source 127.0.0.4\n",
            ports + 2
        )
    };
    both(3, config, |room| {
        let forget = || seen.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let seen = || seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // HAProxy resets before its handshake is over, so nobody accepts its checks.
        if room.is_ours() {
            until("a check from its address", || {
                seen().iter().any(|from| from.ip() == ip(4)).then_some(())
            });
        }
        forget();
        let mut clients = vec![connect(room.at(0))];
        until("from the backend's address", || {
            seen().iter().any(|from| from.ip() == ip(2)).then_some(())
        });
        for n in 1..=3 {
            let mut client = connect(room.at(1));
            client.read_exact(&mut [0; 1]).expect("the server's word");
            clients.push(client);
            let own = || seen().into_iter().filter(|from| from.ip() == ip(3)).collect::<Vec<_>>();
            assert_eq!(own().len(), n, "{}: {:?}", room.name, own());
            assert!(
                own().iter().all(|from| range.contains(&from.port())),
                "{}: {:?}",
                room.name,
                own()
            );
        }
    });
}

/// The server sees the client, although it is connected to from here.
#[test]
fn as_if_from_the_client() {
    if let Err(error) = tandem_sys::relay::may_pretend() {
        writeln!(std::io::stderr().lock(), "SKIP usesrc: {error}").expect("standard error is open");
        return;
    }
    let server = Server::start(|mut stream| {
        let from = stream.peer_addr().expect("it is connected");
        stream.write_all(format!("{}\n", from.ip()).as_bytes()).ok();
    });
    let config = |room: &Room| {
        let (head, at) = (room.head(), server.address());
        // With `client` the port would be the client's, which on one host is taken.
        let fronts: String = ["clientip", "127.0.0.8"]
            .iter()
            .zip(0..)
            .map(|(whom, n)| {
                let bind = room.at(n);
                format!("listen l{n}\n bind {bind}\n server s {at} check inter 100 source 127.0.0.6 usesrc {whom}\n")
            })
            .collect();
        format!("{head}{fronts}")
    };
    both(2, config, |room| {
        for (n, wanted) in ["127.0.0.7", "127.0.0.8"].into_iter().enumerate() {
            until("a check from ourselves", || {
                room.cell(&format!("l{n}"), "s", "check_status")
                    .ends_with("L4OK")
                    .then_some(())
            });
            let listener = room.at(u16::try_from(n).expect("a small number"));
            let mut client = connect_from([127, 0, 0, 7].into(), listener);
            let mut said = String::new();
            client.read_to_string(&mut said).expect("the server's words");
            assert_eq!(said.trim(), wanted, "{}: listener {n}", room.name);
        }
    });
}

fn connect_from(ip: IpAddr, to: SocketAddr) -> std::net::TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket
        .bind(&SocketAddr::new(ip, 0).into())
        .expect("every 127 address is ours");
    socket.connect(&to.into()).expect("it listens");
    socket.into()
}
