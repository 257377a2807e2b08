//! What the specification says of a server and no other test shows; `tests/conformance_stomp.txt` names them.

use super::*;

impl Client {
    /// One that says this in its greeting; what comes of it is there.
    fn greets(headers: &str) -> Client {
        let mut client = Client::stranger();
        client.says(&format!("CONNECT\n{headers}\n"));
        client
    }

    /// Subscribed by the id `s` to a queue with these bodies in it.
    fn with(version: &str, ack: &str, bodies: &[&str]) -> Client {
        let mut client = Client::connected(version);
        for body in bodies {
            client.says(&format!("SEND\ndestination:/queue/a\n\n{body}"));
        }
        client.says(&format!("SUBSCRIBE\nid:s\ndestination:/queue/a\nack:{ack}\n\n"));
        client
    }

    /// The connection breaks, and another one is made to the same broker.
    fn again(&mut self, version: &str) {
        let session = self.session.line.id;
        self.broker.handle(broker::Input::Closed { session }, self.now);
        self.turn();
        let next = SessionId::of_connection((session.0 >> 16) + 1);
        self.session = Session::open(next, Bounds::default(), Origin::default(), self.now);
        self.closed = false;
        self.frames.clear();
        self.says(&format!("CONNECT\naccept-version:{version}\nhost:h\n\n"));
        assert_eq!(self.last().command, Command::Connected);
    }

    /// A header of each message that came.
    fn all(&self, name: &str) -> Vec<Option<&str>> {
        let messages = self.frames.iter().filter(|frame| frame.command == Command::Message);
        messages.map(|frame| frame.header(name)).collect()
    }

    fn bodies(&self) -> Vec<&[u8]> {
        let messages = self.frames.iter().filter(|frame| frame.command == Command::Message);
        messages.map(|frame| &frame.body[..]).collect()
    }

    fn receipts(&self, id: &str) -> usize {
        let is_it = |frame: &&Frame| frame.command == Command::Receipt && frame.header("receipt-id") == Some(id);
        self.frames.iter().filter(is_it).count()
    }

    fn stored(&mut self, upto: Lsn) {
        self.broker.handle(broker::Input::Stored { upto }, self.now);
        self.turn();
    }
}

#[test]
fn the_greeting_says_version_session_and_server() {
    for version in ["1.0", "1.1", "1.2"] {
        let mut client = Client::greets(&format!("accept-version:{version}\nhost:any.where\n"));
        assert_eq!(client.last().command, Command::Connected);
        assert_eq!(client.header("version"), version);
        assert!(client.last().body.is_empty());
        // A name, a slash and a version.
        let server = client.header("server").to_owned();
        assert_eq!(server.split('/').filter(|part| !part.is_empty()).count(), 2, "{server}");
        assert!(!server.contains(' '), "{server}");
        let session = client.header("session").to_owned();
        client.again(version);
        assert_ne!(client.header("session"), session);
    }
}

#[test]
fn a_greeting_has_no_receipt() {
    let client = Client::greets("accept-version:1.2\nhost:h\nreceipt:r\n");
    assert_eq!((client.frames.len(), client.last().command), (1, Command::Connected));
}

#[test]
fn the_word_stomp_is_as_good_as_connect() {
    let mut client = Client::stranger();
    client.says("STOMP\naccept-version:1.0,1.1\nhost:h\nlogin:me\npasscode:p\n\n");
    assert_eq!(
        (client.last().command, client.header("version")),
        (Command::Connected, "1.1")
    );
    let mut client = Client::stranger();
    client.says("STOMP\naccept-version:1.2\nhost:h\nlogin:nobody\n\n");
    assert_eq!(client.header("message"), "access refused");
}

#[test]
fn the_versions_that_would_do_are_named() {
    let client = Client::greets("accept-version:2.0,9.9\nhost:h\n");
    assert_eq!(client.last().command, Command::Error);
    assert_eq!(client.header("version"), "1.0,1.1,1.2");
    assert_eq!(client.header("content-type"), "text/plain");
    assert!(client.closed);
}

/// Neither its escapes nor its heart-beats were known then, and many a client wrote blanks around a value.
#[test]
fn who_names_no_version_speaks_1_0() {
    let mut client = Client::greets("heart-beat:1000,1000\n");
    assert_eq!(client.header("version"), "1.0");
    assert_eq!(client.last().header("heart-beat"), None);
    client.wait(Duration::from_secs(3600));
    assert_eq!((client.beats, client.closed), (0, false));
    assert_eq!(Client::greets("heart-beat:often\n").last().command, Command::Connected);
    for (headers, comes_in) in [
        ("login:me\n", true),
        ("login:nobody\n", false),
        ("login: nobody \n", false),
        ("accept-version:1.1\nhost:h\nlogin: nobody \n", true),
    ] {
        let client = Client::greets(headers);
        assert_eq!(client.last().command == Command::Connected, comes_in, "{headers}");
    }
}

#[test]
fn names_of_headers_are_case_sensitive() {
    let mut client = Client::connected("1.2");
    client.says("SEND\nDestination:/queue/a\n\nx");
    assert_eq!(client.header("message"), "header missing");
}

#[test]
fn each_frame_that_wants_a_receipt_gets_one() {
    let mut client = Client::connected("1.2");
    client.says("SUBSCRIBE\nid:0\ndestination:/queue/a\nack:client-individual\nreceipt:subscribed\n\n");
    client.says("SEND\ndestination:/queue/a\nreceipt:first\n\n1");
    client.says("SEND\ndestination:/queue/a\n\n2");
    assert_eq!((client.receipts("subscribed"), client.receipts("first")), (1, 1));
    let acks: Vec<String> = client.all("ack").into_iter().flatten().map(str::to_owned).collect();
    for (number, frame) in [
        format!("ACK\nid:{}\n", acks[0]).as_str(),
        format!("NACK\nid:{}\nrequeue:false\n", acks[1]).as_str(),
        "BEGIN\ntransaction:t\n",
        "COMMIT\ntransaction:t\n",
        "BEGIN\ntransaction:u\n",
        "ABORT\ntransaction:u\n",
        "UNSUBSCRIBE\nid:0\n",
        "DISCONNECT\n",
    ]
    .into_iter()
    .enumerate()
    {
        client.says(&format!("{frame}receipt:{number}\\c \\\\\n\n"));
        assert_eq!(client.receipts(&format!("{number}: \\")), 1, "{frame}");
        assert!(client.last().body.is_empty(), "{frame}");
    }
    assert!(client.closed);
}

#[test]
fn a_receipt_is_for_all_before_it() {
    let mut client = Client::connected("1.2");
    client.fast_disk = false;
    client.says("SEND\ndestination:/queue/a\n\n1");
    let first = client.written;
    client.says("SEND\ndestination:/queue/a\nreceipt:r\n\n2");
    client.stored(first);
    assert_eq!(client.receipts("r"), 0);
    client.stored(client.written);
    assert_eq!(client.receipts("r"), 1);
}

#[test]
fn a_farewell_waits_for_the_disk_and_nothing_counts_after_it() {
    let mut client = Client::connected("1.2");
    client.fast_disk = false;
    client.says("SEND\ndestination:/queue/a\n\n1");
    client.says("DISCONNECT\nreceipt:bye\n\n");
    client.says("SEND\ndestination:/queue/a\nreceipt:late\n\n2");
    assert_eq!((client.receipts("bye"), client.closed), (0, false));
    client.stored(client.written);
    assert_eq!((client.receipts("bye"), client.closed), (1, true));
    assert_eq!((client.receipts("late"), client.depth("a")), (0, 1));
}

#[test]
fn what_was_said_before_the_end_counts() {
    let mut client = Client::connected("1.2");
    client.fast_disk = false;
    client.says("SEND\ndestination:/queue/a\n\n1");
    client.again("1.2");
    client.stored(client.written);
    assert_eq!(client.depth("a"), 1);
}

#[test]
fn a_message_says_where_it_went_whose_it_is_and_which() {
    for version in ["1.1", "1.2"] {
        let mut client = Client::with(version, "client", &["1", "2"]);
        client.says("SUBSCRIBE\nid:t\ndestination:/topic/t.*\n\n");
        client.says("SEND\ndestination:/topic/t.x\nany thing:a\\cb\n\n3");
        assert_eq!(client.bodies(), [b"1", b"2", b"3"]);
        let queue = Some("/queue/a");
        assert_eq!(client.all("destination"), [queue, queue, Some("/topic/t.x")]);
        assert_eq!(client.all("subscription"), [Some("s"), Some("s"), Some("t")]);
        assert_eq!(client.all("any thing"), [None, None, Some("a:b")]);
        assert_eq!(
            client.all("content-type"),
            [None::<&str>; 3],
            "bytes are nothing in particular"
        );
        let names = client.all("message-id");
        let different: BTreeSet<_> = names.iter().flatten().collect();
        assert_eq!(different.len(), 3, "{names:?}");
        // Who wants to acknowledge is told how; in 1.1 there was no such header.
        let wanted: Vec<bool> = client.all("ack").iter().map(Option::is_some).collect();
        assert_eq!(wanted, [version == "1.2", version == "1.2", false]);
    }
}

#[test]
fn subscriptions_of_one_connection_are_told_apart_and_end_alone() {
    let mut client = Client::connected("1.2");
    for id in ["0", "1"] {
        client.says(&format!("SUBSCRIBE\nid:{id}\ndestination:/topic/t\n\n"));
    }
    client.says("SEND\ndestination:/topic/t\n\n1");
    assert_eq!(client.all("subscription"), [Some("0"), Some("1")]);
    client.says("UNSUBSCRIBE\nid:0\n\n");
    client.frames.clear();
    client.says("SEND\ndestination:/topic/t\n\n2");
    assert_eq!(client.all("subscription"), [Some("1")]);
    // The name is free again.
    client.says("SUBSCRIBE\nid:0\ndestination:/queue/a\n\n");
    client.frames.clear();
    client.says("SEND\ndestination:/queue/a\n\n3");
    assert_eq!((client.all("subscription"), client.closed), (vec![Some("0")], false));
}

#[test]
fn transactions_of_one_connection_are_told_apart() {
    let mut client = Client::connected("1.2");
    for name in ["t", "u"] {
        client.says(&format!("BEGIN\ntransaction:{name}\n\n"));
        client.says(&format!("SEND\ndestination:/queue/{name}\ntransaction:{name}\n\nx"));
    }
    client.says("COMMIT\ntransaction:u\n\n");
    assert_eq!((client.depth("t"), client.depth("u")), (0, 1));
    client.says("ABORT\ntransaction:t\n\n");
    assert_eq!((client.depth("t"), client.depth("u")), (0, 1));
    // The name is free again.
    client.says("BEGIN\ntransaction:t\nreceipt:r\n\n");
    assert_eq!(client.receipts("r"), 1);
}

#[test]
fn a_name_that_is_in_use_is_not_given_again() {
    for (first, second, message) in [
        (
            "SUBSCRIBE\nid:0\ndestination:/queue/a\n\n",
            "SUBSCRIBE\nid:0\nreceipt:r\ndestination:/queue/b\n\n",
            "subscribed already",
        ),
        (
            "BEGIN\ntransaction:t\n\n",
            "BEGIN\nreceipt:r\ntransaction:t\n\n",
            "transaction exists",
        ),
    ] {
        let mut client = Client::connected("1.2");
        client.says(first);
        assert!(!client.closed);
        client.says(second);
        assert_eq!((client.header("message"), client.header("receipt-id")), (message, "r"));
        assert!(client.closed);
    }
}

#[test]
fn what_was_not_acknowledged_comes_again_on_another_connection() {
    for mode in ["client", "client-individual"] {
        let mut client = Client::with("1.2", mode, &["1", "2"]);
        let first = client.all("ack")[0].expect("it wants one").to_owned();
        client.says(&format!("ACK\nid:{first}\n\n"));
        client.again("1.2");
        assert_eq!(client.depth("a"), 1, "what was acknowledged is gone");
        client.says("SUBSCRIBE\nid:s\ndestination:/queue/a\n\n");
        assert_eq!(
            (client.bodies(), client.header("redelivered")),
            (vec![&b"2"[..]], "true")
        );
    }
}

#[test]
fn a_refusal_is_for_as_many_as_an_acknowledgement_would_be() {
    for (mode, left, dead) in [("client", 1, 2), ("client-individual", 2, 1)] {
        let mut client = Client::with("1.2", mode, &["1", "2", "3"]);
        let second = client.all("ack")[1].expect("it wants one").to_owned();
        client.says(&format!("NACK\nid:{second}\nrequeue:false\n\n"));
        assert_eq!((client.depth("a"), client.depth("DLQ")), (left, dead), "{mode}");
    }
}

#[test]
fn what_needs_no_acknowledgement_takes_none() {
    let mut client = Client::with("1.2", "auto", &["1"]);
    let name = client.header("message-id").to_owned();
    client.says(&format!("ACK\nid:{name}\nreceipt:r\n\n"));
    assert_eq!((client.header("message"), client.closed), ("no such message", true));
}

#[test]
fn each_version_names_what_it_acknowledges_in_its_way() {
    let (fine, missing, unknown) = (None, Some("header missing"), Some("no such message"));
    for (version, headers, expected) in [
        ("1.2", "id:NAME\n", fine),
        ("1.2", "subscription:s\nmessage-id:NAME\n", missing),
        ("1.2", "id:other\n", unknown),
        ("1.1", "subscription:s\nmessage-id:NAME\n", fine),
        ("1.1", "message-id:NAME\n", missing),
        ("1.1", "id:NAME\nsubscription:s\n", missing),
        ("1.1", "subscription:t\nmessage-id:NAME\n", unknown),
        ("1.1", "subscription:s\nmessage-id:other\n", unknown),
        ("1.0", "message-id:NAME\n", fine),
        ("1.0", "subscription:s\n", missing),
    ] {
        for command in ["ACK", "NACK"] {
            let mut client = Client::with(version, "client", &["1"]);
            let name = client.header("message-id").to_owned();
            let headers = headers.replace("NAME", &name);
            client.says(&format!("{command}\n{headers}requeue:false\n\n"));
            let told = client.frames.iter().find(|frame| frame.command == Command::Error);
            let told = told.and_then(|frame| frame.header("message"));
            assert_eq!(told, expected, "{version} {command} {headers}");
            assert_eq!(
                client.depth("a"),
                usize::from(expected.is_some()),
                "{version} {command} {headers}"
            );
        }
    }
}

#[test]
fn an_acknowledgement_in_a_transaction_that_is_not_there_is_none() {
    for command in ["ACK", "NACK"] {
        let mut client = Client::with("1.2", "client", &["1"]);
        let name = client.header("ack").to_owned();
        client.says(&format!("{command}\nid:{name}\ntransaction:t\n\n"));
        assert_eq!(
            (client.header("message"), client.depth("a")),
            ("no such transaction", 1),
            "{command}"
        );
    }
}

#[test]
fn what_was_not_committed_is_undone_when_its_client_goes() {
    for farewell in [None, Some("DISCONNECT\n\n"), Some("DISCONNECT\nreceipt:bye\n\n")] {
        let mut client = Client::with("1.2", "client", &["taken"]);
        let name = client.header("ack").to_owned();
        client.says("BEGIN\ntransaction:t\n\n");
        client.says("SEND\ndestination:/queue/a\ntransaction:t\n\nsent");
        client.says(&format!("ACK\nid:{name}\ntransaction:t\n\n"));
        if let Some(frame) = farewell {
            client.says(frame);
        }
        client.again("1.2");
        client.says("SUBSCRIBE\nid:s\ndestination:/queue/a\n\n");
        assert_eq!(client.bodies(), [b"taken"], "{farewell:?}");
    }
}

#[test]
fn any_byte_of_a_client_is_a_sign_of_life() {
    let mut client = Client::greets("accept-version:1.2\nhost:h\nheart-beat:1000,0\n");
    client.wait(Duration::from_secs(19));
    client.session.came(client.now);
    client.wait(Duration::from_secs(19));
    assert!(!client.closed, "half of a frame was heard");
    client.wait(Duration::from_secs(1));
    assert!(client.closed);
    // Who has not come in has no more time for it.
    let mut client = Client::stranger();
    client.wait(Duration::from_secs(9));
    client.session.came(client.now);
    client.wait(Duration::from_secs(1));
    assert_eq!(client.header("message"), "too slow");
}

#[test]
fn in_1_0_a_destination_names_a_subscription() {
    for id in ["", "id:x\n"] {
        let mut client = Client::connected("1.0");
        client.says(&format!("SUBSCRIBE\n{id}destination:/queue/a\n\n"));
        client.says("SEND\ndestination: /queue/a \n\n1");
        assert_eq!(client.bodies(), [b"1"]);
        if !id.is_empty() {
            assert_eq!(client.header("subscription"), "x");
        }
        client.says("UNSUBSCRIBE\ndestination:/queue/a\n\n");
        assert!(!client.closed);
        client.frames.clear();
        client.says("SEND\ndestination:/queue/a\n\n2");
        assert_eq!(client.bodies(), Vec::<&[u8]>::new());
        client.says("UNSUBSCRIBE\ndestination:/queue/a\n\n");
        assert_eq!((client.header("message"), client.closed), ("not subscribed", true));
    }
}
