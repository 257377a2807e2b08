//! Messages that wait for their time, in the words of two protocols, and over a crash.

use std::time::Instant;

use tandem_tests::{Mq, Stomp};

use super::clients::python_at;

const OPEN: &str = "anonymous = true";

/// Two wait longer than the node lives at first; the other one is late, and comes before them.
#[test]
fn a_message_waits_for_its_time_also_over_a_crash() {
    let mut mq = Mq::start(OPEN);
    let mut client = Stomp::connect(mq.address());
    let begun = Instant::now();
    for (header, body) in [
        ("AMQ_SCHEDULED_DELAY:8000", "last"),
        (
            "AMQ_SCHEDULED_DELAY:2000\nAMQ_SCHEDULED_PERIOD:500\nAMQ_SCHEDULED_REPEAT:1",
            "twice",
        ),
        ("priority:4", "first"),
    ] {
        client.say(&format!("SEND\ndestination:/queue/q\nreceipt:r\n{header}\n\n{body}"));
        assert!(client.hear().starts_with("RECEIPT\n"));
    }
    mq.kill();
    mq.run();
    let mut client = Stomp::connect(mq.address());
    client.subscribe("/queue/q", "client-individual");
    assert_eq!(client.take(4), ["first", "twice", "twice", "last"]);
    assert!(begun.elapsed().as_millis() >= 7990, "never early");
}

const PROTON: &str = r#"
import sys, time
from proton import Message, symbol, timestamp
from proton.utils import BlockingConnection, SendException
c = BlockingConnection('amqp://%s:%s' % (sys.argv[1], sys.argv[2]), timeout=10, allowed_mechs='ANONYMOUS')
s, r = c.create_sender('q'), c.create_receiver('q')
begun = time.time()
s.send(Message(body='in a while', annotations={symbol('x-opt-delivery-delay'): 4000}))
s.send(Message(body='then', annotations={symbol('x-opt-delivery-time'): timestamp((begun + 2) * 1000)}))
s.send(Message(body='now', annotations={symbol('x-opt-delivery-time'): timestamp(1000)}))
for _ in range(3):
    print(r.receive(timeout=20).body)
    r.accept()
print(time.time() - begun >= 3.99)
try: s.send(Message(body='x', annotations={symbol('x-opt-delivery-delay'): 'soon'}))
except SendException: print('rejected')
c.close()
"#;

#[test]
fn amqp_says_it_by_an_annotation() {
    let mq = Mq::start(OPEN);
    if let Some(said) = python_at("python-qpid-proton==0.40.0", PROTON, &[mq.address()]) {
        assert_eq!(said, "now\nthen\nin a while\nTrue\nrejected\n");
    }
}
