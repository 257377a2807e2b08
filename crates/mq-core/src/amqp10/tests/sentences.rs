//! Single sentences of the specification, by their sections.

use tandem_mq_wire::amqp10::{
    Accepted, Coordinator, Declare, Declared, Discharge, Disposition, End, Fields, Order, Performative, Rejected,
    Released, Symbol, Terminus,
};

use super::*;

/// One sender on handle 0.
fn one(attach: Attach) -> Node {
    let mut node = Node::new();
    node.client(1);
    node.attaches(1, attach);
    node
}

#[track_caller]
fn detached(node: &mut Node) -> String {
    match node.hears(1) {
        Performative::Detach(detach) => condition(&detach.error).to_owned(),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn told(node: &mut Node) -> Disposition {
    match node.hears(1) {
        Performative::Disposition(told) => told,
        other => panic!("{other:?}"),
    }
}

/// To a coordinator on this handle.
fn order(node: &mut Node, handle: u32, id: u32, order: &Order, settled: bool) {
    let mut bytes = BytesMut::from(&b"\0\x53\x77"[..]);
    order.to_value().write(&mut bytes);
    let sent = Transfer {
        settled: Some(settled),
        ..transfer(handle, id)
    };
    node.sends(1, sent, bytes.freeze());
}

fn coordinator(name: &str, handle: u32, outcomes: &[&str]) -> Attach {
    let wanted = Coordinator {
        capabilities: vec!["amqp:distributed-transactions".into()],
    };
    let source = Source {
        outcomes: outcomes.iter().map(|name| Symbol::from(*name)).collect(),
        ..Source::default()
    };
    Attach {
        source: Some(source),
        target: Some(wanted.into()),
        ..sender(name, handle, None)
    }
}

fn declared(node: &mut Node) -> Bytes {
    match told(node).state {
        Some(Outcome::Declared(declared)) => declared.txn_id,
        other => panic!("{other:?}"),
    }
}

/// 2.4.1: only on channel 0.
#[test]
fn an_open_belongs_to_the_connection() {
    let mut node = Node::new();
    node.stranger(1);
    node.item(1, Item::Greeting(Greeting::Amqp));
    node.frame(1);
    node.item(1, Item::Said(1, Open::default().into(), Bytes::new()));
    assert!(matches!(node.hears(1), Performative::Open(_)));
    let Performative::Close(close) = node.hears(1) else {
        panic!("it ends")
    };
    assert_eq!(condition(&close.error), "amqp:illegal-state");
}

/// 2.7.5 delivery-id, delivery-tag, message-format: an error when a later transfer has another.
#[test]
fn what_later_transfers_say_again_is_the_same() {
    let more = Transfer {
        more: Some(true),
        ..transfer(0, 0)
    };
    let nothing = Transfer {
        handle: 0,
        ..Transfer::default()
    };
    let tag = Transfer {
        delivery_tag: Some(Bytes::from_static(b"other")),
        ..nothing.clone()
    };
    let format = Transfer {
        message_format: Some(1),
        ..nothing.clone()
    };
    let id = Transfer {
        delivery_id: Some(9),
        ..nothing.clone()
    };
    let same = Transfer {
        message_format: Some(0),
        ..transfer(0, 0)
    };
    for (second, good) in [
        (tag, false),
        (format, false),
        (id, false),
        (nothing, true),
        (same, true),
    ] {
        let mut node = one(sender("s", 0, Some("q")));
        node.sends(1, more.clone(), payload("x"));
        node.sends(1, second, Bytes::new());
        match good {
            true => assert!(matches!(told(&mut node).state, Some(Outcome::Accepted(_)))),
            false => assert_eq!(detached(&mut node), "amqp:invalid-field"),
        }
    }
}

/// 2.7.5 rcv-settle-mode: a transfer may lower it, and must not raise it.
#[test]
fn who_settles_last_may_be_said_by_each_transfer() {
    for (link, said, settled) in [
        (0, None, Some(Some(true))),
        (0, Some(0), Some(Some(true))),
        (0, Some(1), None),
        (1, None, Some(None)),
        (1, Some(0), Some(Some(true))),
        (1, Some(1), Some(None)),
    ] {
        let mut node = one(Attach {
            rcv_settle_mode: Some(link),
            ..sender("s", 0, Some("q"))
        });
        let sent = Transfer {
            rcv_settle_mode: said,
            ..transfer(0, 0)
        };
        node.sends(1, sent, payload("x"));
        match settled {
            Some(settled) => assert_eq!(told(&mut node).settled, settled, "{link} {said:?}"),
            None => assert_eq!(detached(&mut node), "amqp:invalid-field"),
        }
    }
}

/// 2.7.5 resume: what is resumed and not known is ignored.
#[test]
fn a_resumed_delivery_that_nobody_knows_is_ignored() {
    let mut node = one(sender("s", 0, Some("q")));
    let resumed = |more: bool| Transfer {
        resume: Some(true),
        more: Some(more),
        ..transfer(0, 0)
    };
    node.sends(1, resumed(true), payload("one"));
    assert_eq!(node.clients[&1].session.partial, 0);
    node.sends(1, resumed(false), payload("one"));
    node.hears_nothing(1);
    assert_eq!(node.depth("q"), 0);
    node.puts(1, 0, 1, "two");
    assert_eq!(node.depth("q"), 1);
}

/// 2.7.5 aborted: before `more`, and whatever comes with it.
#[test]
fn an_aborted_delivery_is_over_also_when_more_is_said_to_come() {
    let mut node = one(sender("s", 0, Some("q")));
    let aborted = Transfer {
        aborted: Some(true),
        more: Some(true),
        ..transfer(0, 0)
    };
    node.sends(1, aborted, payload("x"));
    node.hears_nothing(1);
    assert_eq!((node.clients[&1].session.partial, node.depth("q")), (0, 0));
    node.puts(1, 0, 1, "two");
}

/// 2.7.6 last: without it the one; what is not known is no error.
#[test]
fn a_disposition_is_about_what_it_names() {
    let mut node = one(sender("s", 0, Some("q")));
    for id in 0..3 {
        node.puts(1, 0, id, "x");
    }
    node.attaches(1, receiver("r", 1, source("q")));
    node.says(1, credit(1, 3));
    (0..3).for_each(|_| drop(node.gets(1)));
    node.says(1, settled(1, Accepted {}));
    assert_eq!(node.depth("q"), 2);
    node.says(1, settled(1, Accepted {}));
    node.says(1, settled(77, Accepted {}));
    node.hears_nothing(1);
    assert_eq!(node.depth("q"), 2);
}

/// 3.5.3 distribution-mode: said by the sender, who can do both. 3.5.10 lifetime-policy: what it is, not what was wanted.
#[test]
fn an_answer_says_what_there_is() {
    let mut node = Node::new();
    node.client(1);
    let wanted = |mode: Option<&str>| Source {
        distribution_mode: mode.map(Symbol::from),
        ..source("q")
    };
    let modes = [
        (None, "move"),
        (Some("move"), "move"),
        (Some("copy"), "copy"),
        (Some("odd"), "move"),
    ];
    for (handle, (mode, answered)) in (0..).zip(modes) {
        let answer = node.attaches(1, receiver(&handle.to_string(), handle, wanted(mode)));
        let mode = answer.source.and_then(|source| source.distribution_mode);
        assert_eq!(mode, Some(Symbol::from(answered)));
        assert_eq!(answer.initial_delivery_count, Some(0));
    }
    let keep = (Value::Ulong(0x2c), Value::List(Vec::new()));
    let wanted: Fields = vec![(Value::symbol("lifetime-policy"), Value::Described(Box::new(keep)))];
    let dynamic = Source {
        dynamic: Some(true),
        dynamic_node_properties: wanted.clone(),
        ..Source::default()
    };
    let answer = node.attaches(1, receiver("own", 8, dynamic)).source.unwrap();
    let target = Target {
        dynamic: Some(true),
        dynamic_node_properties: wanted,
        ..Target::default()
    };
    let made = Attach {
        target: Some(target.into()),
        ..sender("made", 9, None)
    };
    let Some(Terminus::Target(made)) = node.attaches(1, made).target else {
        panic!("it has an end")
    };
    for properties in [answer.dynamic_node_properties, made.dynamic_node_properties] {
        let [(_, Value::Described(policy))] = &properties[..] else {
            panic!("{properties:?}")
        };
        assert_eq!(policy.0, Value::Ulong(0x2b), "it is gone with its link");
    }
}

/// 3.5.1 default-outcome: what is settled without one has it, so it is one that can be.
#[test]
fn only_an_outcome_can_be_the_one_by_default() {
    let mut node = Node::new();
    node.client(1);
    let released = Outcome::Released(Released {});
    let cases: [(Option<Outcome>, Outcome); 4] = [
        (None, released.clone()),
        (Some(Accepted {}.into()), Accepted {}.into()),
        (Some(Rejected::default().into()), Rejected::default().into()),
        (Some(Declared::default().into()), released),
    ];
    for (handle, (wanted, answered)) in (0..).zip(cases) {
        let source = Source {
            default_outcome: wanted,
            ..source("q")
        };
        let answer = node.attaches(1, receiver(&handle.to_string(), handle, source));
        assert_eq!(answer.source.unwrap().default_outcome, Some(answered));
    }
}

/// 4.2, 4.3: what is settled has no answer, so the link ends; 4.5.9: what can be done is said.
#[test]
fn a_coordinator_is_told_nothing_settled() {
    let declare = Order::from(Declare { global_id: None });
    let discharge = Order::from(Discharge {
        txn_id: Bytes::from_static(b"nothing"),
        fail: None,
    });
    for said in [declare, discharge] {
        let mut node = Node::new();
        node.client(1);
        let answer = node.attaches(1, coordinator("c", 0, &[]));
        let Some(Terminus::Coordinator(actual)) = answer.target else {
            panic!("{answer:?}")
        };
        let all = ["amqp:local-transactions", "amqp:multi-txns-per-ssn"].map(Symbol::from);
        assert_eq!(actual.capabilities, all);
        order(&mut node, 0, 0, &said, true);
        assert_eq!(detached(&mut node), "amqp:illegal-state");
    }
}

/// 4.3: rejected where the source can be, else the link ends with the error.
#[test]
fn what_a_coordinator_cannot_do_is_rejected_or_ends_its_link() {
    let unknown = Order::from(Discharge {
        txn_id: Bytes::from_static(b"nothing"),
        fail: None,
    });
    for (outcomes, rejects) in [
        (&[][..], true),
        (&["amqp:accepted:list", "amqp:rejected:list"], true),
        (&["amqp:accepted:list"], false),
    ] {
        let mut node = Node::new();
        node.client(1);
        node.attaches(1, coordinator("c", 0, outcomes));
        order(&mut node, 0, 0, &unknown, false);
        let why = match rejects {
            false => detached(&mut node),
            true => match told(&mut node).state {
                Some(Outcome::Rejected(rejected)) => condition(&rejected.error).to_owned(),
                other => panic!("{other:?}"),
            },
        };
        assert_eq!(why, "amqp:transaction:unknown-id");
    }
}

/// 4.3: what one coordinator began does not end with another.
#[test]
fn a_transaction_ends_with_its_own_coordinator_only() {
    let mut node = one(sender("s", 0, Some("q")));
    node.attaches(1, coordinator("one", 1, &[]));
    node.attaches(1, coordinator("two", 2, &[]));
    order(&mut node, 1, 0, &Declare { global_id: None }.into(), false);
    let txn_id = declared(&mut node);
    let within = Transfer {
        settled: Some(true),
        state: Some(Outcome::Transactional(tandem_mq_wire::amqp10::Transactional {
            txn_id: txn_id.clone(),
            outcome: None,
        })),
        ..transfer(0, 1)
    };
    node.sends(1, within, payload("x"));
    node.says(
        1,
        tandem_mq_wire::amqp10::Detach {
            handle: 2,
            closed: Some(true),
            error: None,
        },
    );
    assert!(matches!(node.hears(1), Performative::Detach(_)));
    order(&mut node, 1, 2, &Discharge { txn_id, fail: None }.into(), false);
    assert!(matches!(told(&mut node).state, Some(Outcome::Accepted(_))));
    assert_eq!(node.depth("q"), 1);
}

/// A refusal that ends the session for the broker is said to the client, also in a transaction (4.4.1).
#[test]
fn a_message_to_nowhere_in_a_transaction_ends_the_session() {
    let mut node = one(sender("s", 0, None));
    node.attaches(1, coordinator("c", 1, &[]));
    order(&mut node, 1, 0, &Declare { global_id: None }.into(), false);
    let txn_id = declared(&mut node);
    let sections = Sections {
        properties: tandem_mq_wire::amqp10::Properties {
            to: Some("x".repeat(5000).into()),
            ..Default::default()
        },
        body: tandem_mq_wire::amqp10::Body::Data(Bytes::from_static(b"x")),
        ..Sections::default()
    };
    let mut bytes = BytesMut::new();
    sections.write(&mut bytes);
    let within = Transfer {
        state: Some(Outcome::Transactional(tandem_mq_wire::amqp10::Transactional {
            txn_id,
            outcome: None,
        })),
        ..transfer(0, 1)
    };
    node.sends(1, within, bytes.freeze());
    assert!(matches!(node.hears(1), Performative::End(End { error: Some(_) })));
    node.hears_nothing(1);
}
