//! One node's life: messages outlive it, clients are told when it stops, two cannot have one folder.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use tandem_tests::{Config, Lb, Mq, Stomp, binary};

const OPEN: &str = "anonymous = true";

#[test]
fn what_was_confirmed_outlives_a_kill_and_what_was_acknowledged_does_not_return() {
    let mut mq = Mq::start(OPEN);
    let mut client = Stomp::connect(mq.address());
    for text in ["one", "two", "three"] {
        client.send("/queue/q", text);
    }
    client.subscribe("/queue/q", "client-individual");
    assert_eq!(client.take(1), ["one"]);
    client.settle();
    mq.kill();
    mq.run();
    let mut client = Stomp::connect(mq.address());
    client.subscribe("/queue/q", "client-individual");
    assert_eq!(client.take(2), ["two", "three"]);
    client.settle();
    mq.kill();
    mq.run();
    assert!(stat(&mq).contains("messages: 0\n"), "{}", stat(&mq));
}

#[test]
fn a_topic_reaches_everybody_through_the_balancer() {
    let mq = Mq::start(OPEN);
    let config = Config::default().server_at("mq", mq.address(), "");
    let _lb = Lb::start(&config.to_string());
    let mut listeners: Vec<Stomp> = (0..3).map(|_| Stomp::connect(config.at())).collect();
    for listener in &mut listeners {
        listener.subscribe("/topic/news.*", "auto");
        assert!(listener.hear().starts_with("RECEIPT\n"));
    }
    Stomp::connect(config.at()).send("/topic/news.today", "hello");
    for listener in &mut listeners {
        assert_eq!(listener.take(1), ["hello"]);
    }
}

#[test]
fn clients_are_told_when_it_stops() {
    let mut mq = Mq::start(OPEN);
    let mut client = Stomp::connect(mq.address());
    client.send("/queue/q", "kept");
    assert!(mq.stop().success());
    let told = client.hear();
    assert!(told.starts_with("ERROR\n") && told.contains("going down"), "{told}");
    mq.run();
    assert!(stat(&mq).contains("messages: 1\n"));
}

#[test]
fn a_folder_has_one_broker() {
    let mq = Mq::start(OPEN);
    let file = mq.folder().with_file_name("mq.toml");
    let second = Command::new(binary("tandem-mq")).arg("-f").arg(file).output();
    let second = second.expect("the program runs");
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(
        !second.status.success() && said.contains("another broker holds this folder"),
        "{said}"
    );
}

#[test]
fn rot_in_the_journal_is_refused_and_named() {
    let mut mq = Mq::start(OPEN);
    let mut client = Stomp::connect(mq.address());
    for number in 0..20 {
        client.send("/queue/q", &format!("message {number}"));
    }
    mq.kill();
    let file = mq.folder().join("journal/0000000001.log");
    let mut bytes = std::fs::read(&file).expect("the journal is there");
    let at = bytes
        .windows(9)
        .position(|w| w == b"message 3")
        .expect("bodies are as they came");
    bytes[at] ^= 1;
    std::fs::write(&file, bytes).expect("it is ours");
    let configuration = mq.folder().with_file_name("mq.toml");
    let output = Command::new(binary("tandem-mq")).arg("-f").arg(configuration).output();
    let output = output.expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("segment 1") && said.contains("is damaged"), "{said}");
}

fn stat(mq: &Mq) -> String {
    let mut stream = TcpStream::connect(mq.address()).expect("it listens");
    stream.write_all(b"stat\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers and closes");
    answer
}
