//! What becomes of messages, both ways.

use tandem_mq_wire::amqp10::{
    Accepted, Coordinator, Declare, Discharge, Modified, Order, Rejected, Released, Transactional,
};

use super::*;

/// One sender on handle 0, one receiver on handle 1, both of the queue q.
fn both() -> Node {
    let mut node = Node::new();
    node.client(1);
    node.attaches(1, sender("s", 0, Some("q")));
    node.attaches(1, receiver("r", 1, source("q")));
    node
}

fn depth(node: &Node, name: &str) -> (usize, usize) {
    let queue = node.broker.queues().find(|queue| &*queue.name == name);
    queue.map_or((0, 0), |queue| (queue.depth, queue.in_flight))
}

fn told(node: &mut Node) -> Disposition {
    match node.hears(1) {
        Performative::Disposition(told) => told,
        other => panic!("{other:?}"),
    }
}

#[test]
fn accepted_is_on_disk() {
    let mut node = both();
    let durable = Bytes::from_static(b"\0\x53\x70\xc0\x02\x01\x41\0\x53\x75\xa0\x01x");
    node.fast_disk = false;
    node.sends(1, transfer(0, 0), durable.clone());
    node.sends(1, transfer(0, 1), durable);
    node.hears_nothing(1);
    node.store();
    // Both in one.
    let told = told(&mut node);
    assert_eq!(
        (told.role, told.first, told.last, told.settled),
        (true, 0, Some(1), Some(true))
    );
    node.hears_nothing(1);
}

#[test]
fn each_outcome_does_what_it_says() {
    let modified = |failed, here| Modified {
        delivery_failed: Some(failed),
        undeliverable_here: Some(here),
        ..Modified::default()
    };
    for (state, attempts, again, dead) in [
        (Outcome::from(Accepted {}), 0, false, 0),
        (Rejected::default().into(), 0, false, 1),
        (Released {}.into(), 0, true, 0),
        (modified(false, false).into(), 0, true, 0),
        (modified(true, false).into(), 1, true, 0),
        (modified(false, true).into(), 1, true, 0),
    ] {
        let mut node = both();
        node.puts(1, 0, 0, "x");
        node.says(1, credit(1, 2));
        node.gets(1);
        // Not settled by the client first: it waits until we say that we have forgotten it.
        let said = Disposition {
            settled: None,
            ..settled(0, state.clone())
        };
        node.says(1, said);
        if again {
            let Some(Frame::Say(_, Performative::Transfer(_), payload)) =
                node.clients.get_mut(&1).unwrap().heard.pop_back()
            else {
                panic!("it comes again: {state:?}")
            };
            let header = Sections::read(payload).unwrap().header;
            assert_eq!(
                (header.delivery_count, header.first_acquirer),
                (Some(attempts), Some(false))
            );
        }
        let told = told(&mut node);
        assert_eq!((told.role, told.settled, told.state), (false, Some(true), Some(state)));
        assert_eq!(depth(&node, "DLQ").0, dead);
    }
}

#[test]
fn settled_without_a_word_is_what_the_source_says() {
    for (default, left) in [(None, 1), (Some(Outcome::Accepted(Accepted {})), 0)] {
        let mut node = Node::new();
        node.client(1);
        node.attaches(1, sender("s", 0, Some("q")));
        let from = Source {
            default_outcome: default,
            ..source("q")
        };
        node.attaches(1, receiver("r", 1, from));
        node.puts(1, 0, 0, "x");
        node.says(1, credit(1, 1));
        node.gets(1);
        let said = Disposition {
            state: None,
            ..settled(0, Accepted {})
        };
        node.says(1, said);
        assert_eq!(depth(&node, "q"), (left, 0));
    }
}

#[test]
fn many_are_settled_at_once() {
    let mut node = both();
    for id in 0..5 {
        node.puts(1, 0, id, "x");
    }
    node.says(1, credit(1, 5));
    assert_eq!(depth(&node, "q"), (0, 5));
    let said = Disposition {
        last: Some(3),
        ..settled(1, Accepted {})
    };
    node.says(1, said);
    assert_eq!(depth(&node, "q"), (0, 2));
    // From before the first, and around the end of the numbers.
    let said = Disposition {
        last: Some(10),
        ..settled(u32::MAX, Accepted {})
    };
    node.says(1, said);
    assert_eq!(depth(&node, "q"), (0, 0));
}

#[test]
fn the_sender_may_want_to_settle_last() {
    let mut node = Node::new();
    node.client(1);
    let attach = Attach {
        rcv_settle_mode: Some(1),
        ..sender("s", 0, Some("q"))
    };
    let answer = node.attaches(1, attach);
    assert_eq!(answer.rcv_settle_mode, Some(1));
    node.sends(1, transfer(0, 0), payload("x"));
    let told = told(&mut node);
    assert_eq!((told.settled, told.first), (None, 0));
    assert!(matches!(told.state, Some(Outcome::Accepted(_))));
    let done = Disposition {
        role: false,
        ..settled(0, Accepted {})
    };
    node.says(1, done);
    node.hears_nothing(1);
}

#[test]
fn what_is_settled_before_it_comes_is_gone_when_it_has_left() {
    let mut node = Node::new();
    node.client(1);
    node.attaches(1, sender("s", 0, Some("q")));
    let attach = Attach {
        snd_settle_mode: Some(1),
        ..receiver("r", 1, source("q"))
    };
    assert_eq!(node.attaches(1, attach).snd_settle_mode, Some(1));
    let settled = Transfer {
        settled: Some(true),
        ..transfer(0, 0)
    };
    node.sends(1, settled, payload("x"));
    node.hears_nothing(1);
    node.says(1, credit(1, 1));
    let (transfer, _) = node.gets(1);
    assert_eq!(transfer.settled, Some(true));
    assert_eq!(depth(&node, "q"), (0, 1));
    node.tell(1, Input::Heard(Heard::Flushed));
    assert_eq!(depth(&node, "q"), (0, 0));
}

#[test]
fn a_message_in_parts_is_whole_or_was_never() {
    let mut node = both();
    let whole = payload("in parts");
    let part = |id: u32, more: bool| Transfer {
        more: Some(more),
        ..transfer(0, id)
    };
    let rest = Transfer {
        delivery_id: None,
        delivery_tag: None,
        ..part(0, false)
    };
    node.sends(1, part(0, true), whole.slice(..5));
    node.hears_nothing(1);
    node.sends(1, rest.clone(), whole.slice(5..));
    assert_eq!(told(&mut node).first, 0);
    node.sends(1, part(1, true), whole.slice(..5));
    let aborted = Transfer {
        aborted: Some(true),
        ..rest
    };
    node.sends(1, aborted, whole.slice(5..));
    node.puts(1, 0, 2, "next");
    node.says(1, credit(1, 5));
    assert_eq!(
        (node.gets(1).1, node.gets(1).1),
        ("in parts".to_owned(), "next".to_owned())
    );
    node.hears_nothing(1);
    assert_eq!(node.clients[&1].session.partial, 0);
}

#[test]
fn a_message_is_cut_to_frames_as_the_window_allows() {
    [10, u32::MAX].into_iter().for_each(is_cut_to_frames);
}

/// A window of two, and when they are there so wide a one.
fn is_cut_to_frames(wide: u32) {
    let mut node = Node::new();
    let open = Open {
        max_frame_size: Some(512),
        ..Open::default()
    };
    node.connection(1, &open);
    let begin = Begin {
        incoming_window: 2,
        ..Begin::default()
    };
    node.says(1, begin);
    node.hears(1);
    node.attaches(1, sender("s", 0, Some("q")));
    node.attaches(1, receiver("r", 1, source("q")));
    let text = "x".repeat(1500);
    node.puts(1, 0, 0, &text);
    let flow = |next: u32, window: u32| Flow {
        next_incoming_id: Some(next),
        incoming_window: window,
        ..credit(1, 1)
    };
    node.says(1, flow(0, 2));
    let mut parts = Vec::new();
    let mut take = |node: &mut Node| {
        let mut more = None;
        while let Some(frame) = node.frame(1) {
            let mut out = BytesMut::new();
            encode(&frame, &mut out);
            assert!(out.len() <= 512, "{}", out.len());
            let Frame::Say(_, Performative::Transfer(transfer), payload) = frame else {
                panic!("only the message")
            };
            assert_eq!(transfer.delivery_id.is_some(), parts.is_empty());
            parts.extend_from_slice(&payload);
            more = transfer.more;
        }
        more
    };
    assert_eq!(take(&mut node), Some(true));
    node.says(1, flow(2, wide));
    assert_eq!(take(&mut node), None);
    assert_eq!(text_of(parts.into()), text);
}

#[test]
fn where_a_message_goes_may_be_said_by_the_message() {
    let mut node = Node::new();
    node.client(1);
    let answer = node.attaches(1, sender("s", 0, None));
    assert!(matches!(
        answer.target,
        Some(tandem_mq_wire::amqp10::Terminus::Target(Target { address: None, .. }))
    ));
    let to = |address: &str| {
        let mut out = BytesMut::new();
        let sections = Sections {
            properties: tandem_mq_wire::amqp10::Properties {
                to: Some(address.into()),
                ..Default::default()
            },
            ..Sections::default()
        };
        sections.write(&mut out);
        out.freeze()
    };
    node.sends(1, transfer(0, 0), to("there"));
    assert!(matches!(told(&mut node).state, Some(Outcome::Accepted(_))));
    assert_eq!(depth(&node, "there").0, 1);
    for (id, nowhere) in [(1, payload("x")), (2, to("/nowhere/x")), (3, to("/topic/*"))] {
        node.sends(1, transfer(0, id), nowhere);
        let Some(Outcome::Rejected(rejected)) = told(&mut node).state else {
            panic!("it is rejected")
        };
        assert_eq!(condition(&rejected.error), "amqp:invalid-field");
    }
}

/// A link on handle 2 that is about transactions.
fn coordinates(node: &mut Node) {
    let coordinator = Attach {
        target: Some(Coordinator::default().into()),
        ..sender("c", 2, None)
    };
    node.attaches(1, coordinator);
}

fn order(node: &mut Node, id: u32, order: &Order) -> Option<Outcome> {
    let mut out = BytesMut::from(&b"\0\x53\x77"[..]);
    order.to_value().write(&mut out);
    node.sends(1, transfer(2, id), out.freeze());
    told(node).state
}

fn declared(node: &mut Node, id: u32) -> Bytes {
    match order(node, id, &Declare::default().into()) {
        Some(Outcome::Declared(declared)) => declared.txn_id,
        other => panic!("{other:?}"),
    }
}

fn within(txn_id: &Bytes, outcome: Option<Outcome>) -> Outcome {
    Outcome::Transactional(Transactional {
        txn_id: txn_id.clone(),
        outcome: outcome.map(Box::new),
    })
}

#[test]
fn a_transaction_happens_as_a_whole_or_not_at_all() {
    for (fail, detached) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut node = both();
        coordinates(&mut node);
        node.puts(1, 0, 0, "taken");
        let txn_id = declared(&mut node, 1);
        node.says(1, credit(1, 1));
        node.gets(1);
        node.says(1, settled(0, within(&txn_id, Some(Accepted {}.into()))));
        let sent = Transfer {
            state: Some(within(&txn_id, None)),
            ..transfer(0, 2)
        };
        node.sends(1, sent, payload("sent"));
        assert_eq!(told(&mut node).state, Some(within(&txn_id, Some(Accepted {}.into()))));
        if detached {
            let detach = tandem_mq_wire::amqp10::Detach {
                handle: 1,
                closed: Some(true),
                error: None,
            };
            node.says(1, detach);
            assert!(matches!(node.hears(1), Performative::Detach(_)));
        }
        assert_eq!(depth(&node, "q"), (0, 1), "nothing has happened");
        let discharge = Discharge {
            txn_id: txn_id.clone(),
            fail: Some(fail),
        };
        assert_eq!(order(&mut node, 3, &discharge.clone().into()), Some(Accepted {}.into()));
        assert_eq!(depth(&node, "q"), (1, 0));
        if detached {
            node.attaches(1, receiver("r", 1, source("q")));
        }
        node.says(1, credit(1, 2));
        assert_eq!(node.gets(1).1, if fail { "taken" } else { "sent" });
        // It is over.
        let Some(Outcome::Rejected(rejected)) = order(&mut node, 4, &discharge.into()) else {
            panic!("it is rejected")
        };
        assert_eq!(condition(&rejected.error), "amqp:transaction:unknown-id");
    }
}

/// It is rejected, and its client goes on.
#[test]
fn a_transaction_that_a_queue_has_no_room_for_does_not_happen() {
    let mut node = both();
    let arguments = [
        ("x-max-length", crate::Value::Int(2)),
        ("x-overflow", crate::Value::Text("reject-publish".into())),
    ];
    let limits = broker::Declared {
        arguments: arguments.map(|(name, value)| (name.into(), value)).into(),
        ..broker::Declared::default()
    };
    let what = broker::Arrangement::Queue {
        name: "narrow".into(),
        declared: limits,
    };
    let session = SessionId::of_connection(9);
    node.broker.handle(broker::Input::Opened { session }, node.now);
    node.broker.handle(broker::Input::Arrange { session, what }, node.now);
    coordinates(&mut node);
    node.attaches(1, sender("n", 3, Some("narrow")));
    node.puts(1, 0, 0, "work");
    node.says(1, credit(1, 1));
    node.gets(1);
    let mut id = 0;
    let mut sent = 0;
    for (messages, fits) in [(3, false), (2, true)] {
        id += 100;
        let txn_id = declared(&mut node, id);
        for _ in 0..messages {
            sent += 1;
            let transfer = Transfer {
                state: Some(within(&txn_id, None)),
                ..transfer(3, sent)
            };
            node.sends(1, transfer, payload("sent"));
            told(&mut node);
        }
        if !fits {
            node.says(1, settled(0, within(&txn_id, Some(Accepted {}.into()))));
        }
        let discharge = Discharge {
            txn_id,
            fail: Some(false),
        };
        match order(&mut node, id + 1, &discharge.into()) {
            Some(Outcome::Rejected(rejected)) if !fits => {
                assert_eq!(condition(&rejected.error), "amqp:resource-limit-exceeded");
            }
            Some(Outcome::Accepted(_)) if fits => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(depth(&node, "narrow"), (if fits { 2 } else { 0 }, 0));
        assert_eq!(depth(&node, "q"), (1, 0), "what was settled in it is the queue's");
    }
}

#[test]
fn a_transaction_ends_with_its_coordinator() {
    let mut node = both();
    coordinates(&mut node);
    let txn_id = declared(&mut node, 0);
    let sent = Transfer {
        state: Some(within(&txn_id, None)),
        ..transfer(0, 1)
    };
    node.sends(1, sent, payload("never"));
    node.says(
        1,
        tandem_mq_wire::amqp10::Detach {
            handle: 2,
            closed: Some(true),
            error: None,
        },
    );
    node.clients.get_mut(&1).unwrap().heard.clear();
    let sent = Transfer {
        state: Some(within(&txn_id, None)),
        ..transfer(0, 2)
    };
    node.sends(1, sent, payload("never"));
    let Some(Outcome::Rejected(rejected)) = told(&mut node).state else {
        panic!("it is rejected")
    };
    assert_eq!(condition(&rejected.error), "amqp:transaction:unknown-id");
    assert_eq!(depth(&node, "q"), (0, 0));
    let nonsense = b"\0\x53\x77\xa1\x01x";
    coordinates(&mut node);
    node.sends(1, transfer(2, 3), Bytes::from_static(nonsense));
    assert!(matches!(told(&mut node).state, Some(Outcome::Rejected(_))));
}

/// What a client calls by our own name for the annotations is a property like any other, unless it is what we would have made.
#[test]
fn a_property_that_is_called_like_the_annotations_is_none() {
    let mut node = both();
    let sections = Sections {
        application: vec![
            ("amqp-message-annotations".into(), Value::Uint(7)),
            ("amqp-footer".into(), Value::Ubyte(1)),
        ],
        body: tandem_mq_wire::amqp10::Body::Data(Bytes::from_static(b"x")),
        ..Sections::default()
    };
    let mut sent = BytesMut::new();
    sections.write(&mut sent);
    node.sends(1, transfer(0, 0), sent.freeze());
    told(&mut node);
    node.says(1, credit(1, 1));
    let Some(Frame::Say(_, Performative::Transfer(_), payload)) = node.frame(1) else {
        panic!("it comes")
    };
    let got = Sections::read(payload).unwrap();
    assert_eq!((got.annotations, got.footer), (None, None));
    assert_eq!(got.application, sections.application);
}
