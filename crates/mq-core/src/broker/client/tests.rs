//! What a client that is away, or that does not take what is sent, costs the others.

use super::*;
use crate::SessionId;
use crate::broker::tests::{A, Node, message, topic};
use crate::broker::{Attach, Input, Listen, Refusal, Settings};
use tandem_mq_wire::mqtt::{Qos, RetainHandling};

const C: SessionId = SessionId(9);

fn comes(node: &mut Node) {
    node.tell(Input::Attach(Attach {
        session: C,
        client: "c".into(),
        fresh: false,
        expiry: Expiry::Never,
        will: None,
    }));
}

fn listens(node: &mut Node, filter: &str) {
    listens_with(node, filter, RetainHandling::DoNotSend);
}

fn listens_with(node: &mut Node, filter: &str, retained: RetainHandling) {
    let options = Listening {
        qos: Qos::AtLeastOnce,
        no_local: false,
        retain_as_published: false,
        identifier: None,
    };
    node.tell(Input::Listen(Listen {
        session: C,
        number: 1,
        filter: filter.into(),
        address: filter.into(),
        group: None,
        options,
        retained,
    }));
}

fn large(letter: char, size: usize) -> crate::Message {
    message(&letter.to_string().repeat(size))
}

#[test]
fn one_that_stays_away_does_not_hold_the_others_back() {
    let settings = Settings {
        memory: 100_000,
        ..Settings::default()
    };
    let mut node = Node::new(settings);
    comes(&mut node);
    listens(&mut node, "t");
    node.tell(Input::Closed { session: C });
    for letter in ('a'..='z').cycle().take(200) {
        node.send_in(None, &topic("t"), large(letter, 2000));
    }
    assert_eq!(node.holds, [], "its oldest have gone");
    let depth = node.depth("c:t");
    assert!((8..13).contains(&depth), "{depth} of 2000 bytes are about a quarter");
    // One message may be larger than all that may wait: then it waits alone.
    node.send_in(None, &topic("t"), large('x', 40_000));
    assert_eq!(node.depth("c:t"), 1);
    assert_eq!(node.restarted().depth("c:t"), 1);
}

#[test]
fn what_is_retained_waits_once() {
    let mut node = Node::new(Settings::default());
    comes(&mut node);
    let kept = |body: &str| crate::Message {
        retain: crate::Retain::Asked,
        ..message(body)
    };
    node.send_in(None, &topic("t"), kept("old"));
    for _ in 0..10 {
        listens_with(&mut node, "t", RetainHandling::Send);
    }
    assert_eq!(node.depth("c:t"), 1);
    node.send_in(None, &topic("t"), kept("new"));
    listens_with(&mut node, "t", RetainHandling::Send);
    assert_eq!(node.depth("c:t"), 3, "the new one, as it came and as it is kept");
}

#[test]
fn what_is_not_listened_to_any_more_is_not_remembered() {
    let mut node = Node::new(Settings::default());
    comes(&mut node);
    for _ in 0..10 {
        listens(&mut node, "t");
        node.send(&topic("t"), "there is no credit");
        node.tell(Input::Unlisten {
            session: C,
            filter: "t".into(),
        });
    }
    assert_eq!(node.broker.sessions[&C].pool.starved.len(), 0);
}

#[test]
fn a_message_to_a_topic_has_one_name() {
    let mut node = Node::new(Settings::default());
    for name in ["a.#", "a.*", "a*b", "#", "a.>", ">"] {
        node.send(&topic(name), "x");
        assert!(matches!(node.refused.pop(), Some(Refusal::Name(..))), "{name}");
    }
    for name in ["a>", "a.+", "a.b"] {
        node.send(&topic(name), "x");
    }
    node.send(&crate::broker::tests::queue("a.*"), "MQTT never sees a queue");
    assert_eq!(node.refused, []);
    node.tell(Input::Closed { session: A });
}
