//! Servers whose answer rules wait for: ours beside the installed HAProxy.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use tandem_tests::{Room, Server, both, connect, until};

/// How the line of the log says that it ended, when there is one.
fn ending(room: &Room) -> String {
    until(&format!("{}: the line", room.name), || {
        let lines = room.lines();
        let line = lines.iter().find(|line| line.contains(" l/s "))?;
        line.split(' ')
            .find(|word| word.len() == 2 && word.chars().all(|c| c.is_ascii_alphabetic() || c == '-'))
            .map(str::to_owned)
    })
}

#[test]
fn a_server_that_breaks_off_instead_of_answering() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let to = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            stream.read_exact(&mut [0; 5]).ok();
            socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).ok();
        }
    });
    let config = |room: &Room| {
        let (head, at) = (room.head(), room.at(0));
        format!(
            "{head}listen l\n bind {at}\n tcp-response inspect-delay 2s\n tcp-response content accept if {{ res.len ge 4 }}\n server s {to}\n"
        )
    };
    let told = RefCell::new(Vec::new());
    both(1, config, |room| {
        let mut client = connect(room.at(0));
        client.write_all(b"hello").expect("it listens");
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).ok();
        told.borrow_mut().push((
            ending(room),
            room.cell("l", "s", "srv_abrt"),
            room.cell("l", "s", "eresp"),
        ));
    });
    let told = told.into_inner();
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:?}");
}

/// Neither side says anything more.
#[test]
fn an_answer_that_is_refused_ends_it_at_once() {
    let server = Server::start(|mut stream| {
        stream.write_all(b"hello").ok();
        stream.read_to_end(&mut Vec::new()).ok();
    });
    let config = |room: &Room| {
        let (head, at, to) = (room.head(), room.at(0), server.address());
        format!(
            "{head}listen l\n bind {at}\n timeout client 1h\n timeout server 1h\n tcp-response content reject\n server s {to}\n"
        )
    };
    both(1, config, |room| {
        let mut heard = Vec::new();
        let read = connect(room.at(0)).read_to_end(&mut heard);
        assert_eq!((read.ok(), heard.len()), (Some(0), 0), "{}", room.name);
    });
}
