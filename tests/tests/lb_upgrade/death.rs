//! Successors that fail on the way: nobody is lost who was not handed over.

use std::io::Write;

use tandem_lb_core::handover::Message;
use tandem_tests::{Config, Lb, Server, ask, connect, talking};

use crate::heir::Heir;
use crate::socket::Socket;

#[test]
fn one_that_takes_nothing_leaves_everything_to_the_old_process() {
    let (server, socket) = (Server::echo(), Socket::new());
    let config = Config::default().global(socket.line()).server("s", &server, "");
    let mut old = Lb::start(&config.to_string());
    let mut clients = talking(config.at(), 40);
    let mut heir = Heir::ready(&socket);
    assert_eq!(heir.given(20).len(), 20);
    drop(heir);
    for client in &mut clients {
        assert_eq!(ask(client, b"after"), b"after");
    }
    assert_eq!(ask(&mut connect(config.at()), b"new"), b"new");
    assert!(old.is_running());
    assert_eq!(socket.figure("fe", "FRONTEND", "stot"), 41);

    // The next one takes over all the same.
    let _new = old.succeed(socket.path(), &config.to_string());
    assert!(old.ended().success());
    for client in &mut clients {
        assert_eq!(ask(client, b"moved"), b"moved");
    }
}

#[test]
fn what_it_had_taken_dies_with_it_and_nothing_else() {
    let (server, socket) = (Server::echo(), Socket::new());
    let config = Config::default().global(socket.line()).server("s", &server, "");
    let mut old = Lb::start(&config.to_string());
    let mut clients = talking(config.at(), 30);
    let mut heir = Heir::ready(&socket);
    for number in heir.given(10) {
        heir.say(&Message::Taken { number });
    }
    drop(heir);
    let lost = clients
        .iter_mut()
        .filter_map(|client| {
            client.write_all(b"after").ok();
            let mut answer = [0; 5];
            std::io::Read::read_exact(client, &mut answer).err()
        })
        .count();
    assert_eq!(lost, 10);
    assert!(old.is_running());
}

#[test]
fn one_that_says_nothing_is_left_after_seconds() {
    let (server, socket) = (Server::echo(), Socket::new());
    let config = Config::default().global(socket.line()).server("s", &server, "");
    let _old = Lb::start(&config.to_string());
    let mut clients = talking(config.at(), 3);
    let mut heir = Heir::ready(&socket);
    let numbers = heir.given(3);
    // All three rest meanwhile, and are answered when the old process has lost its patience.
    for client in &mut clients {
        assert_eq!(ask(client, b"after"), b"after");
    }
    // It is too late to take them now.
    let late = Message::Taken { number: numbers[0] }.to_frame(0).to_bytes();
    assert!(heir.stream.write_all(&late).is_err());
    assert_eq!(ask(&mut clients[0], b"still"), b"still");
}

#[test]
fn nonsense_is_no_successor() {
    let (server, socket) = (Server::echo(), Socket::new());
    let config = Config::default().global(socket.line()).server("s", &server, "");
    let _old = Lb::start(&config.to_string());
    let mut clients = talking(config.at(), 3);
    for nonsense in [&[0xff; 64][..], &[0, 0, 0, 2, 6, 0, 1, 2], &[0, 0, 0, 0, 10, 0]] {
        let mut heir = Heir::ready(&socket);
        heir.stream.write_all(nonsense).expect("room");
        for client in &mut clients {
            assert_eq!(ask(client, b"after"), b"after");
        }
    }
}

#[test]
fn without_the_right_nothing_is_passed() {
    let (server, socket) = (Server::echo(), Socket::new());
    let plain = format!("stats socket {} mode 600 level admin", socket.path().display());
    let config = Config::default().global(plain).server("s", &server, "");
    let mut old = Lb::start(&config.to_string());
    let mut client = talking(config.at(), 1).remove(0);
    let said = tandem_tests::check(
        &["-db", "-x", &socket.path().display().to_string()],
        &config.to_string(),
    );
    assert!(!said.status.success());
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(text.contains("expose-fd listeners"), "{text}");
    assert_eq!(socket.try_ask("_handover").as_deref(), Some("\n"));
    assert_eq!(ask(&mut client, b"still"), b"still");
    assert!(old.is_running());
}
