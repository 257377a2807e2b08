//! A commit is all or nothing, also where a queue has no room.

use super::*;
use crate::Value;

const TX: TransactionId = TransactionId(7);

/// Takes one message, `published`, and rejects what comes then.
fn declare(node: &mut Node, name: &str, limit: &str, overflow: &str) {
    let most = if limit == "x-max-length" { 1 } else { 9 };
    let arguments = vec![
        (limit.into(), Value::Int(most)),
        ("x-overflow".into(), Value::Text(overflow.into())),
        ("x-dead-letter-exchange".into(), Value::Text("".into())),
        ("x-dead-letter-routing-key".into(), Value::Text("dead".into())),
    ];
    let declared = Declared {
        durable: true,
        arguments,
        ..Declared::default()
    };
    let what = Arrangement::Queue {
        name: name.into(),
        declared,
    };
    node.tell(Input::Arrange { session: A, what });
}

fn bind(node: &mut Node, exchange: &str, queue: &str) {
    let binding = Binding {
        source: exchange.into(),
        to: To::Queue(queue.into()),
        key: "k".into(),
        arguments: Vec::new(),
    };
    let what = Arrangement::Bind(binding);
    node.tell(Input::Arrange { session: A, what });
}

fn publish(node: &mut Node, exchange: &str, key: &str) {
    let publish = Publish {
        exchange: exchange.into(),
        key: key.into(),
        mandatory: false,
        message: message("published"),
    };
    node.tell(Input::Publish {
        session: A,
        transaction: Some(TX),
        publish: Box::new(publish),
    });
}

fn commit(node: &mut Node) {
    node.tell(Input::Commit {
        session: A,
        transaction: TX,
    });
}

/// A node where `narrow` has room for one, `free` for all, a message of `work` is settled in the transaction, and so much is
/// in it beside that.
fn in_transaction(limit: &str, overflow: &str, steps: &[&str]) -> (Node, DeliveryId) {
    let mut node = Node::new(Settings::default());
    declare(&mut node, "narrow", limit, overflow);
    for queue in ["free", "dead"] {
        node.send(&self::queue(queue), "before");
    }
    bind(&mut node, "amq.direct", "narrow");
    bind(&mut node, "amq.direct", "free");
    bind(&mut node, "amq.topic", "narrow");
    node.send(&queue("work"), "work");
    node.subscribe(A, 1, &queue("work"), 1);
    let work = node.delivered.remove(0).delivery;
    node.tell(Input::Begin {
        session: A,
        transaction: TX,
    });
    node.settle_in(A, Some(TX.0), work, Outcome::Accepted);
    for step in steps {
        match *step {
            "direct" => publish(&mut node, "amq.direct", "k"),
            "topic" => node.send_in(Some(TX.0), &topic("k"), message("published")),
            "default" => publish(&mut node, "", "narrow"),
            name => node.send_in(Some(TX.0), &queue(name), message("published")),
        }
    }
    (node, work)
}

#[test]
fn what_has_no_room_keeps_a_commit_from_happening_at_all() {
    let cases: [(&[&str], bool); 9] = [
        (&["free", "narrow"], true),
        (&["free", "narrow", "narrow"], false),
        (&["narrow", "free", "default"], false),
        (&["default", "direct"], false),
        (&["direct", "free"], true),
        (&["direct", "direct"], false),
        // A topic is not full because one of those is that it is for.
        (&["narrow", "topic"], true),
        (&["topic", "topic", "free"], true),
        (&["topic", "narrow"], false),
    ];
    for limit in ["x-max-length", "x-max-length-bytes"] {
        for overflow in ["reject-publish", "reject-publish-dlx", "drop-head"] {
            for (steps, fits) in cases {
                let (mut node, work) = in_transaction(limit, overflow, steps);
                let all = |node: &Node| ["narrow", "free", "dead", "work"].map(|name| node.depth(name));
                let (before, written) = (all(&node), node.written.len());
                commit(&mut node);
                let about = format!("{limit} {overflow} {steps:?}");
                if fits || overflow == "drop-head" {
                    assert_eq!(node.refused, [], "{about}");
                    // What is dropped for it is so later.
                    let records = node.written.len() - written;
                    assert!(records == 1 || overflow == "drop-head", "{about}: one record");
                    assert_eq!(node.depth("work"), 0, "{about}");
                    continue;
                }
                assert_eq!(node.refused, [Refusal::Full], "{about}");
                assert_eq!(
                    (all(&node), node.written.len()),
                    (before, written),
                    "{about}: nothing is done"
                );
                node.settle(A, work, Outcome::Accepted);
                assert_eq!(node.depth("work"), 0, "{about}: it can be settled again");
                commit(&mut node);
                assert_eq!(
                    node.refused.last(),
                    Some(&Refusal::NoTransaction(TX)),
                    "{about}: it is over"
                );
            }
        }
    }
}

/// What is handed out at once takes no room.
#[test]
fn whoever_waits_for_messages_makes_room_for_a_commit() {
    for (credit, fits) in [(3, true), (2, true), (1, false)] {
        let (mut node, _) = in_transaction("x-max-length", "reject-publish", &["narrow", "default", "narrow"]);
        node.subscribe(B, 1, &queue("narrow"), credit);
        commit(&mut node);
        assert_eq!(node.refused.is_empty(), fits, "{credit}");
        assert_eq!(node.depth("narrow"), if fits { 3 } else { 0 }, "{credit}");
    }
}

/// Two consumers that share a limit of so many are given so many, and not as many each.
#[test]
fn whoever_shares_a_limit_makes_room_once() {
    for (limit, fits) in [(2, true), (1, false)] {
        let (mut node, _) = in_transaction("x-max-length", "reject-publish", &["narrow", "default", "narrow"]);
        let arrange = |node: &mut Node, what| node.tell(Input::Arrange { session: B, what });
        arrange(&mut node, Arrangement::Limit(Some(limit)));
        for number in [1, 2] {
            let consume = Consume {
                number,
                queue: "narrow".into(),
                credit: None,
                limited: true,
                exclusive: false,
            };
            arrange(&mut node, Arrangement::Consume(consume));
        }
        commit(&mut node);
        assert_eq!(node.refused.is_empty(), fits, "{limit}");
    }
}

#[test]
fn what_a_transaction_has_settled_nobody_settles_beside_it() {
    let (mut node, work) = in_transaction("x-max-length", "reject-publish", &["free"]);
    node.settle(A, work, Outcome::Released);
    assert_eq!(node.refused, [Refusal::NoDelivery]);
    node.tell(Input::Begin {
        session: B,
        transaction: TX,
    });
    node.settle_in(B, Some(TX.0), work, Outcome::Accepted);
    assert_eq!(
        node.refused,
        [Refusal::NoDelivery, Refusal::NoDelivery],
        "it is not B's"
    );
    commit(&mut node);
    assert_eq!((node.refused.len(), node.depth("work"), node.depth("free")), (2, 0, 2));
}

/// Whoever sends and whoever moves are told the same.
#[test]
fn a_queue_that_rejects_looks_at_how_large_a_message_is() {
    let mut node = Node::new(Settings::default());
    declare(&mut node, "narrow", "x-max-length-bytes", "reject-publish");
    node.send(&queue("other"), "four");
    node.send(&queue("narrow"), "sixsix");
    for what in ["four", &"x".repeat(1_000_000)] {
        node.send(&queue("narrow"), what);
        assert_eq!(std::mem::take(&mut node.refused), [Refusal::Full]);
    }
    node.send(&queue("narrow"), "xxx");
    assert_eq!((node.refused.as_slice(), node.depth("narrow")), (&[][..], 2));
    let what = Arrangement::Move {
        from: "other".into(),
        to: "narrow".into(),
        which: Which::Upto(MessageId(u64::MAX)),
    };
    node.tell(Input::Arrange { session: A, what });
    assert_eq!(
        (node.refused.as_slice(), node.depth("other")),
        (&[Refusal::Full][..], 1)
    );
}

/// It would wait for ever for room, and all others behind it.
#[test]
fn what_no_disk_has_room_for_is_refused() {
    let mut node = Node::new(Settings::default());
    node.tell(Input::Disk {
        full: false,
        room: 10_000,
    });
    node.send(&queue("q"), &"x".repeat(10_000));
    assert_eq!(std::mem::take(&mut node.refused), [Refusal::TooLarge]);
    let passing = Message {
        durable: false,
        ..message(&"x".repeat(10_000))
    };
    node.send_in(None, &queue("q"), passing);
    assert_eq!(
        (node.refused.as_slice(), node.depth("q")),
        (&[][..], 1),
        "it is not written"
    );
    for (count, refused) in [(1, &[][..]), (2, &[Refusal::TransactionTooLarge][..])] {
        node.tell(Input::Begin {
            session: A,
            transaction: TX,
        });
        for _ in 0..count {
            node.send_in(Some(TX.0), &queue("r"), message(&"x".repeat(6000)));
        }
        commit(&mut node);
        assert_eq!((node.refused.as_slice(), node.depth("r")), (refused, 1));
    }
}
