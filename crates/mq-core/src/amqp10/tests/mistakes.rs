//! What a client must not do, and what ends because of it.

use tandem_mq_wire::amqp10::{Detach, End};

use super::*;

enum Ends {
    Connection,
    Session,
    Link,
}

fn ends(said: Performative) -> (Ends, String) {
    match said {
        Performative::Close(close) => (Ends::Connection, condition(&close.error).to_owned()),
        Performative::End(end) => (Ends::Session, condition(&end.error).to_owned()),
        Performative::Detach(detach) => (Ends::Link, condition(&detach.error).to_owned()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_mistake_ends_what_it_is_about() {
    let begin = Begin::default();
    let remote = Begin {
        remote_channel: Some(3),
        ..Begin::default()
    };
    let attached: fn(&mut Node) = |node| {
        node.attaches(1, sender("s", 0, Some("q")));
        node.attaches(1, receiver("r", 1, source("q")));
    };
    let nothing: fn(&mut Node) = |_| {};
    let unnamed = Transfer {
        handle: 0,
        ..Transfer::default()
    };
    let long = Transfer {
        delivery_tag: Some(Bytes::from_static(&[0; 33])),
        ..transfer(0, 0)
    };
    let other = sender("t", 1024, Some("q"));
    let said = |channel: u16, said: Performative| Item::Said(channel, said, payload("x"));
    for (before, item, what, expected) in [
        (
            nothing,
            said(256, begin.clone().into()),
            "connection",
            "amqp:connection:framing-error",
        ),
        (nothing, said(0, begin.into()), "connection", "amqp:illegal-state"),
        (nothing, said(1, remote.into()), "connection", "amqp:illegal-state"),
        (
            nothing,
            said(7, Flow::default().into()),
            "connection",
            "amqp:illegal-state",
        ),
        (
            nothing,
            said(0, Open::default().into()),
            "connection",
            "amqp:illegal-state",
        ),
        (
            nothing,
            said(0, other.into()),
            "connection",
            "amqp:connection:framing-error",
        ),
        (
            attached,
            said(0, sender("t", 1, Some("q")).into()),
            "session",
            "amqp:session:handle-in-use",
        ),
        (
            nothing,
            said(0, transfer(5, 0).into()),
            "session",
            "amqp:session:unattached-handle",
        ),
        (
            nothing,
            said(0, credit(5, 1).into()),
            "session",
            "amqp:session:unattached-handle",
        ),
        (
            nothing,
            said(
                0,
                Detach {
                    handle: 5,
                    closed: None,
                    error: None,
                }
                .into(),
            ),
            "session",
            "amqp:session:unattached-handle",
        ),
        (attached, said(0, transfer(1, 0).into()), "session", "amqp:not-allowed"),
        (attached, said(0, unnamed.into()), "link", "amqp:invalid-field"),
        (attached, said(0, long.into()), "link", "amqp:invalid-field"),
    ] {
        let mut node = Node::new();
        node.client(1);
        before(&mut node);
        node.item(1, item);
        let (ended, why) = ends(node.hears(1));
        let ended = match ended {
            Ends::Connection => "connection",
            Ends::Session => "session",
            Ends::Link => "link",
        };
        assert_eq!((ended, &*why), (what, expected));
    }
}

#[test]
fn a_session_that_is_over_hears_nothing_and_its_channel_can_be_used_again() {
    let mut node = Node::new();
    node.client(1);
    node.says(1, credit(5, 1));
    assert!(matches!(node.hears(1), Performative::End(_)));
    node.says(1, credit(5, 1));
    node.hears_nothing(1);
    node.says(1, End::default());
    node.hears_nothing(1);
    node.says(1, Begin::default());
    assert!(matches!(node.hears(1), Performative::Begin(_)));
}

#[test]
fn more_than_was_allowed_ends_the_link_or_the_session() {
    let mut node = Node::new();
    node.client(1);
    let mut attach = sender("s", 0, Some("q"));
    attach.initial_delivery_count = Some(5);
    node.attaches(1, attach);
    // Memory is full, so nothing more is given.
    node.tell(1, Input::Heard(Heard::Held(Some(broker::Scarce::Memory))));
    for id in 0..1000 {
        node.puts(1, 0, id, "x");
    }
    node.sends(1, transfer(0, 1000), payload("x"));
    let (_, why) = ends(node.hears(1));
    assert_eq!(why, "amqp:link:transfer-limit-exceeded");
}

#[test]
fn a_message_that_is_too_large_or_none_is_refused() {
    let mut node = Node::new();
    node.client(1);
    node.attaches(1, sender("s", 0, Some("q")));
    node.sends(1, transfer(0, 0), Bytes::from_static(b"\0\x53\x75\xa0\xff"));
    let Performative::Disposition(told) = node.hears(1) else {
        panic!("it is told")
    };
    let Some(Outcome::Rejected(rejected)) = told.state else {
        panic!("it is rejected")
    };
    assert_eq!(condition(&rejected.error), "amqp:decode-error");
    let other = Transfer {
        message_format: Some(7),
        ..transfer(0, 1)
    };
    node.sends(1, other, payload("x"));
    let Performative::Disposition(told) = node.hears(1) else {
        panic!("it is told")
    };
    assert!(matches!(told.state, Some(Outcome::Rejected(_))));
    let half = vec![0; 60 << 20];
    let more = Transfer {
        more: Some(true),
        ..transfer(0, 2)
    };
    node.sends(1, more.clone(), half.clone().into());
    node.sends(1, more, half.into());
    let (_, why) = ends(node.hears(1));
    assert_eq!(why, "amqp:link:message-size-exceeded");
    assert_eq!(node.clients[&1].session.partial, 0);
}
