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
        (waits("p", "a", 1, Some("stomp.temp-x")), "gone with its connection"),
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

fn waits(name: &str, pattern: &str, ttl: u64, then: Option<&str>) -> PolicyRecord {
    PolicyRecord {
        ttl: Some(ttl),
        expiry: then.map(Into::into),
        ..named(name, pattern)
    }
}

/// Until nothing is due any more at this time.
fn pass(node: &mut Node, millis: u64) -> usize {
    node.now = Mono::from_millis(millis);
    let mut turns = 0;
    while node.broker.poll_deadline().is_some_and(|at| at <= node.now) {
        turns += 1;
        assert!(turns < 20, "it goes on for ever");
        node.broker.on_deadline(node.now);
        node.listen();
    }
    turns
}

#[test]
fn where_the_late_and_the_dead_go_their_time_begins_again() {
    let mut node = Node::new(Settings::default());
    set(&mut node, waits("all", "#", 1000, None));
    node.send(&queue("q"), "a");
    pass(&mut node, 1000);
    assert_eq!((node.depth("q"), node.depth("ExpiryQueue")), (0, 1));
    assert_eq!(node.broker.poll_deadline(), Some(Mono::from_millis(2000)));
    node.send(&queue("r"), "b");
    node.subscribe(B, 1, &queue("r"), 1);
    node.now = Mono::from_millis(1999);
    let delivery = node.delivered[0].delivery;
    node.settle(B, delivery, Outcome::Rejected);
    pass(&mut node, 2998);
    assert_eq!((node.depth("DLQ"), node.depth("ExpiryQueue")), (1, 0));
    // What an operator moves back is there again, and for as long as what comes now.
    let what = Arrangement::Move {
        from: "DLQ".into(),
        to: "q".into(),
        which: Which::Upto(node.broker.newest()),
    };
    node.tell(Input::Arrange { session: A, what });
    assert_eq!(node.broker.poll_deadline(), Some(Mono::from_millis(3998)));
    let node = node.fell(node.written.len(), Mono::from_millis(3000));
    assert_eq!(
        (node.depth("q"), node.broker.poll_deadline()),
        (1, Some(Mono::from_millis(3998)))
    );
}

#[test]
fn queues_that_only_lead_to_each_other_end_what_nobody_takes() {
    for ring in [&["a", "b"][..], &["a", "b", "c"]] {
        for ttl in [0, 5] {
            let mut node = Node::new(Settings::default());
            for (at, name) in ring.iter().enumerate() {
                set(&mut node, waits(name, name, ttl, Some(ring[(at + 1) % ring.len()])));
            }
            node.send(&queue("a"), "m");
            for millis in 0..50 {
                pass(&mut node, millis);
            }
            assert_eq!(node.broker.poll_deadline(), None, "{ring:?} {ttl}");
            assert!(node.written.len() < 20, "{ring:?} {ttl}");
        }
    }
}

/// Rejected, and again after a while: somebody has it in hand each time round.
#[test]
fn what_is_refused_comes_back_after_a_while_as_often_as_it_is_refused() {
    let mut node = Node::new(Settings::default());
    set(&mut node, waits("later", "later", 10, Some("q")));
    set(
        &mut node,
        PolicyRecord {
            dead_letter: Some("later".into()),
            ..named("q", "q")
        },
    );
    node.send(&queue("q"), "m");
    node.subscribe(B, 1, &queue("q"), 1);
    for round in 1..5 {
        assert_eq!(node.delivered.len(), round);
        let delivery = node.delivered[round - 1].delivery;
        node.settle(B, delivery, Outcome::Rejected);
        node.tell(Input::Credit {
            consumer: ConsumerId { session: B, number: 1 },
            more: 1,
        });
        pass(&mut node, 10 * round as u64);
    }
}

/// Whatever order the journal has them in.
#[test]
fn after_a_restart_each_message_waits_as_the_policies_say() {
    let mut node = Node::new(Settings::default());
    node.send(&queue("old"), "a");
    set(&mut node, waits("p", "old", 100, None));
    set(&mut node, waits("gone", "new", 50, None));
    node.send(&queue("new"), "b");
    leave(&mut node, "gone");
    assert_eq!(
        node.broker.poll_deadline(),
        Some(Mono::from_millis(50)),
        "as it was when they came"
    );
    let mut node = node.restarted();
    assert_eq!(node.broker.poll_deadline(), Some(Mono::from_millis(100)));
    pass(&mut node, 100);
    assert_eq!((node.depth("old"), node.depth("new")), (0, 1));
}

#[test]
fn what_the_configuration_says_is_not_outdone() {
    let mut node = Node::new(Settings {
        policies: vec![PolicyRecord {
            max_length: Some(1),
            ..named("file", "#")
        }],
        ..Settings::default()
    });
    let record = PolicyRecord {
        max_length: Some(9),
        priority: u32::MAX,
        ..named("mine", "q")
    };
    set(&mut node, record);
    for _ in 0..3 {
        node.send(&queue("q"), "m");
    }
    assert_eq!(node.depth("q"), 1);
}

/// As many as it says, as many as the policy says, as many as is usual.
#[test]
fn who_does_not_say_how_much_it_takes_is_sent_what_the_policy_says() {
    let prefetch = PolicyRecord {
        prefetch: Some(2),
        ..named("p", "p.#")
    };
    for (name, credit, is_usual, got) in [
        ("p.q", 5, true, 2),
        ("p.q", 5, false, 5),
        ("p.q", 1, true, 2),
        ("q", 5, true, 5),
    ] {
        let mut node = Node::new(Settings::default());
        set(&mut node, prefetch.clone());
        let options = Subscription {
            credit,
            is_usual,
            ..Subscription::default()
        };
        (0..9).for_each(|_| node.send(&queue(name), "m"));
        node.subscribe_with(B, 1, &queue(name), options);
        assert_eq!(node.texts().len(), got, "{name} {credit} {is_usual}");
    }
}

#[test]
fn who_takes_without_a_limit_has_that_of_the_policy() {
    for (credit, got) in [(None, 2), (Some(4), 4)] {
        let mut node = Node::new(Settings::default());
        let prefetch = PolicyRecord {
            prefetch: Some(2),
            ..named("p", "q")
        };
        set(&mut node, prefetch);
        (0..9).for_each(|_| node.send(&queue("q"), "m"));
        let consume = Consume {
            number: 1,
            queue: "q".into(),
            credit,
            limited: false,
            exclusive: false,
        };
        let what = Arrangement::Consume(consume);
        node.tell(Input::Arrange { session: B, what });
        assert_eq!(node.delivered.len(), got);
        if credit.is_none() {
            let first = node.delivered[0].delivery;
            node.settle(B, first, Outcome::Accepted);
            assert_eq!(node.delivered.len(), 3, "another one for each that is done");
        }
    }
    let none = PolicyRecord {
        prefetch: Some(0),
        ..named("p", "q")
    };
    assert_eq!(check_policy(&none), Err(Refusal::Policy("prefetch is at least 1")));
}
