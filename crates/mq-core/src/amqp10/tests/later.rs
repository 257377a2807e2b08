//! Messages that are held until their time.

use std::time::Duration;

use tandem_mq_wire::amqp10::{Body, MessageHeader, Millis, Properties, Symbol};

use super::*;

const DELAYED: &str = "DELAYED_DELIVERY";

/// What waits five seconds, and lives one.
fn held_back(ttl: Option<u32>, absolute: Option<i64>) -> Bytes {
    let mut annotations = BytesMut::new();
    let delay = (Value::symbol("x-opt-delivery-delay"), Value::Long(5000));
    Value::Map(vec![delay]).write(&mut annotations);
    let sections = Sections {
        header: MessageHeader {
            ttl,
            ..MessageHeader::default()
        },
        annotations: Some(annotations.freeze()),
        properties: Properties {
            absolute_expiry_time: absolute.map(Millis),
            ..Properties::default()
        },
        body: Body::Data(Bytes::from_static(b"x")),
        ..Sections::default()
    };
    let mut out = BytesMut::new();
    sections.write(&mut out);
    out.freeze()
}

/// A receiver takes neither of the two for over, and both say the same.
#[test]
fn what_has_waited_longer_than_its_life_comes_with_a_life_before_it() {
    for (ttl, absolute) in [(Some(1000), Some(2000)), (Some(1000), None), (None, Some(2000))] {
        let mut node = Node::new();
        node.client(1);
        node.attaches(1, sender("s", 0, Some("q")));
        node.attaches(1, receiver("r", 1, source("q")));
        node.says(1, credit(1, 1));
        node.now += Duration::from_millis(1000);
        node.sends(1, transfer(0, 0), held_back(ttl, absolute));
        assert!(matches!(node.hears(1), Performative::Disposition(_)));
        node.passes(Duration::from_millis(4999));
        node.hears_nothing(1);
        node.passes(Duration::from_millis(1));
        let Some(Frame::Say(_, Performative::Transfer(_), payload)) = node.frame(1) else {
            panic!("it comes now")
        };
        let read = Sections::read(payload).unwrap();
        let expect = absolute.map(|at| Millis(at + 5000));
        assert_eq!(
            (read.header.ttl, read.properties.absolute_expiry_time),
            (Some(1000), expect),
            "{ttl:?} {absolute:?}"
        );
    }
}

/// What a receiver takes for over it throws away, and nobody has read it.
#[test]
fn what_has_died_does_not_say_when_it_was_over() {
    for (dies, found) in [("expires", "ExpiryQueue"), ("rejected", "DLQ")] {
        let mut node = Node::new();
        node.client(1);
        node.attaches(1, sender("s", 0, Some("q")));
        node.attaches(1, receiver("r", 1, source("q")));
        let sections = Sections {
            header: MessageHeader {
                ttl: Some(1000),
                ..MessageHeader::default()
            },
            properties: Properties {
                absolute_expiry_time: Some(Millis(1000)),
                ..Properties::default()
            },
            body: Body::Data(Bytes::from_static(b"x")),
            ..Sections::default()
        };
        let mut payload = BytesMut::new();
        sections.write(&mut payload);
        node.sends(1, transfer(0, 0), payload.freeze());
        assert!(matches!(node.hears(1), Performative::Disposition(_)));
        if dies == "rejected" {
            node.says(1, credit(1, 1));
            assert!(matches!(node.hears(1), Performative::Transfer(_)));
            node.says(1, settled(0, tandem_mq_wire::amqp10::Rejected::default()));
        }
        node.passes(Duration::from_millis(2000));
        node.attaches(1, receiver("dead", 2, source(found)));
        node.says(1, credit(2, 1));
        let Some(Frame::Say(_, Performative::Transfer(_), payload)) = node.frame(1) else {
            panic!("it is there")
        };
        let read = Sections::read(payload).unwrap();
        assert_eq!(
            (read.header.ttl, read.properties.absolute_expiry_time),
            (None, None),
            "{dies}"
        );
    }
}

/// A JMS client asks for that before it sends with a delay: of the connection, and again of each link.
#[test]
fn who_asks_for_delays_is_told_that_there_are_some() {
    let mut node = Node::new();
    node.stranger(1);
    node.item(1, Item::Greeting(Greeting::Amqp));
    node.frame(1);
    node.says(1, Open::default());
    let Performative::Open(open) = node.hears(1) else {
        panic!("an open is answered")
    };
    assert!(open.offered_capabilities.contains(&Symbol::from(DELAYED)), "{open:?}");
    node.says(1, Begin::default());
    node.hears(1);
    for (handle, desired) in [(0, vec![]), (1, vec![Symbol::from("other"), Symbol::from(DELAYED)])] {
        let wants = Attach {
            desired_capabilities: desired.clone(),
            ..sender(&format!("s{handle}"), handle, Some("q"))
        };
        let expect = desired.into_iter().filter(|one| &*one.0 == DELAYED).collect::<Vec<_>>();
        assert_eq!(node.attaches(1, wants).offered_capabilities, expect);
    }
}
