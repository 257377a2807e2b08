//! Coming in, being heard, going.

use tandem_mq_wire::amqp10::{Condition, SaslInit, SaslOutcome};

use super::*;
use crate::dialect::{Bounds, Origin};

fn init(mechanism: &str, response: &'static [u8]) -> Item {
    Item::Sasl(SaslInit {
        mechanism: mechanism.into(),
        initial_response: Some(Bytes::from_static(response)),
        hostname: None,
    })
}

fn garbled(condition: Condition) -> Input {
    Input::Garbled(DecodeError {
        condition,
        what: "no".into(),
    })
}

#[test]
fn whoever_speaks_something_else_is_told_what_is_spoken_here() {
    let mut node = Node::new();
    node.stranger(1);
    node.tell(1, garbled(Condition::FramingError));
    assert_eq!(node.frame(1), Some(Frame::Greeting(Greeting::Amqp)));
    assert!(node.clients[&1].closed);
}

#[test]
fn who_may_come_in_is_decided_by_sasl() {
    for (item, code) in [
        (init("PLAIN", b"\0somebody\0secret"), 0),
        (init("ANONYMOUS", b"x"), 0),
        (init("PLAIN", b"\0nobody\0secret"), 1),
        (init("PLAIN", b"somebody"), 1),
        (init("EXTERNAL", b""), 1),
    ] {
        let mut node = Node::new();
        node.stranger(1);
        node.item(1, Item::Greeting(Greeting::Sasl));
        assert_eq!(node.frame(1), Some(Frame::Greeting(Greeting::Sasl)));
        let Some(Frame::Mechanisms(offered)) = node.frame(1) else {
            panic!("mechanisms are offered")
        };
        assert_eq!(offered.mechanisms, ["PLAIN".into(), "ANONYMOUS".into()]);
        assert_eq!(node.clients[&1].session.layer(), Layer::Sasl);
        node.item(1, item);
        if code == 1 && node.frame(1).is_none() {
            node.tell(1, Input::Heard(Heard::Login(Err("no".into()))));
        } else if code == 0 {
            assert!(matches!(
                node.frame(1),
                Some(Frame::Outcome(SaslOutcome { code: 0, .. }))
            ));
            assert_eq!(node.clients[&1].session.layer(), Layer::Greeting);
            node.item(1, Item::Greeting(Greeting::Amqp));
            assert_eq!(node.frame(1), Some(Frame::Greeting(Greeting::Amqp)));
            assert_eq!(node.clients[&1].session.layer(), Layer::Amqp);
        }
        assert_eq!(node.clients[&1].closed, code == 1);
    }
}

#[test]
fn an_outcome_says_why() {
    let mut node = Node::new();
    node.stranger(1);
    node.item(1, Item::Greeting(Greeting::Sasl));
    node.item(1, init("PLAIN", b"\0nobody\0secret"));
    assert!(!node.clients[&1].session.wants_items());
    node.tell(1, Input::Heard(Heard::Login(Err("no".into()))));
    let outcome = SaslOutcome {
        code: 1,
        additional_data: None,
    };
    assert_eq!(node.clients[&1].heard.back(), Some(&Frame::Outcome(outcome)));
}

#[test]
fn whoever_must_say_who_it_is_is_told_so() {
    let mut session: Session = Dialect::open(
        SessionId::of_connection(1),
        Bounds::default(),
        Origin::default(),
        Mono::ZERO,
    );
    session.handle(Input::Item(Item::Greeting(Greeting::Amqp)), Mono::ZERO);
    assert!(matches!(
        session.poll_output(),
        Some(Output::Authenticate { login: None, .. })
    ));
    session.handle(Input::Heard(Heard::Login(Err("no".into()))), Mono::ZERO);
    assert!(matches!(
        session.poll_output(),
        Some(Output::Send(Frame::Greeting(Greeting::Sasl)))
    ));
    assert!(session.line.is_closed());
}

#[test]
fn a_stranger_has_little_time_and_little_room() {
    let mut node = Node::new();
    node.stranger(1);
    assert_eq!(node.clients[&1].session.limit(), Decoder::STRANGER);
    node.passes(Duration::from_millis(9_999));
    assert!(!node.clients[&1].closed);
    node.passes(Duration::from_millis(1));
    assert!(node.clients[&1].closed);
}

#[test]
fn what_cannot_be_agreed_on_is_said_after_an_open() {
    for open in [
        Open {
            max_frame_size: Some(511),
            ..Open::default()
        },
        Open {
            idle_time_out: Some(99),
            ..Open::default()
        },
        Open {
            container_id: "x".repeat(513).into(),
            ..Open::default()
        },
    ] {
        let mut node = Node::new();
        node.connection(1, &open);
        let Performative::Close(close) = node.hears(1) else {
            panic!("it is closed")
        };
        assert_eq!(condition(&close.error), "amqp:invalid-field");
        node.says(1, Close::default());
        assert!(node.clients[&1].closed);
    }
}

#[test]
fn both_sides_are_heard() {
    let mut node = Node::new();
    let open = Open {
        idle_time_out: Some(1000),
        ..Open::default()
    };
    node.connection(1, &open);
    node.passes(Duration::from_millis(499));
    node.hears_nothing(1);
    for _ in 0..3 {
        node.passes(Duration::from_millis(500));
        assert_eq!(node.frame(1), Some(Frame::Empty));
    }
    node.passes(Duration::from_millis(100_000));
    node.item(1, Item::Empty);
    node.passes(Duration::from_millis(119_000));
    assert!(!node.clients[&1].closed);
    node.clients.get_mut(&1).unwrap().heard.clear();
    node.passes(Duration::from_millis(1_001));
    let close = node.clients[&1].heard.iter().find_map(|frame| match frame {
        Frame::Say(0, Performative::Close(close), _) => Some(condition(&close.error).to_owned()),
        _ => None,
    });
    assert_eq!(close.as_deref(), Some("amqp:resource-limit-exceeded"));
    assert!(node.clients[&1].closed);
}

#[test]
fn the_node_says_goodbye() {
    for (heard, said) in [
        (Heard::Leave("because"), "amqp:connection:forced"),
        (Heard::Stalled("because"), "amqp:resource-limit-exceeded"),
        (Heard::Dismissed("because"), "amqp:unauthorized-access"),
    ] {
        let mut node = Node::new();
        node.client(1);
        node.tell(1, Input::Heard(heard));
        let Performative::Close(close) = node.hears(1) else {
            panic!("it says so")
        };
        assert_eq!(condition(&close.error), said);
        assert!(!node.clients[&1].closed, "the client may still answer");
        node.says(1, Flow::default());
        node.passes(Duration::from_millis(10_000));
        assert!(node.clients[&1].closed);
    }
}

#[test]
fn a_close_is_answered() {
    let mut node = Node::new();
    node.client(1);
    node.says(1, Close::default());
    assert_eq!(node.hears(1), Performative::Close(Close::default()));
    assert!(node.clients[&1].closed);
}

#[test]
fn what_cannot_be_read_ends_an_open_connection_with_its_condition() {
    for expected in [Condition::FramingError, Condition::DecodeError] {
        let mut node = Node::new();
        node.client(1);
        node.tell(1, garbled(expected));
        let Performative::Close(close) = node.hears(1) else {
            panic!("it says so")
        };
        assert_eq!(condition(&close.error), expected.as_str());
    }
}

/// Here and where it is decided, the name must begin the same way.
#[test]
fn what_the_node_names_for_a_connection_needs_no_right() {
    let mut node = Node::new();
    node.client(1);
    node.broker.handle(
        broker::Input::Admit {
            connection: SessionId::of_connection(1),
            rights: std::sync::Arc::default(),
        },
        node.now,
    );
    let dynamic = Source {
        dynamic: Some(true),
        ..Source::default()
    };
    let answer = node.attaches(1, receiver("own", 0, dynamic));
    let named = answer.source.and_then(|source| source.address).unwrap_or_default();
    assert!(named.starts_with("amqp.dynamic-"), "{named}");
}
