//! `tandem mq`: what goes in is confirmed, comes out whole, and is counted.

use std::net::SocketAddr;
use std::process::{Command, Output};

use tandem_tests::{Mq, Stomp, binary, free_port};

fn tool(mq: &Mq, words: &str, more: &[&str]) -> (Option<i32>, String) {
    let mut tandem = Command::new(binary("tandem"));
    tandem.arg("mq").args(words.split(' ')).args(more);
    if !words.ends_with("stat") {
        tandem.args(["--url", &format!("tcp://{}", mq.address())]);
    }
    let Output { status, stdout, stderr } = tandem.output().expect("tandem starts");
    let said = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
    (status.code(), said)
}

#[track_caller]
fn json(said: &str) -> serde_json::Value {
    serde_json::from_str(said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

#[test]
fn what_a_producer_sends_a_consumer_takes_whole() {
    let admin = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mq = Mq::start(&format!("anonymous = true\n[admin]\naddress = \"{admin}\""));
    let to = ["--destination", "queue://orders"];
    let work = "--message-count 40 --threads 3 --verify --json";
    let (code, said) = tool(&mq, &format!("producer --message-size 10K --window 5 {work}"), &to);
    let sent = json(&said);
    assert_eq!(
        (code, &sent["messages"], &sent["bytes"]),
        (Some(0), &120.into(), &(120 * 10_240).into()),
        "{said}"
    );
    assert!(
        sent["latency_ms"]["p99.9"].is_number() && sent["messages_per_second"].is_number(),
        "{said}"
    );

    let (_, said) = tool(&mq, "queue stat", &["--json", "--url", &format!("http://{admin}")]);
    let queues = json(&said);
    assert_eq!(
        (&queues[0]["queue"], &queues[0]["ready"]),
        (&"orders".into(), &120.into()),
        "{said}"
    );
    let (code, said) = tool(&mq, "browse", &to);
    assert_eq!((code, said.lines().count()), (Some(0), 121), "{said}");
    assert!(
        said.ends_with("120 messages\n") && said.contains("10240 bytes"),
        "{said}"
    );

    let (code, said) = tool(&mq, &format!("consumer --receive-timeout 20000 {work}"), &to);
    let taken = json(&said);
    assert_eq!((code, &taken["messages"]), (Some(0), &120.into()), "{said}");
    let verified = &taken["verified"];
    assert_eq!(
        (&verified["good"], &verified["missing"], &verified["damaged"]),
        (&true.into(), &0.into(), &0.into()),
        "{said}"
    );
}

#[test]
fn what_is_missing_is_said_and_a_queue_is_emptied() {
    let mq = Mq::start("anonymous = true");
    tool(&mq, "producer --message-count 5 --verify", &[]);
    let mut thief = Stomp::connect(mq.address());
    thief.say("SUBSCRIBE\nid:0\ndestination:/queue/TEST\nack:client-individual\nprefetch-count:1\n\n");
    assert!(thief.hear().starts_with("MESSAGE\n"));
    let (code, said) = tool(&mq, "consumer --message-count 5 --receive-timeout 3000 --verify", &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("5 were wanted\n") && said.contains("NOT WELL: 1 missing, 0 twice"),
        "{said}"
    );
    drop(thief);
    tool(&mq, "producer --message-count 7 --destination q", &[]);
    let (code, said) = tool(&mq, "queue purge --destination q", &[]);
    assert_eq!((code, said.as_str()), (Some(0), "7 messages of q are gone\n"));
    let (code, said) = tool(&mq, "queue purge --destination nobody", &[]);
    assert_eq!(code, Some(2));
    assert!(said.contains("404"), "{said}");
}

#[test]
fn a_consumer_is_handed_what_it_takes_and_no_more() {
    let mq = Mq::start("anonymous = true");
    for (sent, taken) in [(12, 5), (400, 150)] {
        let to = format!("q{sent}");
        tool(&mq, &format!("producer --message-count {sent} --destination {to}"), &[]);
        let (code, said) = tool(
            &mq,
            &format!("consumer --message-count {taken} --destination {to}"),
            &[],
        );
        assert_eq!(code, Some(0), "{said}");
        let mut client = Stomp::connect(mq.address());
        client.subscribe(&format!("/queue/{to}"), "client-individual");
        let mut left = 0;
        while left < sent - taken {
            let frame = client.hear();
            left += usize::from(frame.starts_with("MESSAGE\n"));
            assert!(!frame.contains("\nredelivered:true"), "{frame}");
        }
    }
}
