//! Messages that belong together.

use std::collections::{BTreeMap, BTreeSet};

use bytes::BytesMut;
use proptest::prelude::*;
use tandem_mq_wire::amqp10::Value as Typed;

use super::*;
use crate::{PolicyRecord, Value};

fn of_group(group: &str, text: &str) -> Message {
    Message {
        properties: vec![("JMSXGroupID".into(), Value::Text(group.into()))],
        ..message(text)
    }
}

fn last_of_group(group: &str, text: &str) -> Message {
    let mut message = of_group(group, text);
    message.properties.push(("JMSXGroupSeq".into(), Value::Int(-1)));
    message
}

fn send(node: &mut Node, group: &str, text: &str) {
    node.send_in(None, &queue("q"), of_group(group, text));
}

/// Who got what, since the last look.
fn got(node: &mut Node) -> Vec<(u64, String)> {
    let all = node.delivered.drain(..);
    all.map(|one| (one.consumer.number, text(&one.message))).collect()
}

fn pairs(all: &[(u64, &str)]) -> Vec<(u64, String)> {
    all.iter().map(|(number, text)| (*number, (*text).to_owned())).collect()
}

#[test]
fn a_group_goes_to_one_consumer_and_others_take_turns() {
    let mut node = Node::new(Settings::default());
    for number in 1..=3 {
        node.subscribe(B, number, &queue("q"), 100);
    }
    for (group, text) in [("a", "a1"), ("b", "b1"), ("a", "a2"), ("a", "a3"), ("b", "b2")] {
        send(&mut node, group, text);
    }
    let expect = pairs(&[(1, "a1"), (2, "b1"), (1, "a2"), (1, "a3"), (2, "b2")]);
    assert_eq!(got(&mut node), expect);
    for text in ["x", "y", "z"] {
        node.send(&queue("q"), text);
    }
    assert_eq!(got(&mut node), pairs(&[(3, "x"), (1, "y"), (2, "z")]));
}

#[test]
fn who_has_a_group_is_waited_for_and_what_is_behind_is_not() {
    let mut node = Node::new(Settings::default());
    let first = node.subscribe(B, 1, &queue("q"), 1);
    for (group, text) in [("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1")] {
        send(&mut node, group, text);
    }
    node.send(&queue("q"), "x");
    assert_eq!(got(&mut node), pairs(&[(1, "a1")]));
    let second = node.subscribe(B, 2, &queue("q"), 1);
    assert_eq!(got(&mut node), pairs(&[(2, "b1")]), "of another group");
    node.tell(Input::Credit {
        consumer: second,
        more: 9,
    });
    assert_eq!(got(&mut node), pairs(&[(2, "x")]));
    send(&mut node, "a", "a4");
    send(&mut node, "b", "b2");
    assert_eq!(got(&mut node), pairs(&[(2, "b2")]));
    node.tell(Input::Credit {
        consumer: first,
        more: 2,
    });
    assert_eq!(got(&mut node), pairs(&[(1, "a2"), (1, "a3")]));
    // It goes, and what it held comes first where its group goes.
    node.tell(Input::Unsubscribe { consumer: first });
    let rest = ["a1", "a2", "a3", "a4"].map(|text| (2, text));
    assert_eq!(got(&mut node), pairs(&rest));
}

#[test]
fn a_group_ends_with_its_last_message_in_the_words_of_both() {
    let mut sequence = BytesMut::new();
    Typed::Uint(u32::MAX).write(&mut sequence);
    let of_amqp = Message {
        properties: vec![
            ("amqp-group-id".into(), Value::Text("a".into())),
            ("amqp-group-sequence".into(), Value::Typed(sequence.freeze())),
        ],
        ..message("end")
    };
    let as_text = Message {
        properties: vec![
            ("JMSXGroupID".into(), Value::Text("a".into())),
            ("JMSXGroupSeq".into(), Value::Text("-1".into())),
        ],
        ..message("end")
    };
    for last in [last_of_group("a", "end"), of_amqp, as_text] {
        let mut node = Node::new(Settings::default());
        for number in 1..=2 {
            node.subscribe(B, number, &queue("q"), 100);
        }
        send(&mut node, "a", "1");
        node.send_in(None, &queue("q"), last);
        send(&mut node, "a", "2");
        assert_eq!(got(&mut node), pairs(&[(1, "1"), (1, "end"), (2, "2")]));
    }
}

#[test]
fn buckets_are_what_is_told_apart_and_none_is_no_groups() {
    let policy = |buckets| PolicyRecord {
        name: "p".into(),
        pattern: "#".into(),
        group_buckets: Some(buckets),
        ..PolicyRecord::default()
    };
    for (buckets, expect) in [(1, [1, 1, 1]), (0, [1, 2, 1]), (65_536, [1, 2, 1])] {
        let mut node = Node::new(Settings::default());
        let what = Arrangement::SetPolicy(policy(buckets));
        node.tell(Input::Arrange { session: A, what });
        for number in 1..=2 {
            node.subscribe(B, number, &queue("q"), 100);
        }
        for (group, text) in [("a", "1"), ("b", "2"), ("a", "3")] {
            send(&mut node, group, text);
        }
        let numbers: Vec<u64> = got(&mut node).iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, expect, "{buckets}");
    }
    let mut node = Node::new(Settings::default());
    let what = Arrangement::SetPolicy(policy(65_537));
    node.tell(Input::Arrange { session: A, what });
    assert_eq!(node.refused.len(), 1);
}

/// One that wants everything for itself, and one that does not want what the group has for it.
#[test]
fn exclusive_consumers_and_selectors_are_heard_before_groups() {
    let mut node = Node::new(Settings::default());
    node.subscribe(B, 1, &queue("q"), 100);
    send(&mut node, "a", "1");
    let alone = Subscription {
        credit: 100,
        exclusive: true,
        ..Subscription::default()
    };
    node.subscribe_with(B, 2, &queue("q"), alone);
    send(&mut node, "a", "2");
    assert_eq!(got(&mut node), pairs(&[(1, "1"), (2, "2")]));

    let mut node = Node::new(Settings::default());
    let low = Subscription {
        credit: 100,
        selector: Some(crate::Selector::parse("JMSPriority < 5").unwrap()),
        ..Subscription::default()
    };
    node.subscribe_with(B, 1, &queue("q"), low);
    node.subscribe(B, 2, &queue("q"), 100);
    let high = Message {
        priority: Some(crate::Priority::of(9)),
        ..of_group("a", "high")
    };
    send(&mut node, "a", "1");
    node.send_in(None, &queue("q"), high);
    send(&mut node, "a", "2");
    assert_eq!(got(&mut node), pairs(&[(1, "1"), (2, "high"), (1, "2")]));
}

/// Nobody looks at all of them each time one comes.
#[test]
fn very_many_of_a_busy_group_hide_nothing_that_comes_later() {
    let mut node = Node::new(Settings::default());
    node.subscribe(B, 1, &queue("q"), 1);
    (0..3000).for_each(|_| send(&mut node, "a", "a"));
    let second = node.subscribe(B, 2, &queue("q"), 1);
    node.delivered.clear();
    for _ in 0..3 {
        send(&mut node, "b", "b");
    }
    assert_eq!(got(&mut node), pairs(&[(2, "b")]));
    let what = Arrangement::Purge("q".into());
    node.tell(Input::Arrange { session: A, what });
    send(&mut node, "b", "b");
    node.tell(Input::Credit {
        consumer: second,
        more: 1,
    });
    assert_eq!(got(&mut node), pairs(&[(2, "b")]));
}

#[derive(Clone, Debug)]
enum Step {
    Send(u8),
    Take(u64),
    Settle(usize, Outcome),
    /// It goes and comes again.
    Lose(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop::sample::select(vec![Outcome::Accepted, Outcome::Released, Outcome::Failed]);
    prop_oneof![
        5 => (0u8..5).prop_map(Step::Send),
        4 => (1u64..4).prop_map(Step::Take),
        4 => (0usize..6, outcome).prop_map(|(which, outcome)| Step::Settle(which, outcome)),
        1 => (1u64..4).prop_map(Step::Lose),
    ]
}

/// The fifth group is none.
fn run(steps: Vec<Step>) {
    let forever = Policy {
        max_attempts: 0,
        ..Policy::default()
    };
    let mut node = Node::new(Settings {
        default: forever,
        ..Settings::default()
    });
    for number in 1..4 {
        node.subscribe(B, number, &queue("q"), 0);
    }
    let (mut owners, mut out): (BTreeMap<String, u64>, Vec<_>) = (BTreeMap::new(), Vec::new());
    let (mut sent, mut accepted) = (0, BTreeSet::new());
    for step in steps {
        match step {
            Step::Send(4) => {
                sent += 1;
                node.send(&queue("q"), &format!("none {sent}"));
            }
            Step::Send(group) => {
                sent += 1;
                send(&mut node, &group.to_string(), &format!("{group} {sent}"));
            }
            Step::Take(number) => {
                let consumer = ConsumerId { session: B, number };
                node.tell(Input::Credit { consumer, more: 1 });
            }
            Step::Settle(which, outcome) if which < out.len() => {
                let (_, delivery, number): (u64, DeliveryId, u64) = out.remove(which);
                if outcome == Outcome::Accepted {
                    accepted.insert(number);
                }
                node.settle(B, delivery, outcome);
            }
            Step::Settle(..) => {}
            Step::Lose(number) => {
                owners.retain(|_, owner| *owner != number);
                out.retain(|(consumer, ..)| *consumer != number);
                let consumer = ConsumerId { session: B, number };
                node.tell(Input::Unsubscribe { consumer });
                node.subscribe(B, number, &queue("q"), 0);
            }
        }
        for delivery in node.delivered.drain(..) {
            let body = text(&delivery.message);
            let (group, number) = body.split_once(' ').unwrap();
            let (consumer, number) = (delivery.consumer.number, number.parse().unwrap());
            if group != "none" {
                let owner = *owners.entry(group.to_owned()).or_insert(consumer);
                assert_eq!(owner, consumer, "{body} went to another one");
            }
            out.push((consumer, delivery.delivery, number));
        }
    }
    // Whoever has enough credit gets all of it in the end.
    for number in 1..4 {
        let consumer = ConsumerId { session: B, number };
        node.tell(Input::Credit { consumer, more: 1000 });
    }
    let rest = node.delivered.iter().map(|one| text(&one.message));
    let rest = rest.filter_map(|body| body.split_once(' ')?.1.parse().ok());
    let mut all: BTreeSet<u64> = rest.chain(out.iter().map(|(.., number)| *number)).collect();
    all.extend(accepted);
    assert_eq!(all, (1..=sent).collect());
}

proptest! {
    #[test]
    fn a_group_is_never_torn_apart_and_nothing_is_left(steps in prop::collection::vec(step(), 0..80)) {
        run(steps);
    }
}
