//! Bytes: all of them, in order, both ways, and no memory for those that wait.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use tandem_tests::{Config, Lb, Noise, Server, ask, connect, ended};

const MEGABYTE: usize = 1 << 20;

/// Sends its own megabyte and reads another one at the same time.
fn exchange(stream: TcpStream, send: Vec<u8>, expect: &[u8]) {
    let mut reader = stream.try_clone().expect("a second handle");
    let writer = std::thread::spawn(move || {
        (&stream).write_all(&send).expect("all is taken");
        stream.shutdown(Shutdown::Write).expect("the end is sent");
        stream
    });
    let mut got = Vec::new();
    reader.read_to_end(&mut got).expect("all arrives");
    assert!(
        got == expect,
        "{} bytes of {} arrived, or others",
        got.len(),
        expect.len()
    );
    writer.join().expect("the writer is fine");
}

#[test]
fn a_megabyte_each_way_on_many_connections() {
    // The server answers with noise of its own, whatever the client sends, and checks what it got.
    let server = Server::start(|stream| {
        let (answer, question) = (Noise::new(2).bytes(MEGABYTE), Noise::new(1).bytes(MEGABYTE));
        exchange(stream, answer, &question);
    });
    let config = Config::default().server("s", &server, "");
    let _lb = Lb::start(&config.to_string());
    let clients: Vec<_> = (0..40)
        .map(|_| {
            let stream = connect(config.at());
            std::thread::spawn(move || exchange(stream, Noise::new(1).bytes(MEGABYTE), &Noise::new(2).bytes(MEGABYTE)))
        })
        .collect();
    for client in clients {
        client.join().expect("every byte arrived");
    }
    assert_eq!(server.accepted(), 40);
}

#[test]
fn a_client_that_has_said_all_still_hears_the_answer() {
    let server = Server::start(|mut stream| {
        let mut question = Vec::new();
        stream.read_to_end(&mut question).expect("the question and its end");
        question.reverse();
        stream.write_all(&question).expect("the answer goes out");
    });
    let config = Config::default().server("s", &server, "");
    let _lb = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    client.write_all(b"abc").expect("it is taken");
    client.shutdown(Shutdown::Write).expect("the end is sent");
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).expect("the answer comes");
    assert_eq!(answer, b"cba");
}

#[test]
fn a_server_that_has_said_all_still_hears_the_client() {
    let (heard, hears) = std::sync::mpsc::sync_channel(1);
    let server = Server::start(move |mut stream| {
        stream.write_all(b"my last word").expect("it goes out");
        stream.shutdown(Shutdown::Write).expect("the end is sent");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("the client goes on");
        heard.send(rest).expect("the test waits");
    });
    let config = Config::default().server("s", &server, "");
    let _lb = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    let mut word = Vec::new();
    client.read_to_end(&mut word).expect("the word and its end");
    assert_eq!(word, b"my last word");
    client.write_all(b"still here").expect("that way is open");
    drop(client);
    assert_eq!(
        hears.recv_timeout(tandem_tests::PATIENCE).expect("it arrives"),
        b"still here"
    );
}

#[test]
fn slow_readers_cost_little_memory() {
    let server = Server::start(|mut stream| {
        let chunk = vec![7; MEGABYTE];
        while stream.write_all(&chunk).is_ok() {}
    });
    let config = Config::default().server("s", &server, "");
    let lb = Lb::start(&config.to_string());
    let before = lb.memory();
    let mut clients: Vec<TcpStream> = (0..100).map(|_| connect(config.at())).collect();
    for client in &mut clients {
        // The flood has reached this client, and from here on it reads nothing.
        client.read_exact(&mut [0; 1000]).expect("the flood comes");
    }
    std::thread::sleep(Duration::from_millis(500));
    let grown = lb.memory().saturating_sub(before);
    assert!(grown < 100 * 100, "{grown} KiB for 100 slow readers");
    // The stalled connections go on when they are read again.
    let mut flood = vec![0; 4 * MEGABYTE];
    clients[0].read_exact(&mut flood).expect("the flood goes on");
    assert!(flood.iter().all(|&b| b == 7));
}

#[test]
fn idle_connections_cost_no_cpu_and_little_memory() {
    let server = Server::echo();
    let config = Config::default().server("s", &server, "");
    let lb = Lb::start(&config.to_string());
    let mut clients: Vec<TcpStream> = (0..200).map(|_| connect(config.at())).collect();
    clients
        .iter_mut()
        .for_each(|client| assert_eq!(ask(client, b"hello"), b"hello"));
    // A tick is 10 ms of CPU: whatever spins on one thread uses all of this time.
    let before = lb.cpu_ticks();
    std::thread::sleep(Duration::from_millis(500));
    let used = lb.cpu_ticks() - before;
    assert!(used <= 5, "{used} ticks while nothing happened");
    clients
        .iter_mut()
        .for_each(|client| assert_eq!(ask(client, b"still"), b"still"));
}

#[test]
fn a_reset_of_one_side_ends_the_other() {
    let mut server = Server::echo();
    let config = Config::default().server("s", &server, "");
    let _lb = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    assert_eq!(ask(&mut client, b"x"), b"x");
    server.kill();
    assert!(ended(&mut client));
}

#[test]
fn small_messages_are_not_held_back() {
    let server = Server::echo();
    let config = Config::default().server("s", &server, "");
    let _lb = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    for n in 0..500u32 {
        assert_eq!(ask(&mut client, &n.to_be_bytes()), n.to_be_bytes());
    }
}
