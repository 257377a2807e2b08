//! Clients that are slow, wrong or greedy cost a bounded amount and disturb nobody.

use std::io::{ErrorKind, Read, Write};
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
fn clients_that_come_and_go_quickly_are_all_served() {
    let mq = Mq::start("anonymous = true");
    for number in 0..300 {
        let mut client = Stomp::raw(mq.address());
        // All at once, and the socket is closed as soon as it has the answer.
        let greeting = "CONNECT\naccept-version:1.2\nhost:h\n\n\0";
        client.say(&format!(
            "{greeting}SEND\ndestination:/queue/q\n\n{number}\0DISCONNECT\nreceipt:bye\n\n"
        ));
        assert!(client.hear().starts_with("CONNECTED\n"));
        assert!(client.hear().contains("receipt-id:bye\n"), "{number}");
        assert!(client.try_hear().is_err(), "then it is closed");
    }
    let mut client = Stomp::connect(mq.address());
    client.subscribe("/queue/q", "auto");
    assert_eq!(client.take(300).len(), 300);
}

/// What a client of each protocol may say before it must say the rest, and how much of that is held at most.
const HALVES: [(&[u8], usize); 8] = [
    (b"", 0),
    (b"CONN", 0),
    (b"CONNECT\naccept-version:1.2\nlogin:", 7000),
    (b"\x10\xa0\x8d\x06\0\x04MQTT\x05", 90_000),
    (b"AMQP\0\0\x09\x01\x01\0\0\0\0\x10\0", 4000),
    (b"AMQP\0\x01\0\0\0\0\x10\0\x02\0\0\0", 4000),
    (b"AMQP\x03\x01\0\0\0\0\x10\0\x02\x01\0\0", 4000),
    (b"\0\0\0\xf0\x01Act", 0),
];

#[test]
fn who_says_nothing_to_its_end_is_told_and_closed() {
    let mq = Mq::start("anonymous = true");
    let mut other = Stomp::connect(mq.address());
    let before = mq.memory();
    let mut most = before;
    let mut strangers: Vec<(&[u8], TcpStream)> = Vec::new();
    for (half, more) in HALVES.into_iter().cycle().take(400) {
        let mut stream = TcpStream::connect(mq.address()).expect("it listens");
        stream.write_all(&[half, &vec![b'x'; more]].concat()).expect("it reads");
        stream
            .set_read_timeout(Some(Duration::from_millis(20)))
            .expect("a time");
        strangers.push((half, stream));
    }
    other.send("/queue/q", "others go on");
    for (half, stream) in &mut strangers {
        let (mut told, mut part) = (Vec::new(), [0; 1000]);
        until("the end of a connection", || {
            most = most.max(mq.memory());
            match stream.read(&mut part) {
                Ok(0) => Some(()),
                Ok(count) => {
                    told.extend_from_slice(&part[..count]);
                    None
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    // A letter now and then is no reason to wait for the end.
                    stream.write_all(b"x").ok();
                    None
                }
                Err(_) => Some(()),
            }
        });
        let told = String::from_utf8_lossy(&told);
        if half.starts_with(b"CONNECT") {
            assert!(
                told.starts_with("ERROR\n") && told.contains("message:too slow\n"),
                "{told}"
            );
        }
    }
    let each = (most - before) as f64 / strangers.len() as f64;
    super::say(&format!("one who has half come in costs {each:.1} KiB"));
    assert!(each < 64.0, "{each} KiB for each of them");
    other.send("/queue/q", "others go on");
}

/// What is announced is not waited for, and who can understand it is told.
#[test]
fn what_would_be_too_large_is_refused_before_it_has_come() {
    let mq = Mq::start("anonymous = true");
    let end = |bytes: &[&[u8]]| {
        let mut stream = TcpStream::connect(mq.address()).expect("it listens");
        // Less than a stranger has to come in.
        stream.set_read_timeout(Some(Duration::from_secs(8))).expect("a time");
        let mut said = Vec::new();
        let (last, before) = bytes.split_last().expect("it says something");
        for part in before {
            stream.write_all(part).expect("it reads");
            let mut answer = [0; 1000];
            let count = stream.read(&mut answer).expect("it answers");
            said.extend_from_slice(&answer[..count]);
        }
        stream.write_all(last).expect("it reads");
        stream.read_to_end(&mut said).expect("it is closed");
        said
    };
    let says = |told: &[u8], words: &str| String::from_utf8_lossy(told).contains(words);
    // MQTT 5 and 3.1.1: a stranger's CONNECT, and a client's PUBLISH.
    end(&[b"\x10\xff\xff\xff\x7f\0\x04MQTT\x05"]);
    let publish = b"\x30\xff\xff\xff\x7f";
    let told = end(&[b"\x10\x0d\0\x04MQTT\x05\x02\0\0\0\0\0", publish]);
    assert!(says(&told, "the packet is larger than any may be"), "{told:x?}");
    end(&[b"\x10\x0d\0\x04MQTT\x04\x02\0\0\0\x01m", publish]);
    // AMQP 0-9-1: a start-ok of two gigabytes. AMQP 1.0: an open of as many, and the client is to close, too.
    end(&[b"AMQP\0\0\x09\x01", b"\x01\0\0\x7f\xff\xff\xff"]);
    let close = b"\0\0\0\x0c\x02\0\0\0\0\x53\x18\x45";
    let told = end(&[b"AMQP\0\x01\0\0", b"\x7f\xff\xff\xff\x02\0\0\0", close]);
    assert!(says(&told, "amqp:connection:framing-error"), "{told:x?}");
    // STOMP, on a port that takes it for STOMP because it begins so.
    let told = end(&[b"CONNECT\ncontent-length:2000000000\n\n"]);
    assert!(says(&told, "the body is longer than 0 bytes"), "{told:x?}");
    Stomp::connect(mq.address()).send("/queue/q", "others go on");
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
