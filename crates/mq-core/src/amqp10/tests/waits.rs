//! What is kept while somebody is waited for: how much, and whose it is.

use tandem_mq_wire::amqp10::{Detach, End, Fields, Terminus};

use super::*;
use crate::Lsn;

/// A client whose next attach is answered when the disk has caught up.
fn slow() -> Node {
    let mut node = Node::new();
    node.client(1);
    node.attaches(1, sender("s", 0, Some("q")));
    node.fast_disk = false;
    durable(&mut node, 0);
    node
}

fn durable(node: &mut Node, id: u32) {
    let message = Bytes::from_static(b"\0\x53\x70\xc0\x02\x01\x41\0\x53\x75\xa0\x01x");
    node.sends(1, transfer(0, id), message);
}

fn detach(handle: u32) -> Detach {
    Detach {
        handle,
        closed: Some(true),
        error: None,
    }
}

/// A way to a queue of its own.
fn own(name: &str, handle: u32, properties: Fields) -> Attach {
    let target = Target {
        dynamic: Some(true),
        ..Target::default()
    };
    let source = Source {
        filter: properties,
        ..Source::default()
    };
    Attach {
        source: Some(source),
        target: Some(Terminus::Target(target)),
        ..sender(name, handle, None)
    }
}

#[test]
fn an_answer_is_for_the_link_that_waits_and_not_for_its_handle() {
    let mut node = slow();
    let first = node.last;
    node.says(1, receiver("a", 1, source("q")));
    node.hears_nothing(1);
    node.says(1, detach(1));
    assert!(matches!(node.hears(1), Performative::Attach(_)));
    assert!(matches!(node.hears(1), Performative::Detach(_)));
    durable(&mut node, 1);
    node.says(1, receiver("b", 1, source("q")));
    assert!(first > Lsn(0) && node.last > first);
    node.broker.handle(broker::Input::Stored { upto: first }, node.now);
    node.turn();
    let Performative::Disposition(_) = node.hears(1) else {
        panic!("the first message is safe")
    };
    node.hears_nothing(1);
    node.store();
    let Performative::Attach(answer) = node.hears(1) else {
        panic!("now it is there")
    };
    assert_eq!(&*answer.name, "b");
}

#[test]
fn nothing_is_said_of_a_link_before_its_attach_is_answered() {
    let mut node = slow();
    node.says(1, own("made", 1, Fields::new()));
    node.tell(1, Input::Heard(Heard::Held(Some(broker::Scarce::Memory))));
    node.tell(1, Input::Heard(Heard::Held(None)));
    node.hears_nothing(1);
    node.store();
    let heard: Vec<Performative> = std::iter::from_fn(|| node.frame(1))
        .filter_map(|frame| match frame {
            Frame::Say(_, said, _) => Some(said),
            _ => None,
        })
        .filter(|said| !matches!(said, Performative::Disposition(_)))
        .collect();
    assert!(
        matches!(heard[..], [Performative::Attach(_), Performative::Flow(_)]),
        "{heard:?}"
    );
}

#[test]
fn what_ends_a_session_for_the_broker_ends_it_for_the_client_once() {
    let dynamic = Source {
        dynamic: Some(true),
        ..Source::default()
    };
    // The first one of the first connection is always called the same where the secret is.
    let mut other = Node::new();
    other.client(1);
    let answer = other.attaches(1, receiver("own", 0, dynamic.clone()));
    let mut node = Node::new();
    node.client(1);
    node.client(2);
    // Somebody has the name already that the queue would have.
    let what = broker::Arrangement::Queue {
        name: answer.source.and_then(|source| source.address).expect("it is told"),
        declared: broker::Declared::default(),
    };
    let session = SessionId::of_connection(9);
    node.broker.handle(broker::Input::Opened { session }, node.now);
    node.broker.handle(broker::Input::Arrange { session, what }, node.now);
    node.says(1, receiver("own", 0, dynamic));
    let Performative::End(end) = node.hears(1) else {
        panic!("the session ends")
    };
    assert_eq!(condition(&end.error), "amqp:resource-locked");
    node.hears_nothing(1);
    node.says(1, End::default());
    node.says(1, Begin::default());
    assert!(matches!(node.hears(1), Performative::Begin(_)));
}

/// Ours and the client's answer are all that is said of the end of a link; then its handle is nobody's (2.7.7).
#[test]
fn a_link_ends_once() {
    for refused in [false, true] {
        let mut node = Node::new();
        node.client(1);
        match refused {
            false => drop(node.attaches(1, receiver("r", 0, source("q")))),
            true => {
                node.says(1, receiver("r", 0, source("/nowhere/q")));
                assert!(matches!(
                    node.hears(1),
                    Performative::Attach(Attach { source: None, .. })
                ));
                assert!(matches!(node.hears(1), Performative::Detach(_)));
            }
        }
        node.says(1, detach(0));
        if !refused {
            assert!(matches!(node.hears(1), Performative::Detach(_)));
        }
        node.hears_nothing(1);
        node.says(1, detach(0));
        let Performative::End(end) = node.hears(1) else {
            panic!("the session ends")
        };
        assert_eq!(condition(&end.error), "amqp:session:unattached-handle");
    }
}

#[test]
fn nothing_is_left_of_what_was_waited_for() {
    let mut node = Node::new();
    node.client(1);
    for _ in 0..100 {
        node.attaches(1, own("made", 0, Fields::new()));
        node.attaches(1, receiver("r", 1, source("q")));
        node.says(1, detach(0));
        node.says(1, detach(1));
        node.clients.get_mut(&1).unwrap().heard.clear();
    }
    let session = &mut node.clients.get_mut(&1).unwrap().session;
    assert_eq!((session.partial, session.names.len()), (0, 0));
    let channel = session.channels.get(0).unwrap();
    assert!(channel.awaited.is_empty() && channel.refused.is_empty());
    assert!(channel.asks.promises.is_empty() && channel.numbers.is_empty());
}

#[test]
fn links_that_wait_for_an_answer_weigh_no_more_than_messages_that_are_not_whole() {
    let mut node = slow();
    let properties: Fields = (0..2000)
        .map(|n| (Value::symbol("key"), Value::Text(format!("{n:0>50}").into())))
        .collect();
    let mut ended = None;
    for handle in 1..=1000 {
        node.says(1, own(&handle.to_string(), handle, properties.clone()));
        let session = &node.clients[&1].session;
        assert!(session.partial <= session.settings.message + (17 << 20));
        if let Some(frame) = node.frame(1) {
            ended = Some(frame);
            break;
        }
    }
    let Some(Frame::Say(0, Performative::Close(close), _)) = ended else {
        panic!("the connection ends: {ended:?}")
    };
    assert_eq!(condition(&close.error), "amqp:resource-limit-exceeded");
    assert_eq!(node.clients[&1].session.partial, 0);
}

/// A drain is over when the client has had everything, however narrow its window is.
#[test]
fn a_drain_without_a_window_waits_for_one() {
    for wanted in [2, 4] {
        let mut node = Node::new();
        node.client(1);
        node.attaches(1, sender("s", 0, Some("q")));
        for id in 0..3 {
            node.puts(1, 0, id, "x");
        }
        node.attaches(1, receiver("r", 1, source("q")));
        let opens = |window: u32| Flow {
            incoming_window: window,
            handle: None,
            ..credit(1, wanted)
        };
        let drain = Flow {
            drain: Some(true),
            handle: Some(1),
            ..opens(0)
        };
        // The broker is not asked again and again for what has no room.
        node.says(1, drain.clone());
        node.says(1, drain);
        node.hears_nothing(1);
        node.says(1, opens(1));
        assert_eq!(node.gets(1).1, "x");
        node.hears_nothing(1);
        node.says(1, opens(10));
        for _ in 1..wanted.min(3) {
            assert_eq!(node.gets(1).1, "x");
        }
        if wanted > 3 {
            let Performative::Flow(flow) = node.hears(1) else {
                panic!("the drain is over")
            };
            assert_eq!((flow.link_credit, flow.delivery_count), (Some(0), Some(wanted)));
        }
        node.hears_nothing(1);
    }
}
