use std::collections::BTreeMap;

use proptest::prelude::*;
use tandem_time::Mono;

use crate::broker::tests::{A, B, Node, message, queue, text, topic};
use crate::broker::{Arrangement, Declared, Input, Outcome, Policy, Settings, Subscription, Which};
use crate::{ConsumerId, DeliveryId, Message, PolicyRecord, Priority, Record, Value, WallMillis};

fn keeps_the_last() -> Settings {
    Settings {
        default: Policy {
            last_value_key: Some("k".into()),
            max_attempts: 0,
            ..Policy::default()
        },
        ..Settings::default()
    }
}

fn with_key(key: &str, text: &str) -> Message {
    Message {
        properties: vec![("k".into(), Value::Text(key.into()))],
        ..message(text)
    }
}

fn send(node: &mut Node, key: &str, text: &str) {
    node.send_in(None, &queue("q"), with_key(key, text));
}

/// What waits, in its order.
fn waits(node: &Node, name: &str) -> Vec<String> {
    let rights = crate::Rights::everything();
    let page = node.broker.list_messages(&rights, name, None, 100).unwrap();
    page.rows.iter().map(|row| text(&row.message)).collect()
}

#[test]
fn a_newer_one_takes_the_place_of_the_older_of_its_key() {
    let mut node = Node::new(keeps_the_last());
    for (key, text) in [("a", "a1"), ("b", "b1"), ("a", "a2"), ("a", "a3")] {
        send(&mut node, key, text);
    }
    node.send(&queue("q"), "no key");
    node.send(&queue("q"), "none either");
    let long = "x".repeat(1025);
    send(&mut node, &long, "long");
    send(&mut node, &long, "long");
    let all = ["b1", "a3", "no key", "none either", "long", "long"];
    assert_eq!(waits(&node, "q"), all);
    assert_eq!(node.broker.figures().counts.dropped, 2);
    let weights: usize = node.broker.queues.values().map(|queue| queue.weight()).sum();
    assert_eq!(node.broker.weight, weights);
    // One record: whenever it falls, one of them is there.
    let newer = node
        .written
        .iter()
        .position(|(_, record)| matches!(record, Record::All(_)));
    let newer = newer.unwrap();
    assert_eq!(waits(&node.fell_at(newer), "q"), ["a1", "b1"]);
    assert_eq!(waits(&node.fell_at(newer + 1), "q"), ["b1", "a2"]);
    assert_eq!(waits(&node.restarted(), "q"), all);
}

#[test]
fn numbers_and_what_need_not_survive_have_keys_as_well() {
    let mut node = Node::new(keeps_the_last());
    let with = |value: Value, text: &str| Message {
        properties: vec![("k".into(), value)],
        durable: text != "3",
        ..message(text)
    };
    for (value, text) in [
        (Value::Int(7), "1"),
        (Value::Text("7".into()), "2"),
        (Value::Int(7), "3"),
    ] {
        node.send_in(None, &queue("q"), with(value, text));
    }
    assert_eq!(waits(&node, "q"), ["3"]);
    assert_eq!(waits(&node.restarted(), "q"), ["3"], "what survived gave way to it");
}

#[test]
fn what_is_in_somebodys_hands_stays_there_and_does_not_come_back() {
    for outcome in [Outcome::Released, Outcome::Failed] {
        let mut node = Node::new(keeps_the_last());
        let consumer = node.subscribe(B, 1, &queue("q"), 1);
        send(&mut node, "a", "1");
        send(&mut node, "a", "2");
        assert_eq!((node.depth("q"), waits(&node, "q").len()), (2, 1));
        let old = node.delivered[0].delivery;
        node.tell(Input::Credit { consumer, more: 1 });
        let newer = node.delivered[1].delivery;
        // Also when the newer one is done with.
        node.settle(B, newer, Outcome::Accepted);
        node.settle(B, old, outcome);
        assert_eq!(node.depth("q"), 0, "{outcome:?}");
        assert_eq!(node.broker.figures().counts.dropped, 1);
        assert_eq!(node.restarted().depth("q"), 0);
        assert_eq!(node.broker.weight, 0);
        // The key is free again.
        send(&mut node, "a", "3");
        node.tell(Input::Credit { consumer, more: 1 });
        let last = node.delivered[2].delivery;
        node.settle(B, last, outcome);
        assert_eq!(waits(&node, "q"), ["3"]);
    }
}

#[test]
fn a_consumer_that_goes_gives_back_only_the_last() {
    let mut node = Node::new(keeps_the_last());
    node.subscribe(B, 1, &queue("q"), 9);
    for text in ["1", "2", "3"] {
        send(&mut node, "a", text);
    }
    node.tell(Input::Closed { session: B });
    assert_eq!(waits(&node, "q"), ["3"]);
    assert_eq!(waits(&node.restarted(), "q"), ["3"]);
}

/// Nobody had heard of the third when the node fell, and two were in the journal.
#[test]
fn after_a_restart_the_last_is_left_also_by_a_policy_that_is_new() {
    let mut node = Node::new(Settings::default());
    for text in ["1", "2"] {
        send(&mut node, "a", text);
    }
    let high = Message {
        priority: Some(Priority::of(9)),
        ..with_key("b", "old")
    };
    node.send_in(None, &queue("q"), high);
    send(&mut node, "b", "new");
    let what = Arrangement::SetPolicy(PolicyRecord {
        name: "p".into(),
        pattern: "#".into(),
        last_value_key: Some("k".into()),
        ..PolicyRecord::default()
    });
    node.tell(Input::Arrange { session: A, what });
    assert_eq!(waits(&node, "q").len(), 4, "it counts for what comes");
    let node = node.restarted();
    assert_eq!(waits(&node, "q"), ["2", "new"]);
    assert_eq!(waits(&node.restarted(), "q"), ["2", "new"]);
}

#[test]
fn another_policy_forgets_what_the_one_before_knew() {
    let mut node = Node::new(Settings::default());
    let policy = |key: &str| PolicyRecord {
        name: "p".into(),
        pattern: "#".into(),
        last_value_key: Some(key.into()),
        ..PolicyRecord::default()
    };
    for (key, left) in [("k", 1), ("", 2), ("other", 3), ("k", 4)] {
        let what = Arrangement::SetPolicy(policy(key));
        node.tell(Input::Arrange { session: A, what });
        send(&mut node, "a", "m");
        assert_eq!(waits(&node, "q").len(), left, "{key}");
    }
    send(&mut node, "a", "m");
    assert_eq!(waits(&node, "q").len(), 4);
}

#[test]
fn it_goes_by_all_ways_in_and_out() {
    let mut node = Node::new(keeps_the_last());
    let durable = Subscription {
        credit: 0,
        durable: Some("s".into()),
        ..Subscription::default()
    };
    node.subscribe_with(B, 1, &topic("t"), durable);
    let what = Arrangement::Queue {
        name: "declared".into(),
        declared: Declared::default(),
    };
    node.tell(Input::Arrange { session: A, what });
    for text in ["1", "2"] {
        node.send_in(None, &topic("t"), with_key("a", text));
        node.send_in(None, &queue("declared"), with_key("a", text));
        node.send_in(None, &queue("from"), with_key("a", text));
    }
    assert_eq!((node.depth("s"), waits(&node, "declared")), (1, vec!["2".to_owned()]));
    // Moved, it is the newest where it comes to; over, it frees its key.
    let short = Message {
        expires: Some(WallMillis(5)),
        ..with_key("a", "3")
    };
    node.send_in(None, &queue("to"), short);
    let moves = |node: &Node| Arrangement::Move {
        from: "from".into(),
        to: "to".into(),
        which: Which::Upto(node.broker.newest()),
    };
    let what = moves(&node);
    node.tell(Input::Arrange { session: A, what });
    assert_eq!(waits(&node, "to"), ["2"]);
    node.now = Mono::from_millis(9);
    assert_eq!(node.broker.poll_deadline(), None, "what is gone is not over");
    let what = Arrangement::Purge("to".into());
    node.tell(Input::Arrange { session: A, what });
    node.send_in(None, &queue("to"), with_key("a", "4"));
    assert_eq!(waits(&node, "to"), ["4"]);
}

#[derive(Clone, Debug)]
enum Step {
    Send(u8),
    Take,
    Settle(usize, Outcome),
    Lose,
    Store,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop::sample::select(vec![Outcome::Accepted, Outcome::Released, Outcome::Failed]);
    prop_oneof![
        5 => (0u8..3).prop_map(Step::Send),
        3 => Just(Step::Take),
        3 => (0usize..4, outcome).prop_map(|(which, outcome)| Step::Settle(which, outcome)),
        1 => Just(Step::Lose),
        2 => Just(Step::Store),
        1 => Just(Step::Crash),
    ]
}

/// What the outside knows: the number of the newest of each key, who has which, and what is safe.
#[derive(Default)]
struct Outside {
    sent: u64,
    newest: BTreeMap<u8, u64>,
    out: Vec<(DeliveryId, u8, u64)>,
    done: BTreeMap<u8, u64>,
}

impl Outside {
    fn take(&mut self, node: &mut Node) {
        for delivery in node.delivered.drain(..) {
            let body = text(&delivery.message);
            let (key, number) = body.split_once(' ').unwrap();
            let (key, number): (u8, u64) = (key.parse().unwrap(), number.parse().unwrap());
            assert_eq!(self.newest.get(&key), Some(&number), "there was a newer one");
            self.out.push((delivery.delivery, key, number));
        }
    }

    /// Of each key one waits at most, and the newest is there unless somebody has accepted it.
    fn check(&self, node: &Node) {
        let mut seen = BTreeMap::new();
        for body in waits(node, "q") {
            let (key, number) = body.split_once(' ').unwrap();
            let (key, number): (u8, u64) = (key.parse().unwrap(), number.parse().unwrap());
            assert!(seen.insert(key, number).is_none(), "two wait of {key}");
        }
        let out = self.out.iter().map(|(_, key, number)| (*key, *number));
        let there: Vec<(u8, u64)> = seen.into_iter().chain(out).collect();
        for (key, number) in &self.newest {
            let known = there.contains(&(*key, *number)) || self.done.get(key) == Some(number);
            assert!(known, "{number} of {key} is lost");
        }
    }
}

fn run(steps: Vec<Step>) {
    let mut node = Node::new(keeps_the_last());
    let mut outside = Outside::default();
    let subscribe = |node: &mut Node| node.subscribe(B, 1, &queue("q"), 0);
    let mut consumer: ConsumerId = subscribe(&mut node);
    let mut stored = node.written.len();
    for step in steps {
        match step {
            Step::Send(key) => {
                outside.sent += 1;
                outside.newest.insert(key, outside.sent);
                let body = format!("{key} {}", outside.sent);
                send(&mut node, &key.to_string(), &body);
            }
            Step::Take => node.tell(Input::Credit { consumer, more: 1 }),
            Step::Settle(which, outcome) if which < outside.out.len() => {
                let (delivery, key, number) = outside.out.remove(which);
                if outcome == Outcome::Accepted {
                    let done = outside.done.entry(key).or_default();
                    *done = number.max(*done);
                }
                node.settle(B, delivery, outcome);
            }
            Step::Settle(..) => {}
            Step::Lose => {
                node.tell(Input::Closed { session: B });
                node.tell(Input::Opened { session: B });
                outside.out.clear();
                consumer = subscribe(&mut node);
            }
            Step::Store => {
                node.store_all();
                stored = node.written.len();
            }
            Step::Crash => {
                outside.take(&mut node);
                node = node.fell_at(stored);
                outside.out.clear();
                // What the disk does not know never was; of what is there one of each key is left.
                outside.newest.clear();
                outside.done.clear();
                for body in waits(&node, "q") {
                    let (key, number) = body.split_once(' ').unwrap();
                    outside.newest.insert(key.parse().unwrap(), number.parse().unwrap());
                }
                stored = node.written.len();
                consumer = subscribe(&mut node);
            }
        }
        outside.take(&mut node);
        outside.check(&node);
    }
}

proptest! {
    #[test]
    fn the_newest_of_each_key_is_there_and_nothing_older_comes(steps in prop::collection::vec(step(), 0..60)) {
        run(steps);
    }
}
