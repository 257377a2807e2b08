//! What becomes of what a client was handed, one message at a time.

use super::*;

impl Client {
    /// Subscribed with these headers to a queue of so many messages, called 1, 2 and so on.
    fn at_queue(headers: &str, count: usize) -> Client {
        let mut client = Client::connected("1.2");
        for number in 1..=count {
            client.says(&format!("SEND\ndestination:/queue/a\n\n{number}"));
        }
        client.says(&format!("SUBSCRIBE\nid:0\ndestination:/queue/a\n{headers}\n\n"));
        client
    }

    /// The bodies of what came since the last time, with a star where it said that it came again.
    fn came(&mut self) -> String {
        let told = |frame: Frame| {
            let star = if frame.header("redelivered") == Some("true") {
                "*"
            } else {
                ""
            };
            String::from_utf8_lossy(&frame.body).into_owned() + star
        };
        let seen = self.frames.len();
        self.seen.extend(self.frames.clone());
        let came: Vec<String> = self.frames.drain(..seen).map(told).collect();
        came.join(" ")
    }

    /// One of the frames about the last message with this body.
    fn about(&mut self, what: &str, body: &str, headers: &str) {
        let is_it = |frame: &&Frame| frame.body == body.as_bytes();
        let message = self.seen.iter().rfind(is_it).expect("it came");
        let ack = message.header("ack").expect("it wants one").to_owned();
        self.says(&format!("{what}\nid:{ack}\n{headers}\n"));
    }
}

#[test]
fn each_alone_in_any_order_within_the_window() {
    let mut client = Client::at_queue("ack:client-individual\nprefetch-count:2", 5);
    assert_eq!(client.came(), "1 2");
    client.about("ACK", "2", "");
    assert_eq!((client.came(), client.depth("a")), ("3".to_owned(), 4));
    client.about("NACK", "3", "");
    assert_eq!((client.came(), client.depth("a")), ("3*".to_owned(), 4));
    client.about("NACK", "1", "requeue:false\n");
    assert_eq!(
        (client.came(), client.depth("a"), client.depth("DLQ")),
        ("4".to_owned(), 3, 1)
    );
    // Only what was not acknowledged is there again.
    client.about("ACK", "4", "");
    assert_eq!(client.came(), "5");
    client.says("UNSUBSCRIBE\nid:0\n\n");
    client.says("SUBSCRIBE\nid:1\ndestination:/queue/a\nack:client-individual\n\n");
    assert_eq!((client.came(), client.depth("a")), ("3* 5*".to_owned(), 2));
    client.about("ACK", "5", "");
    client.about("ACK", "5", "");
    assert_eq!(
        (client.header("message"), client.depth("a")),
        ("no such message", 1),
        "what was acknowledged cannot be so again, and what was not is the queue's"
    );
}

#[test]
fn whoever_wants_so_many_is_sent_no_more_whatever_becomes_of_them() {
    for (headers, mode) in [
        ("prefetch-count:2", "client-individual"),
        ("prefetch-count:9", "client"),
        ("prefetch-count:1", "auto"),
    ] {
        let mut client = Client::at_queue(&format!("ack:{mode}\ncredit:3\n{headers}"), 5);
        let mut came = client.came();
        for body in ["1", "2", "3"] {
            match mode {
                "auto" => client.hears(Input::Heard(Heard::Flushed)),
                _ => client.about("ACK", body, ""),
            }
            came += &client.came();
        }
        assert_eq!(
            (came.replace(' ', "").as_str(), client.depth("a")),
            ("123", 2),
            "{mode}"
        );
        client.says("UNSUBSCRIBE\nid:0\n\n");
        client.says("SUBSCRIBE\nid:1\ndestination:/queue/a\n\n");
        assert_eq!(client.came(), "4 5", "nobody has seen them");
    }
    for credit in ["0", "-1", "x"] {
        let client = Client::at_queue(&format!("credit:{credit}"), 1);
        assert_eq!((client.header("message"), client.depth("a")), ("header wrong", 1));
    }
}

#[test]
fn an_acknowledgement_that_was_taken_back_can_be_said_again() {
    let mut client = Client::at_queue("ack:client-individual\nprefetch-count:1", 4);
    assert_eq!(client.came(), "1");
    for _ in 0..3 {
        client.says("BEGIN\ntransaction:t\n\n");
        client.about("ACK", "1", "transaction:t\n");
        client.says("ABORT\ntransaction:t\n\n");
    }
    // A transaction may be larger than the window, so there is one more; not one for each that was aborted.
    assert_eq!(
        (client.came(), client.depth("a"), client.closed),
        ("2".to_owned(), 4, false)
    );
    client.about("ACK", "1", "");
    assert_eq!((client.came(), client.depth("a")), (String::new(), 3));
    client.about("ACK", "2", "");
    assert_eq!((client.came(), client.depth("a")), ("3".to_owned(), 2));
}
