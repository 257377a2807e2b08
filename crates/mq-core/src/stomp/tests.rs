//! A session with a broker behind it: what a client writes, and what it reads.

use super::*;
use crate::broker::Broker;
use crate::dialect::{Bounds, Origin};
use crate::{Lsn, SessionId, Value};

mod acknowledge;
mod conformance;

/// One client, a broker, and a disk that is as fast as the test wants.
struct Client {
    session: Session,
    broker: Broker,
    now: Mono,
    frames: Vec<Frame>,
    /// Those that a test has looked at.
    seen: Vec<Frame>,
    beats: usize,
    closed: bool,
    written: Lsn,
    fast_disk: bool,
}

impl Client {
    fn stranger() -> Client {
        Client {
            session: Session::open(
                SessionId::of_connection(1),
                Bounds::default(),
                Origin::default(),
                Mono::ZERO,
            ),
            broker: Broker::new(broker::Settings::default()),
            now: Mono::ZERO,
            frames: Vec::new(),
            seen: Vec::new(),
            beats: 0,
            closed: false,
            written: Lsn(0),
            fast_disk: true,
        }
    }

    fn connected(version: &str) -> Client {
        let mut client = Client::stranger();
        client.says(&format!("CONNECT\naccept-version:{version}\nhost:h\nclient-id:me\n\n"));
        assert_eq!(client.frames.remove(0).command, Command::Connected);
        client
    }

    /// As it would come from the network.
    fn says(&mut self, text: &str) {
        let mut bytes = BytesMut::from(format!("{text}\0").as_bytes());
        assert!(self.session.read(&mut bytes, self.now), "{text} is not a whole frame");
        self.turn();
    }

    fn hears(&mut self, input: Input) {
        self.session.handle(input, self.now);
        self.turn();
    }

    /// Carries everything to where it belongs until all is quiet.
    fn turn(&mut self) {
        loop {
            while let Some(output) = self.session.poll_output() {
                match output {
                    Output::Send(Item::Frame(frame)) => self.frames.push(frame),
                    Output::Send(Item::HeartBeat) => self.beats += 1,
                    Output::Ask(input) => self.broker.handle(input, self.now),
                    Output::Authenticate { login, .. } => {
                        let answer = match login.as_deref() {
                            Some("nobody") => Err("who is that?".into()),
                            _ => Ok(()),
                        };
                        self.session.handle(Input::Heard(Heard::Login(answer)), self.now);
                    }
                    Output::Close => {
                        self.closed = true;
                        self.broker.handle(
                            broker::Input::Closed {
                                session: self.session.line.id,
                            },
                            self.now,
                        );
                    }
                }
            }
            match self.broker.poll_output() {
                Some(broker::Output::Write { lsn, .. }) => {
                    self.written = lsn;
                    if self.fast_disk {
                        self.broker.handle(broker::Input::Stored { upto: lsn }, self.now);
                    }
                }
                Some(output) => self.session.handle(Input::Broker(output), self.now),
                None if self.session.line.is_quiet() => return,
                None => {}
            }
        }
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.session.on_deadline(self.now);
        self.turn();
    }

    fn last(&self) -> &Frame {
        self.frames.last().expect("a frame came")
    }

    fn header(&self, name: &str) -> &str {
        self.last()
            .header(name)
            .unwrap_or_else(|| panic!("no {name} in {:?}", self.last()))
    }

    fn depth(&self, name: &str) -> usize {
        self.broker
            .queues()
            .filter(|q| &*q.name == name)
            .map(|q| q.depth + q.in_flight)
            .sum()
    }
}

#[test]
fn a_client_sends_and_receives_and_leaves() {
    let mut client = Client::connected("1.0,1.1,1.2");
    client.says("SUBSCRIBE\nid:0\ndestination:/queue/a\nack:client-individual\n\n");
    client.says("SEND\ndestination:/queue/a\ncontent-type:text/plain\ncolour:red\n\nhello");
    let message = client.last().clone();
    assert_eq!((message.command, &message.body[..]), (Command::Message, &b"hello"[..]));
    for (name, value) in [
        ("destination", "/queue/a"),
        ("subscription", "0"),
        ("content-type", "text/plain"),
        ("colour", "red"),
    ] {
        assert_eq!(message.header(name), Some(value), "{name}");
    }
    let ack = message.header("ack").unwrap().to_owned();
    client.says(&format!("ACK\nid:{ack}\n\n"));
    assert_eq!(client.depth("a"), 0);
    client.says("DISCONNECT\nreceipt:bye\n\n");
    assert_eq!(
        (client.last().command, client.header("receipt-id")),
        (Command::Receipt, "bye")
    );
    assert!(client.closed);
}

#[test]
fn a_receipt_waits_for_the_disk() {
    let mut client = Client::connected("1.2");
    client.fast_disk = false;
    client.says("SEND\ndestination:/queue/a\nreceipt:r1\n\nx");
    assert!(client.frames.is_empty());
    client
        .broker
        .handle(broker::Input::Stored { upto: client.written }, client.now);
    client.turn();
    assert_eq!(client.header("receipt-id"), "r1");
}

#[test]
fn each_way_to_acknowledge() {
    for (version, mode, left) in [
        ("1.2", "client", 1),
        ("1.2", "client-individual", 2),
        ("1.1", "client", 1),
        ("1.0", "client", 1),
    ] {
        let mut client = Client::connected(version);
        client.says(&format!("SUBSCRIBE\nid:s\ndestination:/queue/a\nack:{mode}\n\n"));
        for text in ["1", "2", "3"] {
            client.says(&format!("SEND\ndestination:/queue/a\n\n{text}"));
        }
        let second = client.frames[1].clone();
        let line = match version {
            "1.2" => format!("id:{}", second.header("ack").unwrap()),
            _ => format!("subscription:s\nmessage-id:{}", second.header("message-id").unwrap()),
        };
        client.says(&format!("ACK\n{line}\n\n"));
        assert_eq!(client.depth("a"), left, "{version} {mode}");
        client.says(&format!("ACK\n{line}\n\n"));
        assert_eq!(client.header("message"), "no such message");
        assert!(client.closed);
    }
}

#[test]
fn an_auto_subscriber_has_it_when_it_has_left() {
    let mut client = Client::connected("1.2");
    client.says("SUBSCRIBE\nid:0\ndestination:/queue/a\nprefetch-count:1\n\n");
    client.says("SEND\ndestination:/queue/a\n\n1");
    client.says("SEND\ndestination:/queue/a\n\n2");
    assert_eq!((client.frames.len(), client.depth("a")), (1, 2));
    client.hears(Input::Heard(Heard::Flushed));
    assert_eq!((client.frames.len(), client.depth("a")), (2, 1));
}

#[test]
fn a_refused_message_comes_again_and_says_so() {
    let mut client = Client::connected("1.2");
    client.says("SUBSCRIBE\nid:0\ndestination:/queue/a\nack:client-individual\n\n");
    client.says("SEND\ndestination:/queue/a\n\n1");
    assert_eq!(client.last().header("redelivered"), None);
    let ack = client.header("ack").to_owned();
    client.says(&format!("NACK\nid:{ack}\n\n"));
    assert_eq!(client.header("redelivered"), "true");
    let ack = client.header("ack").to_owned();
    client.says(&format!("NACK\nid:{ack}\nrequeue:false\n\n"));
    assert_eq!((client.depth("a"), client.depth("DLQ")), (0, 1));
}

#[test]
fn transactions_happen_as_a_whole_or_not() {
    for (end, depth) in [("COMMIT", 1), ("ABORT", 0)] {
        let mut client = Client::connected("1.2");
        client.says("BEGIN\ntransaction:t\n\n");
        client.says("SEND\ndestination:/queue/a\ntransaction:t\n\n1");
        assert_eq!(client.depth("a"), 0);
        client.says(&format!("{end}\ntransaction:t\n\n"));
        assert_eq!(client.depth("a"), depth, "{end}");
        client.says(&format!("{end}\ntransaction:t\n\n"));
        assert_eq!(client.header("message"), "no such transaction");
    }
}

#[test]
fn a_transaction_that_a_queue_has_no_room_for_does_not_happen() {
    let mut client = Client::connected("1.2");
    let arguments = [
        ("x-max-length", Value::Int(1)),
        ("x-overflow", Value::Text("reject-publish".into())),
    ];
    let declared = broker::Declared {
        arguments: arguments.map(|(name, value)| (name.into(), value)).into(),
        ..broker::Declared::default()
    };
    let what = broker::Arrangement::Queue {
        name: "narrow".into(),
        declared,
    };
    // It is another client's.
    let session = SessionId(9);
    client.broker.handle(broker::Input::Opened { session }, client.now);
    client
        .broker
        .handle(broker::Input::Arrange { session, what }, client.now);
    client.says("BEGIN\ntransaction:t\n\n");
    for queue in ["free", "narrow", "narrow"] {
        client.says(&format!("SEND\ntransaction:t\ndestination:/queue/{queue}\n\nx"));
    }
    client.says("COMMIT\ntransaction:t\nreceipt:c\n\n");
    assert_eq!(
        (client.header("message"), client.header("receipt-id")),
        ("the broker refused", "c")
    );
    assert_eq!(
        (client.depth("free"), client.depth("narrow"), client.closed),
        (0, 0, true)
    );
}

#[test]
fn a_transaction_outlives_the_subscription_that_it_acknowledges() {
    for (end, left) in [("COMMIT", "sent"), ("ABORT", "taken")] {
        let mut client = Client::connected("1.2");
        client.says("SUBSCRIBE\nid:s\ndestination:/queue/a\nack:client\n\n");
        client.says("SEND\ndestination:/queue/a\n\ntaken");
        let id = client.header("ack").to_owned();
        client.says("BEGIN\ntransaction:t\n\n");
        client.says("SEND\ndestination:/queue/a\ntransaction:t\n\nsent");
        client.says(&format!("ACK\nid:{id}\ntransaction:t\n\n"));
        client.says("UNSUBSCRIBE\nid:s\n\n");
        client.says(&format!("{end}\ntransaction:t\nreceipt:done\n\n"));
        assert_eq!(client.header("receipt-id"), "done");
        assert_eq!(client.depth("a"), 1, "one of both");
        client.says("SUBSCRIBE\nid:t\ndestination:/queue/a\n\n");
        assert_eq!(client.last().body, left.as_bytes());
    }
}

#[test]
fn a_durable_subscription_has_a_name_and_ends_when_told() {
    let mut client = Client::connected("1.2");
    client.says("SUBSCRIBE\nid:0\ndestination:/topic/t\nactivemq.subscriptionName:n\n\n");
    client.says("UNSUBSCRIBE\nid:0\n\n");
    client.says("SEND\ndestination:/topic/t\n\nmissed");
    assert_eq!(client.depth("me.n"), 1);
    client.says("SUBSCRIBE\nid:1\ndestination:/topic/t\ndurable-subscription-name:n\n\n");
    assert_eq!(
        (&client.last().body[..], client.header("destination")),
        (&b"missed"[..], "/topic/t")
    );
    client.says("UNSUBSCRIBE\nid:1\ndurable-subscription-name:n\n\n");
    assert!(client.broker.queues().next().is_none());
    assert!(!client.closed);
}

#[test]
fn a_browser_takes_nothing_and_is_told_the_end() {
    let mut client = Client::connected("1.2");
    client.says("SEND\ndestination:/queue/a\n\n1");
    client.says("SUBSCRIBE\nid:0\ndestination:/queue/a\nbrowser:true\n\n");
    client.hears(Input::Heard(Heard::Flushed));
    assert_eq!(
        (client.frames.len(), client.header("browser"), client.depth("a")),
        (2, "end", 1)
    );
    assert!(!client.closed);
}

#[test]
fn a_browser_that_wants_so_many_is_told_the_end_behind_them() {
    for (wants, sees) in [(1, 1), (2, 2), (3, 2)] {
        let mut client = Client::connected("1.2");
        client.says("SEND\ndestination:/queue/a\n\n1");
        client.says("SEND\ndestination:/queue/a\n\n2");
        client.says(&format!(
            "SUBSCRIBE\nid:0\ndestination:/queue/a\nbrowser:true\ncredit:{wants}\n\n"
        ));
        client.hears(Input::Heard(Heard::Flushed));
        assert_eq!(
            (client.frames.len(), client.header("browser")),
            (sees + 1, "end"),
            "{wants}"
        );
    }
}

#[test]
fn a_topic_has_nothing_to_browse() {
    let mut client = Client::connected("1.2");
    client.says("SUBSCRIBE\nid:0\ndestination:/topic/a\nbrowser:true\n\n");
    assert_eq!(client.header("message"), "header wrong");
    assert_eq!(client.broker.queues().count(), 0);
}

#[test]
fn a_mistake_ends_the_connection_with_its_reason() {
    for (frame, message) in [
        ("SEND\nreceipt:r\n\nx", "header missing"),
        (
            "SEND\nreceipt:r\ndestination:/exchange/x\n\nx",
            "the destination cannot be used",
        ),
        (
            "SEND\nreceipt:r\ndestination:/queue/a\npriority:high\n\nx",
            "a header cannot be read",
        ),
        (
            "SEND\nreceipt:r\ndestination:/queue/a\ntransaction:t\n\nx",
            "no such transaction",
        ),
        ("SUBSCRIBE\nreceipt:r\ndestination:/queue/a\n\n", "header missing"),
        ("SUBSCRIBE\nreceipt:r\nid:0\n\n", "header missing"),
        (
            "SUBSCRIBE\nreceipt:r\nid:0\ndestination:/queue/a\nack:maybe\n\n",
            "header wrong",
        ),
        (
            "SUBSCRIBE\nreceipt:r\nid:0\ndestination:/queue/a\nprefetch-count:0\n\n",
            "header wrong",
        ),
        (
            "SUBSCRIBE\nreceipt:r\nid:0\ndestination:/queue/a\nselector:a=\n\n",
            "header wrong",
        ),
        ("UNSUBSCRIBE\nreceipt:r\nid:9\n\n", "not subscribed"),
        ("UNSUBSCRIBE\nreceipt:r\ndestination:/queue/a\n\n", "header missing"),
        ("ACK\nreceipt:r\nid:1-2\n\n", "no such message"),
        ("ACK\nreceipt:r\n\n", "header missing"),
        ("NACK\nreceipt:r\nid:1-2\n\n", "no such message"),
        ("NACK\nreceipt:r\n\n", "header missing"),
        ("BEGIN\nreceipt:r\n\n", "header missing"),
        ("COMMIT\nreceipt:r\n\n", "header missing"),
        ("ABORT\nreceipt:r\n\n", "header missing"),
        ("CONNECT\nreceipt:r\n\n", "connected already"),
        ("STOMP\nreceipt:r\n\n", "connected already"),
        ("CONNECTED\nreceipt:r\n\n", "unexpected frame"),
        ("MESSAGE\nreceipt:r\n\n", "unexpected frame"),
        ("RECEIPT\nreceipt:r\n\n", "unexpected frame"),
        ("ERROR\nreceipt:r\n\n", "unexpected frame"),
    ] {
        let mut client = Client::connected("1.2");
        client.says(frame);
        assert_eq!(client.last().command, Command::Error, "{frame}");
        assert_eq!(
            (client.header("message"), client.header("receipt-id")),
            (message, "r"),
            "{frame}"
        );
        assert_eq!(client.header("content-type"), "text/plain");
        assert!(!client.last().body.is_empty(), "{frame}");
        assert!(client.closed, "{frame}");
        client.says("SEND\ndestination:/queue/a\n\nlate");
        assert_eq!(client.depth("a"), 0, "after the end nothing counts");
    }
}

#[test]
fn a_selector_takes_some_and_leaves_the_others() {
    for destination in ["/queue/a", "/topic/a"] {
        let mut client = Client::connected("1.2");
        client.says(&format!(
            "SUBSCRIBE\nid:0\ndestination:{destination}\nselector:colour = 'red' AND size > 2\n\n"
        ));
        for (body, colour, size) in [("1", "blue", 3), ("2", "red", 1), ("3", "red", 3), ("4", "red", 9)] {
            client.says(&format!(
                "SEND\ndestination:{destination}\ncolour:{colour}\nsize:{size}\n\n{body}"
            ));
        }
        let bodies: Vec<&[u8]> = client.frames.iter().map(|frame| &frame.body[..]).collect();
        assert_eq!(bodies, [b"3", b"4"]);
        client.hears(Input::Heard(Heard::Flushed));
        assert_eq!(client.depth("a"), if destination == "/queue/a" { 2 } else { 0 });
        // Another one takes the rest, in order.
        client.frames.clear();
        client.says(&format!("SUBSCRIBE\nid:1\ndestination:{destination}\n\n"));
        let rest: Vec<&[u8]> = client.frames.iter().map(|frame| &frame.body[..]).collect();
        assert_eq!(rest.len(), if destination == "/queue/a" { 2 } else { 0 });
    }
}

#[test]
fn what_the_broker_refuses_is_named_by_its_receipt() {
    let long = "x".repeat(2000);
    for (before, frame, receipt) in [
        (
            "",
            format!("SEND\nreceipt:r\ndestination:/queue/{long}\n\nx"),
            Some("r"),
        ),
        ("", "SEND\nreceipt:r\ndestination:/topic/a.#\n\nx".to_owned(), Some("r")),
        (
            "SEND\nreceipt:first\ndestination:/queue/a\n\nx",
            format!("SEND\ndestination:/queue/{long}\n\nx"),
            None,
        ),
        (
            "",
            "UNSUBSCRIBE\nreceipt:u\nid:9\ndurable-subscription-name:n\n\n".to_owned(),
            Some("u"),
        ),
    ] {
        let mut client = Client::connected("1.2");
        client.fast_disk = false;
        if !before.is_empty() {
            client.says(before);
        }
        client.says(&frame);
        assert_eq!(client.header("message"), "the broker refused", "{frame}");
        assert_eq!(client.last().header("receipt-id"), receipt, "{frame}");
        assert!(client.closed);
    }
}

#[test]
fn strangers_get_little() {
    for (frame, message) in [
        ("SEND\ndestination:/queue/a\n\nx", "the frame cannot be read"),
        ("SUBSCRIBE\nid:1\ndestination:/queue/a\n\n", "not connected"),
        ("CONNECT\naccept-version:9.9\n\n", "no common version"),
        (
            "CONNECT\naccept-version:1.2\nheart-beat:often\n\n",
            "the heart-beat cannot be read",
        ),
        ("CONNECT\nlogin:nobody\n\n", "access refused"),
    ] {
        let mut client = Client::stranger();
        client.says(frame);
        assert_eq!(client.header("message"), message, "{frame}");
        assert!(client.closed);
    }
    let mut client = Client::stranger();
    client.wait(Duration::from_secs(10));
    assert_eq!(client.header("message"), "too slow");
}

#[test]
fn heart_beats_are_sent_and_missed() {
    let mut client = Client::stranger();
    client.says("CONNECT\naccept-version:1.2\nheart-beat:1000,15000\n\n");
    client.wait(Duration::from_secs(14));
    assert_eq!(client.beats, 0, "the client wants one each 15 seconds");
    client.hears(Input::Item(Item::HeartBeat));
    client.wait(Duration::from_secs(1));
    assert_eq!(client.beats, 1);
    client.wait(Duration::from_secs(18));
    assert!(!client.closed, "it sends each 10 seconds; twice that is forgiven");
    client.wait(Duration::from_secs(1));
    assert!(client.closed);
    let mut held = Client::stranger();
    held.says("CONNECT\naccept-version:1.2\nheart-beat:1000,0\n\n");
    held.wait(Duration::from_secs(19));
    held.hears(Input::Heard(Heard::Unread));
    held.wait(Duration::from_secs(19));
    assert!(!held.closed, "who is not read cannot be missed");
    let mut silent = Client::connected("1.2");
    silent.wait(Duration::from_secs(3600));
    assert!(!silent.closed, "who agreed on nothing is not missed");
}

#[test]
fn whoever_leaves_the_node_is_told_why() {
    for (heard, message) in [
        (Heard::Leave("because"), "the broker is going down"),
        (Heard::Stalled("because"), "too slow"),
        (Heard::Dismissed("because"), "access refused"),
    ] {
        let mut client = Client::connected("1.2");
        client.hears(Input::Heard(heard));
        assert_eq!(client.header("message"), message);
        assert!(client.closed);
        let mut bytes = BytesMut::new();
        encode(client.last(), Version::V1_2, &mut bytes);
        assert!(bytes.ends_with(b"because\n\0"));
    }
}

/// By a client of AMQP 0-9-1.
#[test]
fn a_queue_that_is_deleted_ends_who_listens_to_it() {
    let mut client = Client::connected("1.2");
    client.says("SUBSCRIBE\nid:0\ndestination:/queue/a\n\n");
    let session = SessionId(2);
    client.broker.handle(broker::Input::Opened { session }, client.now);
    let what = broker::Arrangement::DropQueue {
        name: "a".into(),
        if_unused: false,
        if_empty: false,
    };
    client
        .broker
        .handle(broker::Input::Arrange { session, what }, client.now);
    client.turn();
    assert_eq!((client.last().command, client.closed), (Command::Error, true));
}

#[test]
fn a_queue_of_one_connection_is_not_for_others() {
    let mut client = Client::connected("1.2");
    let session = SessionId::of_connection(9);
    client.broker.handle(broker::Input::Opened { session }, client.now);
    let what = broker::Arrangement::Queue {
        name: "a".into(),
        declared: broker::Declared {
            exclusive: true,
            ..broker::Declared::default()
        },
    };
    client
        .broker
        .handle(broker::Input::Arrange { session, what }, client.now);
    client.says("SUBSCRIBE\nid:0\ndestination:/queue/a\n\n");
    assert_eq!((client.last().command, client.closed), (Command::Error, true));
}

/// One who asks and hears the answer; what others see is a name that all protocols know.
#[test]
fn answers_come_to_a_queue_of_the_connection_alone() {
    let mut client = Client::connected("1.2");
    client.says("SUBSCRIBE\nid:work\ndestination:/queue/work\n\n");
    client.says("SEND\ndestination:/queue/work\nreply-to:/temp-queue/mine\n\nhow much?");
    let reply_to = client.header("reply-to").to_owned();
    assert!(reply_to.starts_with("/queue/stomp.temp-"), "{reply_to}");
    client.frames.clear();
    // As RabbitMQ has it: without a subscription, by an id that is the word itself.
    client.says(&format!("SEND\ndestination:{reply_to}\n\n42"));
    assert_eq!(client.header("subscription"), "/temp-queue/mine");
    assert_eq!(client.header("destination"), "/temp-queue/mine");
    // As ActiveMQ has it: by an id of its own, and in ActiveMQ's words.
    client.says("SUBSCRIBE\nid:answers\ndestination:/temp-queue/mine\n\n");
    let theirs = reply_to.replace("/queue/", "/remote-temp-queue/");
    client.says(&format!("SEND\ndestination:{theirs}\n\n43"));
    assert_eq!(client.header("subscription"), "answers");
    client.frames.clear();
    client.says("SEND\ndestination:/queue/work\nreply-to:/temp-queue/mine\n\nagain");
    assert_eq!(client.header("reply-to"), reply_to, "it is the same queue");
    client.says("UNSUBSCRIBE\nid:answers\n\n");
    client.says("DISCONNECT\n\n");
    let queues: Vec<_> = client.broker.queues().map(|view| view.name).collect();
    assert_eq!(queues, ["work".into()], "it is gone with the connection");
}

#[test]
fn an_answer_to_one_who_has_gone_makes_no_queue() {
    let mut client = Client::connected("1.2");
    client.says("SEND\ndestination:/queue/stomp.temp-1.2.3\nreceipt:r\n\ntoo late");
    assert_eq!(client.header("receipt-id"), "r");
    assert_eq!(client.broker.queues().count(), 0);
    client.says("SUBSCRIBE\nid:1\ndestination:/temp-topic/x\n\n");
    assert_eq!(client.header("message"), "the destination cannot be used");
}
