//! What an operator decides for the addresses of a pattern.

use super::*;
use crate::{PolicyRecord, Value};

fn named(name: &str, pattern: &str) -> PolicyRecord {
    PolicyRecord {
        name: name.into(),
        pattern: pattern.into(),
        ..PolicyRecord::default()
    }
}

fn set(node: &mut Node, record: PolicyRecord) {
    let what = Arrangement::SetPolicy(record);
    node.tell(Input::Arrange { session: A, what });
}

fn leave(node: &mut Node, name: &str) {
    let what = Arrangement::DropPolicy(name.into());
    node.tell(Input::Arrange { session: A, what });
}

#[test]
fn a_length_counts_for_queues_that_are_there_and_for_new_ones_and_after_a_restart() {
    let mut node = Node::new(Settings::default());
    for text in ["1", "2", "3"] {
        node.send(&queue("a.old"), text);
    }
    let short = PolicyRecord {
        max_length: Some(2),
        ..named("short", "a.#")
    };
    set(&mut node, short.clone());
    assert_eq!(node.arranged, [Arranged::Done]);
    assert_eq!(node.depth("a.old"), 3, "it goes with what follows");
    for text in ["4", "5", "6"] {
        node.send(&queue("a.old"), text);
        node.send(&queue("a.new"), text);
        node.send(&queue("b"), text);
    }
    assert_eq!((node.depth("a.old"), node.depth("a.new"), node.depth("b")), (2, 2, 3));
    let mut node = node.restarted();
    let view = PolicyView {
        record: short,
        is_fixed: false,
    };
    assert_eq!(node.broker.policies(), [view]);
    node.send(&queue("a.old"), "7");
    assert_eq!(node.depth("a.old"), 2);
    leave(&mut node, "short");
    node.send(&queue("a.old"), "8");
    assert_eq!(node.depth("a.old"), 3);
    let node = node.restarted();
    assert_eq!((node.broker.policies().len(), node.depth("a.old")), (0, 3));
}

#[test]
fn a_queue_has_the_best_of_its_policies_alone() {
    let mut node = Node::new(Settings::default());
    let short = |name: &str, pattern: &str, priority, most| PolicyRecord {
        priority,
        max_length: Some(most),
        ..named(name, pattern)
    };
    for record in [
        short("wide", "#", 0, 1),
        short("b", "x.*", 5, 3),
        short("a", "x.y", 5, 2),
        PolicyRecord {
            priority: 9,
            ..named("all", "x.free")
        },
    ] {
        set(&mut node, record);
    }
    for (name, depth) in [("other", 1), ("x.y", 2), ("x.z", 3), ("x.free", 5)] {
        for _ in 0..5 {
            node.send(&queue(name), "m");
        }
        assert_eq!(node.depth(name), depth, "{name}");
    }
    // Another one of the same name takes its place.
    set(&mut node, short("a", "nothing", 5, 9));
    node.send(&queue("x.y"), "m");
    assert_eq!((node.depth("x.y"), node.broker.policies().len()), (3, 4));
}

#[test]
fn where_the_dead_go_and_after_how_many_attempts() {
    let mut node = Node::new(Settings::default());
    set(
        &mut node,
        PolicyRecord {
            max_attempts: Some(1),
            dead_letter: Some("graves".into()),
            ..named("p", "q")
        },
    );
    set(
        &mut node,
        PolicyRecord {
            dead_letter: Some("".into()),
            ..named("nowhere", "r")
        },
    );
    for (name, number) in [("q", 1), ("r", 2)] {
        node.send(&queue(name), name);
        node.subscribe(B, number, &queue(name), 1);
    }
    let deliveries: Vec<DeliveryId> = node.delivered.iter().map(|one| one.delivery).collect();
    node.settle(B, deliveries[0], Outcome::Failed);
    node.settle(B, deliveries[1], Outcome::Rejected);
    assert_eq!((node.depth("graves"), node.depth("DLQ")), (1, 0));
    assert_eq!((node.depth("q"), node.depth("r")), (0, 0));
}

#[test]
fn a_message_may_wait_for_so_long() {
    let mut node = Node::new(Settings::default());
    set(
        &mut node,
        PolicyRecord {
            ttl: Some(1000),
            expiry: Some("late".into()),
            ..named("p", "q")
        },
    );
    node.send(&queue("q"), "a");
    assert_eq!(node.broker.poll_deadline(), Some(Mono::from_millis(1000)));
    node.now = Mono::from_millis(1000);
    node.broker.on_deadline(node.now);
    node.listen();
    assert_eq!((node.depth("q"), node.depth("late")), (0, 1));
}

#[test]
fn what_a_queue_was_declared_with_and_a_policy_hold_together() {
    let mut node = Node::new(Settings::default());
    for (name, overflow, most) in [
        ("drops", "drop-head", 4),
        ("rejects", "reject-publish", 4),
        ("own", "drop-head", 1),
    ] {
        let declared = Declared {
            arguments: vec![
                ("x-max-length".into(), Value::Int(most)),
                ("x-overflow".into(), Value::Text(overflow.into())),
            ],
            ..Declared::default()
        };
        let what = Arrangement::Queue {
            name: name.into(),
            declared,
        };
        node.tell(Input::Arrange { session: A, what });
    }
    set(
        &mut node,
        PolicyRecord {
            max_length: Some(2),
            ..named("p", "#")
        },
    );
    for name in ["drops", "rejects", "own"] {
        for _ in 0..5 {
            node.send(&queue(name), "m");
        }
    }
    assert_eq!(
        (node.depth("drops"), node.depth("rejects"), node.depth("own")),
        (2, 2, 1)
    );
    assert_eq!(node.refused, vec![Refusal::Full; 3]);
}

#[test]
fn what_cannot_be_is_refused() {
    let mut node = Node::new(Settings {
        policies: vec![PolicyRecord {
            max_length: Some(1),
            ..named("file", "q")
        }],
        ..Settings::default()
    });
    for (record, says) in [
        (named("", "a"), "it is empty"),
        (named("a", ""), "it is empty"),
        (named("file", "#"), "the configuration has a policy of that name"),
    ] {
        let mut other = Node::new(node.broker.settings.clone());
        set(&mut other, record);
        assert!(other.refused[0].to_string().contains(says), "{:?}", other.refused);
    }
    for (name, says) in [("none", "no policy 'none'"), ("file", "the configuration has")] {
        let mut other = Node::new(node.broker.settings.clone());
        leave(&mut other, name);
        assert!(other.refused[0].to_string().contains(says), "{:?}", other.refused);
    }
    node.send(&queue("q"), "1");
    node.send(&queue("q"), "2");
    assert_eq!(node.depth("q"), 1, "the configuration's counts");
    for number in 0..100 {
        set(&mut node, named(&format!("p{number}"), "#"));
    }
    assert_eq!(node.refused, [Refusal::TooMany(Thing::Policy)]);
}
