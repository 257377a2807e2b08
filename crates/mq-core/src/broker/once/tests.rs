use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::broker::tests::{A, B, Node, message, queue, text, topic};
use crate::broker::{Arrangement, Declared, Input, Outcome, Policy, Publish, Settings, Target};
use crate::{Message, PolicyRecord, Record, Token, TransactionId, Value};

fn known() -> Settings {
    Settings {
        default: Policy {
            id_cache_size: 20_000,
            ..Policy::default()
        },
        ..Settings::default()
    }
}

fn with_id(id: &str, text: &str) -> Message {
    Message {
        properties: vec![("_AMQ_DUPL_ID".into(), Value::Text(id.into()))],
        ..message(text)
    }
}

fn send(node: &mut Node, to: &Target, id: &str, text: &str) {
    node.send_in(None, to, with_id(id, text));
}

fn all(node: &Node, name: &str) -> Vec<String> {
    let rights = crate::Rights::everything();
    let page = node.broker.list_messages(&rights, name, None, 1000).unwrap();
    page.rows.iter().map(|row| text(&row.message)).collect()
}

#[test]
fn what_comes_again_counts_once_also_after_a_restart() {
    let mut node = Node::new(known());
    for (id, text) in [("1", "a"), ("2", "b"), ("1", "again"), ("3", "c")] {
        send(&mut node, &queue("q"), id, text);
    }
    node.send(&queue("q"), "no id");
    node.send(&queue("q"), "no id");
    assert_eq!(all(&node, "q"), ["a", "b", "c", "no id", "no id"]);
    assert_eq!((node.broker.figures().doubled, node.refused.len()), (1, 0));
    // With its message, or not at all.
    let at = |node: &Node, wanted: &str| {
        let has = |record: &Record| matches!(record, Record::Put { message, .. } if text(message) == wanted);
        let holds = |record: &Record| match record {
            Record::All(records) => records.iter().any(has),
            one => has(one),
        };
        node.written.iter().position(|(_, record)| holds(record)).unwrap()
    };
    for (written, left) in [(at(&node, "b"), 3), (at(&node, "b") + 1, 2)] {
        let mut node = node.fell_at(written);
        for id in ["1", "2", "3"] {
            send(&mut node, &queue("q"), id, "again");
        }
        assert_eq!(all(&node, "q").iter().filter(|text| *text == "again").count(), left - 1);
    }
}

#[test]
fn an_id_of_what_nobody_keeps_is_not_known_after_a_restart() {
    let mut node = Node::new(known());
    send(&mut node, &topic("t"), "1", "for nobody");
    let mut node = node.restarted();
    send(&mut node, &topic("t"), "1", "again");
    assert_eq!(node.broker.figures().doubled, 0);
    send(&mut node, &topic("t"), "1", "again");
    assert_eq!(node.broker.figures().doubled, 1);
}

/// What need not survive is not known after a restart, when it is gone itself.
#[test]
fn an_id_lasts_as_long_as_its_message_would() {
    let mut node = Node::new(known());
    for (id, durable) in [("1", false), ("2", true)] {
        let message = Message {
            durable,
            ..with_id(id, id)
        };
        node.send_in(None, &queue("q"), message);
    }
    send(&mut node, &queue("q"), "1", "again");
    assert_eq!(all(&node, "q"), ["1", "2"]);
    let mut node = node.restarted();
    for id in ["1", "2"] {
        send(&mut node, &queue("q"), id, "again");
    }
    assert_eq!(all(&node, "q"), ["2", "again"]);
}

/// The other one's first is not on disk yet.
#[test]
fn whoever_sends_again_is_told_when_the_first_one_is_safe() {
    let mut node = Node::new(known());
    node.tell(Input::Send {
        session: B,
        transaction: None,
        to: queue("q"),
        message: with_id("1", "a"),
        once: None,
    });
    send(&mut node, &queue("q"), "1", "a");
    node.sync(1);
    assert_eq!(node.synced, [] as [u64; 0]);
    node.store_all();
    assert_eq!(node.synced, [1]);
    let (session, token) = (A, Token(2));
    node.tell(Input::Sync { session, token });
    assert_eq!(node.synced, [1, 2]);
}

#[test]
fn a_queue_a_topic_and_an_exchange_know_their_own_ids_by_all_ways() {
    let mut node = Node::new(known());
    let what = Arrangement::Queue {
        name: "q".into(),
        declared: Declared::default(),
    };
    node.tell(Input::Arrange { session: A, what });
    node.subscribe(B, 1, &topic("q"), 100);
    let publish = |node: &mut Node, exchange: &str, key: &str| {
        let publish = Publish {
            exchange: exchange.into(),
            key: key.into(),
            mandatory: false,
            message: with_id("1", "m"),
        };
        node.tell(Input::Publish {
            session: A,
            transaction: None,
            publish: Box::new(publish),
        });
    };
    send(&mut node, &queue("q"), "1", "m");
    send(&mut node, &queue("r"), "1", "m");
    send(&mut node, &topic("q"), "1", "m");
    publish(&mut node, "", "q");
    publish(&mut node, "amq.topic", "q");
    assert_eq!((node.depth("q"), node.depth("r"), node.texts().len()), (1, 1, 1));
    // Nobody is bound: that may come again.
    publish(&mut node, "amq.fanout", "");
    publish(&mut node, "amq.fanout", "");
    assert_eq!(node.broker.figures().doubled, 2);
}

#[test]
fn what_was_refused_may_come_again() {
    let mut node = Node::new(known());
    let declared = Declared {
        arguments: vec![
            ("x-max-length".into(), Value::Int(1)),
            ("x-overflow".into(), Value::Text("reject-publish".into())),
        ],
        ..Declared::default()
    };
    let what = Arrangement::Queue {
        name: "q".into(),
        declared,
    };
    node.tell(Input::Arrange { session: A, what });
    for id in ["1", "2"] {
        send(&mut node, &queue("q"), id, id);
    }
    assert_eq!(node.refused.len(), 1);
    node.subscribe(B, 1, &queue("q"), 1);
    let first = node.delivered[0].delivery;
    node.settle(B, first, Outcome::Accepted);
    send(&mut node, &queue("q"), "2", "2");
    assert_eq!(all(&node, "q"), ["2"]);
}

#[test]
fn a_transaction_is_looked_at_when_it_commits() {
    let mut node = Node::new(known());
    let (session, transaction) = (A, TransactionId(1));
    for _ in 0..2 {
        node.tell(Input::Begin { session, transaction });
        for id in ["1", "2", "1"] {
            node.send_in(Some(1), &queue("q"), with_id(id, id));
        }
        node.tell(Input::Commit { session, transaction });
        node.sync(1);
        node.store_all();
    }
    assert_eq!(all(&node, "q"), ["1", "2"]);
    assert_eq!(node.synced, [1, 1], "it is done, as it was before");
    // One that never was leaves no id.
    node.tell(Input::Begin { session, transaction });
    node.send_in(Some(1), &queue("q"), with_id("3", "3"));
    node.tell(Input::Abort { session, transaction });
    send(&mut node, &queue("q"), "3", "3");
    assert_eq!(all(&node, "q"), ["1", "2", "3"]);
}

#[test]
fn a_policy_says_how_many_ids_are_known() {
    let mut node = Node::new(known());
    for (pattern, size) in [("two", 2), ("none", 0)] {
        let what = Arrangement::SetPolicy(PolicyRecord {
            name: pattern.into(),
            pattern: pattern.into(),
            id_cache_size: Some(size),
            ..PolicyRecord::default()
        });
        node.tell(Input::Arrange { session: A, what });
    }
    for (name, depth) in [("two", 4), ("none", 6), ("usual", 3)] {
        for id in ["1", "2", "3", "3", "2", "1"] {
            send(&mut node, &queue(name), id, id);
        }
        assert_eq!(node.depth(name), depth, "{name}");
    }
    let mut node = node.restarted();
    send(&mut node, &queue("two"), "1", "1");
    send(&mut node, &queue("two"), "2", "2");
    assert_eq!(node.depth("two"), 5, "the first was the last before");
}

/// Whatever is sent again, and whenever the node falls: what was confirmed is there, once.
fn run(steps: Vec<(u8, u8)>) {
    let mut node = Node::new(Settings {
        default: Policy {
            id_cache_size: 1000,
            ..Policy::default()
        },
        ..Settings::default()
    });
    let (mut stored, mut confirmed) = (node.written.len(), BTreeSet::new());
    for (step, id) in steps {
        match step {
            0..4 => {
                send(&mut node, &queue("q"), &id.to_string(), &id.to_string());
                node.sync(id.into());
            }
            4 | 5 => {
                node.store_all();
                stored = node.written.len();
            }
            _ => {
                confirmed.extend(node.synced.drain(..));
                node = node.fell_at(stored);
            }
        }
        let there = match node.broker.figures().queues {
            0 => Vec::new(),
            _ => all(&node, "q"),
        };
        let once: BTreeSet<&String> = there.iter().collect();
        assert_eq!(once.len(), there.len(), "{there:?}");
        for id in &confirmed {
            assert!(there.contains(&id.to_string()), "{id} is lost: {there:?}");
        }
    }
}

proptest! {
    #[test]
    fn nothing_is_there_twice_and_nothing_confirmed_is_lost(steps in prop::collection::vec((0u8..8, 0u8..6), 0..60)) {
        run(steps);
    }
}
