//! Clients that are slow, wrong or greedy cost a bounded amount and disturb nobody.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tandem_tests::{Mq, Stomp, until};

#[test]
fn who_speaks_something_else_is_closed() {
    let mq = Mq::start("anonymous = true");
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"AMQP\x09\x09\x09\x09"] {
        let mut stream = TcpStream::connect(mq.address()).expect("it listens");
        stream.write_all(bytes).expect("it reads");
        let mut rest = Vec::new();
        // A reset is an end, too.
        stream.read_to_end(&mut rest).ok();
        assert!(rest.is_empty(), "{rest:?}");
    }
    Stomp::connect(mq.address()).send("/queue/q", "others go on");
}

#[test]
fn without_a_name_nobody_comes_in_unless_it_is_allowed() {
    let made = std::process::Command::new("sh")
        .args(["-c", "printf secret | \"$0\" --hash-password"])
        .arg(tandem_tests::binary("tandem-mq"))
        .output()
        .expect("the program runs");
    let made = String::from_utf8_lossy(&made.stdout).trim().to_owned();
    assert!(made.starts_with("$argon2id$"), "{made}");
    let mq = Mq::start(&format!("[[user]]\nname = \"app\"\npassword-hash = \"{made}\""));
    for (login, comes_in) in [
        ("", false),
        ("login:app\npasscode:wrong\n", false),
        ("login:nobody\npasscode:secret\n", false),
        ("login:app\npasscode:secret\n", true),
    ] {
        let mut client = Stomp::raw(mq.address());
        client.say(&format!("CONNECT\naccept-version:1.2\nhost:h\n{login}\n"));
        assert_eq!(client.hear().starts_with("CONNECTED\n"), comes_in, "{login}");
    }
}

#[test]
fn a_giant_head_and_a_giant_body_are_refused_with_a_reason() {
    let mq = Mq::start("anonymous = true");
    let mut client = Stomp::raw(mq.address());
    // The broker stops reading when it has seen enough.
    client
        .try_say(&format!("CONNECT\nhost:{}\n\n", "x".repeat(100_000)))
        .ok();
    let said = client
        .try_hear()
        .expect("it is told, though it has said more than was read");
    assert!(said.contains("longer than"), "{said}");
    let mut client = Stomp::connect(mq.address());
    client.say("SEND\ndestination:/queue/q\ncontent-length:999999999\n\n");
    assert!(client.hear().contains("longer than"));
}

#[test]
fn idle_clients_cost_little_and_the_one_too_many_is_closed() {
    let mq = Mq::start("anonymous = true");
    let _warm = Stomp::connect(mq.address());
    let before = mq.memory();
    let clients: Vec<Stomp> = (0..500).map(|_| Stomp::connect(mq.address())).collect();
    let each = mq.memory().saturating_sub(before) as f64 / clients.len() as f64;
    super::say(&format!("an idle client costs {each:.1} KiB"));
    assert!(each < 16.0, "{each} KiB for each idle client");
    let _more: Vec<Stomp> = (0..499).map(|_| Stomp::connect(mq.address())).collect();
    let mut refused = Stomp::raw(mq.address());
    assert!(refused.try_hear().is_err(), "1000 are allowed");
    drop(clients);
    until("room for one more", || {
        let mut client = Stomp::raw(mq.address());
        client.try_say("CONNECT\naccept-version:1.2\nhost:h\n\n").ok()?;
        client.try_hear().ok()
    });
}

#[test]
fn a_client_that_does_not_read_stops_only_itself() {
    let mq = Mq::start("anonymous = true\n[memory]\nmessages = 10000000");
    let mut producer = Stomp::connect(mq.address());
    let mut deaf = Stomp::connect(mq.address());
    deaf.subscribe("/topic/t", "auto");
    deaf.settle();
    producer.send("/queue/other", "warm");
    let before = mq.memory();
    let body = "x".repeat(100_000);
    for _ in 0..300 {
        producer.send("/topic/t", &body);
        producer.send("/queue/other", "small");
    }
    let more = mq.memory().saturating_sub(before);
    super::say(&format!("30 MB for one who does not read: {more} KiB more"));
    let mut other = Stomp::connect(mq.address());
    other.subscribe("/queue/other", "auto");
    assert_eq!(other.take(301).len(), 301);
}

#[test]
fn what_is_half_sent_has_one_budget() {
    let mq = Mq::start("anonymous = true\n[memory]\nmessages = 1000000");
    let mut other = Stomp::connect(mq.address());
    let before = mq.memory();
    let part = vec![b'x'; 30_000_000];
    let halves: Vec<TcpStream> = (0..3)
        .map(|_| {
            let mut stream = TcpStream::connect(mq.address()).expect("it listens");
            stream
                .write_all(b"CONNECT\naccept-version:1.2\nhost:h\n\n\0")
                .expect("it reads");
            assert!(stream.read(&mut [0; 1000]).expect("it answers") > 0);
            stream
                .write_all(b"SEND\ndestination:/queue/q\ncontent-length:100000000\n\n")
                .expect("it reads");
            stream
                .set_write_timeout(Some(Duration::from_millis(200)))
                .expect("a time");
            // Only one of them is read to here.
            stream.write_all(&part).ok();
            stream
        })
        .collect();
    let more = mq.memory().saturating_sub(before);
    super::say(&format!("three times 30 MB of 100 MB: {more} KiB more"));
    assert!(more < 50_000, "{more} KiB");
    other.send("/queue/q", "others go on");
    drop(halves);
}

#[test]
fn who_fills_the_memory_can_empty_it_again() {
    let mq = Mq::start("anonymous = true\n[memory]\nmessages = 100000");
    let mut client = Stomp::connect(mq.address());
    let body = "x".repeat(30_000);
    for _ in 0..4 {
        client.send("/queue/full", &body);
    }
    client.subscribe("/queue/full", "client-individual");
    assert_eq!(
        client.take(4).len(),
        4,
        "what it says is heard, though it has sent before"
    );
    client.send("/queue/other", &body);
}
