use crate::broker::tests::{A, B, Node, message, queue};
use crate::broker::{Arrangement, Input, Outcome, Policy, Redelivery, Settings, Subscription, Which};
use crate::{Message, PolicyRecord, Record, Token, TransactionId, WallMillis};
use tandem_time::Mono;

/// 100 ms, then twice as long each time, but never more than 300.
fn slower_and_slower() -> Settings {
    Settings {
        default: Policy {
            redelivery: Redelivery {
                delay: 100,
                multiplier: 2000,
                max_delay: Some(300),
            },
            max_attempts: 5,
            ..Policy::default()
        },
        ..Settings::default()
    }
}

fn pass(node: &mut Node, millis: u64) {
    node.now = Mono::from_millis(millis);
    while node.broker.poll_deadline().is_some_and(|at| at <= node.now) {
        node.broker.on_deadline(node.now);
        node.listen();
    }
}

/// Says of the last that was delivered that it was in vain.
fn fail(node: &mut Node) {
    let delivery = node.delivered.last().unwrap().delivery;
    node.settle(B, delivery, Outcome::Failed);
}

#[test]
fn each_attempt_waits_longer_than_the_one_before() {
    let of = |delay, multiplier, max_delay| Redelivery {
        delay,
        multiplier,
        max_delay,
    };
    for (redelivery, millis) in [
        (of(0, 2000, None), [None, None, None, None]),
        (of(100, 1000, None), [Some(100), Some(100), Some(100), Some(100)]),
        (of(100, 2000, Some(300)), [Some(100), Some(200), Some(300), Some(300)]),
        (
            of(100, 1500, Some(u64::MAX)),
            [Some(100), Some(150), Some(225), Some(31_622_400_000)],
        ),
        (
            of(100, 1_000_000, None),
            [Some(100), Some(1000), Some(1000), Some(1000)],
        ),
        (of(100, 1000, Some(20)), [Some(20), Some(20), Some(20), Some(20)]),
        (of(u64::MAX, 1000, None), [Some(31_622_400_000); 4]),
    ] {
        let after = [1, 2, 3, u32::MAX].map(|attempts| redelivery.after(attempts));
        let after = after.map(|delay| delay.map(|delay| delay.as_millis() as u64));
        assert_eq!(after, millis, "{redelivery:?}");
    }
}

#[test]
fn what_failed_waits_its_time_and_what_is_behind_it_does_not() {
    let mut node = Node::new(slower_and_slower());
    node.subscribe(B, 1, &queue("q"), 100);
    node.send(&queue("q"), "bad");
    fail(&mut node);
    node.send(&queue("q"), "good");
    assert_eq!(node.texts(), ["bad", "good"]);
    assert_eq!(node.depth("q"), 2);
    for (at, attempts) in [(100, 1), (300, 2), (600, 3), (900, 4)] {
        pass(&mut node, at - 1);
        assert!(node.delivered.is_empty(), "not before {at}");
        pass(&mut node, at);
        let again = node.delivered.last().unwrap();
        assert_eq!((again.attempts, again.redelivered), (attempts, true));
        fail(&mut node);
        node.delivered.clear();
    }
    assert_eq!((node.depth("DLQ"), node.depth("q")), (1, 1), "that was the fifth");
    assert_eq!(node.broker.poll_deadline(), None);
}

/// Only what was tried in vain: whoever did not try gives it to somebody else at once.
#[test]
fn what_was_not_tried_comes_again_at_once() {
    let mut node = Node::new(slower_and_slower());
    node.subscribe(B, 1, &queue("q"), 100);
    node.send(&queue("q"), "m");
    let delivery = node.delivered[0].delivery;
    node.settle(B, delivery, Outcome::Released);
    assert_eq!(node.texts(), ["m", "m"]);
    // The oldest that a consumer held when it went counts as tried; the others were only sent ahead.
    node.send(&queue("q"), "n");
    node.tell(Input::Closed { session: B });
    node.delivered.clear();
    node.subscribe(A, 1, &queue("q"), 100);
    assert_eq!(node.texts(), ["n"]);
    pass(&mut node, 100);
    assert_eq!(node.texts(), ["m"]);
}

#[test]
fn a_restart_changes_neither_the_time_nor_the_count() {
    let mut node = Node::new(slower_and_slower());
    node.subscribe(B, 1, &queue("q"), 100);
    node.send(&queue("q"), "bad");
    node.send(&queue("q"), "good");
    let bad = node.delivered[0].delivery;
    node.store_all();
    node.settle(B, bad, Outcome::Failed);
    let (session, token) = (B, Token(1));
    node.tell(Input::Sync { session, token });
    assert!(node.synced.is_empty(), "it is confirmed when it is on disk");
    node.store_all();
    assert_eq!(node.synced, [1]);
    pass(&mut node, 100);
    fail(&mut node);
    let mut node = node.fell(node.written.len(), Mono::from_millis(200));
    node.subscribe(B, 1, &queue("q"), 100);
    assert_eq!(node.texts(), ["good"]);
    pass(&mut node, 299);
    assert_eq!(node.texts(), [""; 0]);
    pass(&mut node, 300);
    assert_eq!(node.delivered.last().map(|again| again.attempts), Some(2));
    // Twice in the journal is once.
    let twice: Vec<Record> = node.written.iter().map(|(_, record)| record.clone()).collect();
    node.written.extend((1000..).map(crate::Lsn).zip(twice));
    let mut node = node.fell(node.written.len(), Mono::from_millis(400));
    pass(&mut node, 400);
    node.subscribe(B, 1, &queue("q"), 100);
    let seen = node.delivered.iter().map(|again| again.attempts);
    assert_eq!(seen.collect::<Vec<_>>(), [2, 0]);
    assert_eq!(node.texts(), ["bad", "good"]);
}

/// Somebody turned it back by a day, or took the policy away meanwhile.
#[test]
fn nothing_waits_for_longer_after_a_restart_than_it_would_from_now_on() {
    let mut node = Node::new(slower_and_slower());
    node.now = Mono::from_millis(86_400_000);
    node.subscribe(B, 1, &queue("q"), 1);
    node.send(&queue("q"), "m");
    fail(&mut node);
    let fallen = node.fell(node.written.len(), Mono::from_millis(10));
    assert_eq!(fallen.broker.poll_deadline(), Some(Mono::from_millis(110)));
    node.broker.settings = Settings::default();
    let mut fallen = node.fell(node.written.len(), Mono::from_millis(10));
    fallen.subscribe(B, 1, &queue("q"), 1);
    pass(&mut fallen, 10);
    assert_eq!(fallen.texts(), ["m"]);
}

#[test]
fn what_rests_is_found_and_over_and_counted_like_all_else() {
    let mut node = Node::new(slower_and_slower());
    node.subscribe(B, 1, &queue("q"), 1);
    for (text, expires) in [("1", None), ("2", Some(50)), ("3", None)] {
        let expires = expires.map(WallMillis);
        node.send_in(
            None,
            &queue("q"),
            Message {
                expires,
                ..message(text)
            },
        );
    }
    let more = |node: &mut Node| {
        node.tell(Input::Credit {
            consumer: crate::ConsumerId { session: B, number: 1 },
            more: 1,
        })
    };
    fail(&mut node);
    more(&mut node);
    fail(&mut node);
    let browse = Subscription {
        credit: 9,
        browse: true,
        ..Subscription::default()
    };
    node.delivered.clear();
    node.subscribe_with(A, 7, &queue("q"), browse);
    assert_eq!(node.texts(), ["1", "2", "3"], "in their places");
    pass(&mut node, 50);
    assert_eq!((node.depth("q"), node.depth("ExpiryQueue")), (2, 1));
    let what = Arrangement::Move {
        from: "q".into(),
        to: "r".into(),
        which: Which::Upto(node.broker.newest()),
    };
    node.tell(Input::Arrange { session: A, what });
    node.subscribe(A, 8, &queue("r"), 9);
    assert_eq!(node.texts(), ["1", "3"], "what was moved begins anew");
    pass(&mut node, 1000);
    assert_eq!(node.texts(), [""; 0]);
}

#[test]
fn a_transaction_gives_back_as_anybody_does() {
    let mut node = Node::new(slower_and_slower());
    node.subscribe(B, 1, &queue("q"), 100);
    node.send(&queue("q"), "m");
    let delivery = node.delivered[0].delivery;
    let (session, transaction) = (B, TransactionId(1));
    node.tell(Input::Begin { session, transaction });
    node.settle_in(B, Some(1), delivery, Outcome::Failed);
    node.tell(Input::Commit { session, transaction });
    assert!(matches!(
        node.written.last(),
        Some((_, Record::Tried { attempts: 1, .. }))
    ));
    node.delivered.clear();
    pass(&mut node, 99);
    assert_eq!(node.texts(), [""; 0]);
    pass(&mut node, 100);
    assert_eq!(node.texts(), ["m"]);
}

/// Very many that rest until the same moment.
#[test]
fn others_are_heard_while_many_come_again() {
    let mut node = Node::new(slower_and_slower());
    let consumer = node.subscribe(B, 1, &queue("q"), 2500);
    (0..2500).for_each(|_| node.send(&queue("q"), "m"));
    let all: Vec<_> = node.delivered.drain(..).map(|one| one.delivery).collect();
    for delivery in all {
        node.settle(B, delivery, Outcome::Failed);
    }
    node.tell(Input::Credit { consumer, more: 2500 });
    node.now = Mono::from_millis(100);
    for came in [1000, 2000, 2500] {
        assert_eq!(node.broker.poll_deadline(), Some(node.now));
        node.broker.on_deadline(node.now);
        node.listen();
        assert_eq!(node.delivered.len(), came);
    }
    assert_eq!(node.broker.poll_deadline(), None);
    // A queue that goes leaves no time behind.
    fail(&mut node);
    let what = Arrangement::DropQueue {
        name: "q".into(),
        if_unused: false,
        if_empty: false,
    };
    node.tell(Input::Arrange { session: A, what });
    pass(&mut node, 200);
    assert_eq!(node.broker.poll_deadline(), None);
}

#[test]
fn what_a_policy_cannot_say_is_refused() {
    let record = |delay, multiplier, max| PolicyRecord {
        name: "p".into(),
        pattern: "#".into(),
        redelivery_delay: delay,
        redelivery_multiplier: multiplier,
        max_redelivery_delay: max,
        ..PolicyRecord::default()
    };
    for (record, says) in [
        (record(None, Some(2000), None), "multiplier is nothing without"),
        (record(None, None, Some(1)), "max-redelivery-delay is nothing without"),
        (record(Some(1), Some(999), None), "from 1 to 1000"),
        (record(Some(1), Some(1_000_001), None), "from 1 to 1000"),
        (record(Some(31_622_400_001), None, None), "366 days"),
        (record(Some(1), None, Some(31_622_400_001)), "366 days"),
    ] {
        let why = crate::broker::check_policy(&record).unwrap_err().to_string();
        assert!(why.contains(says), "{why}");
    }
    assert_eq!(
        crate::broker::check_policy(&record(Some(1), Some(1500), Some(9))),
        Ok(())
    );
}

/// A policy of the pattern alone, and none of the usual one.
#[test]
fn a_policy_says_it_for_its_addresses() {
    let mut node = Node::new(Settings::default());
    let what = Arrangement::SetPolicy(PolicyRecord {
        name: "p".into(),
        pattern: "slow.#".into(),
        redelivery_delay: Some(10),
        ..PolicyRecord::default()
    });
    node.tell(Input::Arrange { session: A, what });
    for (number, name, at_once) in [(1, "slow.q", 0), (2, "q", 1)] {
        node.subscribe(B, number, &queue(name), 2);
        node.send(&queue(name), "m");
        fail(&mut node);
        assert_eq!(node.texts().len(), 1 + at_once, "{name}");
    }
    pass(&mut node, 10);
    assert_eq!(node.texts(), ["m"]);
}
