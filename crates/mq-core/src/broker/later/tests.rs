//! What waits for its time: over restarts, commits and too little room.

use proptest::prelude::*;

use super::*;
use crate::broker::tests::{A, Node, message, queue, topic};
use crate::broker::{Arranged, Arrangement, Declared, Input, Outcome, Refusal, Settings, Thing};
use crate::schedule::{Asked, Cron};
use crate::{Pattern, Rights, TransactionId, Value};

fn asked(delay: u64, period: u64, repeat: i64) -> Asked {
    Asked {
        delay,
        period,
        repeat,
        cron: None,
    }
}

impl Node {
    fn schedule(&mut self, transaction: Option<u64>, to: &Target, text: &str, asked: Asked) {
        let now = WallMillis(self.now.as_millis());
        let message = Message {
            sent: now,
            schedule: Schedule::new(asked, now).unwrap().map(Box::new),
            ..message(text)
        };
        self.send_in(transaction, to, message);
    }

    fn passes(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
        if self.broker.poll_deadline().is_some_and(|at| at <= self.now) {
            self.broker.on_deadline(self.now);
            self.listen();
        }
    }
}

#[test]
fn a_message_comes_when_its_time_has_come_and_also_after_a_restart() {
    for (to, restarts) in [(queue("q"), false), (queue("q"), true), (topic("q"), false)] {
        let mut node = Node::new(Settings::default());
        node.subscribe(A, 1, &to, 9);
        node.schedule(None, &to, "late", asked(500, 0, 0));
        node.send(&to, "at once");
        node.sync(1);
        assert_eq!(node.broker.poll_deadline(), Some(Mono::from_millis(500)));
        node.passes(499);
        assert_eq!(node.texts(), ["at once"]);
        assert_eq!(node.broker.figures().scheduled, 1);
        if restarts {
            let now = node.now;
            node = node.restarted();
            node.now = now;
            node.subscribe(A, 1, &to, 9);
            node.texts();
        }
        node.passes(1);
        assert_eq!(node.texts(), ["late"], "{to:?} {restarts}");
        node.passes(5000);
        assert_eq!((node.texts().len(), node.broker.figures().scheduled), (0, 0));
        assert_eq!(node.restarted().broker.figures().scheduled, 0);
    }
}

#[test]
fn a_series_goes_on_where_it_was_after_a_restart() {
    let mut node = Node::new(Settings::default());
    node.schedule(None, &queue("q"), "again", asked(100, 1000, 3));
    node.passes(100);
    node.passes(1000);
    assert_eq!(node.depth("q"), 2);
    let now = node.now;
    node = node.restarted();
    assert_eq!((node.depth("q"), node.broker.figures().scheduled), (2, 1));
    node.now = now;
    // Down for long: the one that was missed comes late, and the last one a period after it.
    node.passes(60_000);
    assert_eq!(node.depth("q"), 3);
    node.passes(999);
    assert_eq!(node.depth("q"), 3);
    node.passes(1);
    assert_eq!((node.depth("q"), node.broker.figures().scheduled), (4, 0));
}

#[test]
fn a_crontab_goes_on_for_ever() {
    let mut node = Node::new(Settings::default());
    let hourly = Asked {
        cron: Cron::parse("0 * * * *").ok(),
        ..Asked::default()
    };
    node.schedule(None, &queue("q"), "bell", hourly);
    for hour in 1..=30 {
        node.passes(3_600_000);
        assert_eq!((node.depth("q"), node.broker.figures().scheduled), (hour, 1));
    }
}

/// A life of its own and the limit of its queue, each a second long; it waits for longer than that.
#[test]
fn what_has_waited_lives_as_long_as_what_is_sent_at_once() {
    for (own, of_queue) in [(Some(1000), None), (None, Some(1000))] {
        for restarts in [false, true] {
            let mut node = Node::new(Settings {
                began: 5_000_000,
                ..Settings::default()
            });
            let arguments = of_queue.map(|ttl| ("x-message-ttl".into(), Value::Int(ttl)));
            node.tell(Input::Arrange {
                session: A,
                what: Arrangement::Queue {
                    name: "q".into(),
                    declared: Declared {
                        durable: true,
                        arguments: arguments.into_iter().collect(),
                        ..Declared::default()
                    },
                },
            });
            let sent = WallMillis(5_000_000);
            let message = Message {
                sent,
                expires: own.map(|life| WallMillis(sent.0 + life)),
                schedule: Schedule::new(asked(7000, 9000, 1), sent).unwrap().map(Box::new),
                ..message("late")
            };
            node.send_in(None, &queue("q"), message);
            for due in [7000, 16_000] {
                if restarts {
                    let now = node.now;
                    node = node.restarted();
                    node.now = now;
                }
                let passed = due - node.now.as_millis();
                node.passes(passed);
                assert_eq!(node.depth("q"), 1, "{own:?} {of_queue:?} {restarts} {due}");
                node.passes(999);
                assert_eq!(node.depth("q"), 1, "{own:?} {of_queue:?} {restarts} {due}");
                node.passes(1);
                assert_eq!(node.depth("q"), 0, "{own:?} {of_queue:?} {restarts} {due}");
            }
        }
    }
}

#[test]
fn a_transaction_schedules_when_it_commits() {
    let mut node = Node::new(Settings::default());
    let transaction = TransactionId(7);
    for (ends, scheduled) in [
        (
            Input::Abort {
                session: A,
                transaction,
            },
            0,
        ),
        (
            Input::Commit {
                session: A,
                transaction,
            },
            1,
        ),
    ] {
        node.tell(Input::Begin {
            session: A,
            transaction,
        });
        node.schedule(Some(7), &queue("q"), "late", asked(100, 0, 0));
        node.tell(ends);
        assert_eq!(node.broker.figures().scheduled, scheduled);
    }
}

/// Nobody could hold it back otherwise: it has no sender that waits.
#[test]
fn what_comes_again_and_again_does_not_fill_the_memory() {
    let mut node = Node::new(Settings {
        memory: 20_000,
        ..Settings::default()
    });
    node.schedule(None, &queue("q"), &"x".repeat(1000), asked(0, 1000, -1));
    for _ in 0..1000 {
        node.passes(1000);
    }
    let depth = node.depth("q");
    assert!((5..30).contains(&depth), "{depth}");
    // There is room again, and it goes on.
    node.subscribe(A, 1, &queue("q"), 1000);
    let held: Vec<_> = node.delivered.drain(..).map(|delivery| delivery.delivery).collect();
    held.into_iter()
        .for_each(|delivery| node.settle(A, delivery, Outcome::Accepted));
    node.passes(1000);
    assert_eq!(node.texts().len(), 1);
}

/// Those who send what is to go at once are not held back by what waits.
#[test]
fn what_waits_takes_half_of_the_memory_at_most() {
    let mut node = Node::new(Settings {
        memory: 20_000,
        ..Settings::default()
    });
    for _ in 0..30 {
        node.schedule(None, &queue("q"), &"x".repeat(1000), asked(60_000, 0, 0));
    }
    let waits = node.broker.figures().scheduled;
    assert!((4..10).contains(&waits), "{waits}");
    assert_eq!(node.refused.len(), 30 - waits);
    assert!(node.refused.iter().all(|why| *why == Refusal::TooMuchLater));
    assert_eq!(node.holds, [] as [bool; 0]);
    // As a whole or not at all.
    let transaction = TransactionId(7);
    node.tell(Input::Begin {
        session: A,
        transaction,
    });
    node.schedule(Some(7), &queue("q"), &"x".repeat(1000), asked(60_000, 0, 0));
    node.send_in(Some(7), &queue("q"), message("with it"));
    node.tell(Input::Commit {
        session: A,
        transaction,
    });
    assert_eq!((node.depth("q"), node.broker.figures().scheduled), (0, waits));
    assert_eq!(node.refused.last(), Some(&Refusal::TooMuchLater));
    // There is room again.
    node.passes(60_000);
    node.schedule(None, &queue("q"), "x", asked(60_000, 0, 0));
    assert_eq!(node.broker.figures().scheduled, 1);
}

/// That it has been sent, and what waits from now on, is one record: wherever the journal ends, all times are there.
#[test]
fn a_crash_at_any_record_loses_no_time_and_adds_none() {
    for (asked, times) in [(asked(100, 0, 0), 1), (asked(100, 1000, 4), 5)] {
        let mut node = Node::new(Settings::default());
        node.schedule(None, &queue("q"), "late", asked);
        for _ in 0..100 {
            node.passes(100);
        }
        assert_eq!(node.depth("q"), times);
        let first = node
            .written
            .iter()
            .position(|(_, record)| matches!(record, Record::Put { .. }));
        for written in first.expect("it was stored") + 1..=node.written.len() {
            let fell = node.fell_at(written);
            let to_come = |waits: &Waits| 1 + waits.message.schedule.as_ref().map_or(0, |s| s.asked.repeat as usize);
            let waits: usize = fell.broker.later.messages.values().map(to_come).sum();
            assert_eq!(fell.depth("q") + waits, times, "after {written} of {:?}", node.written);
        }
    }
}

/// It was handed out before that was on disk, perhaps; what comes after it was not.
#[test]
fn what_may_have_been_sent_before_a_crash_says_so() {
    for (back_at, told) in [(50, [false, false]), (100, [true, false])] {
        let mut node = Node::new(Settings::default());
        node.schedule(None, &queue("q"), "late", asked(100, 1000, 1));
        let stored = node.written.len();
        node.subscribe(A, 1, &queue("q"), 9);
        node.passes(100);
        assert_eq!(node.delivered.len(), 1);
        let mut node = node.fell(stored, Mono::from_millis(back_at));
        node.subscribe(A, 1, &queue("q"), 9);
        node.passes(100 - back_at);
        node.passes(1000);
        let heard: Vec<bool> = node.delivered.iter().map(|delivery| delivery.redelivered).collect();
        assert_eq!(heard, told, "back at {back_at}");
    }
}

proptest! {
    /// Whatever is sent and whenever the node falls: each comes as often as it should, never early, and once for each time.
    #[test]
    fn nothing_is_early_and_nothing_is_lost_over_crashes(
        sent in prop::collection::vec((1..2000u64, 0..500u64, 0..4i64), 1..12),
        steps in prop::collection::vec((1..400u64, any::<bool>()), 1..30),
    ) {
        let mut node = Node::new(Settings::default());
        for (at, (delay, period, repeat)) in sent.iter().enumerate() {
            node.schedule(None, &queue("q"), &at.to_string(), asked(*delay, *period, *repeat));
        }
        let first = |(delay, ..): &(u64, u64, i64)| *delay;
        for (millis, falls) in steps {
            if falls {
                let now = node.now;
                node = node.restarted();
                node.now = now;
            }
            node.passes(millis);
            let due = sent.iter().filter(|one| first(one) <= node.now.as_millis()).count();
            let all: usize = sent.iter().map(|(_, _, repeat)| *repeat as usize + 1).sum();
            let depth = node.depth("q");
            prop_assert!((due..=all).contains(&depth), "{} of {}..{}", depth, due, all);
            let most = |(delay, period, repeat): &(u64, u64, i64)| match node.now.as_millis().checked_sub(*delay) {
                Some(since) => (since / period.max(&1)).min(*repeat as u64) as usize + 1,
                None => 0,
            };
            prop_assert!(depth <= sent.iter().map(most).sum(), "{} is early", depth);
            if due == 0 {
                prop_assert_eq!(depth, 0);
            }
        }
        for _ in 0..2000 {
            node.passes(500);
        }
        let all: usize = sent.iter().map(|(_, _, repeat)| *repeat as usize + 1).sum();
        prop_assert_eq!(node.depth("q"), all);
        prop_assert_eq!(node.broker.figures().scheduled, 0);
    }
}

fn every_minute(delay: u64, period: u64, repeat: i64) -> Asked {
    Asked {
        cron: Cron::parse("* * * * *").ok(),
        ..asked(delay, period, repeat)
    }
}

impl Node {
    /// Whoever takes from it is as fast as can be, and so is the disk.
    fn consumes(&mut self) -> usize {
        self.store_all();
        let taken: Vec<_> = self.delivered.drain(..).map(|delivery| delivery.delivery).collect();
        let count = taken.len();
        taken
            .into_iter()
            .for_each(|delivery| self.settle(A, delivery, Outcome::Accepted));
        count
    }
}

/// What one crontab holds at the same time counts when it is sent, and not only when it is there.
#[test]
fn a_crontab_has_room_for_all_its_series_or_is_refused() {
    let mut node = Node::new(Settings {
        memory: 20_000,
        ..Settings::default()
    });
    let text = "x".repeat(1000);
    node.schedule(None, &queue("q"), &text, every_minute(0, 60_000, 58));
    assert_eq!(node.refused, [Refusal::TooMuchLater]);
    // One after the other: each is over when the next begins.
    node.schedule(None, &queue("q"), &text, every_minute(0, 10_000, 4));
    assert_eq!(node.broker.figures().scheduled, 1);
    node.subscribe(A, 1, &queue("q"), 1000);
    for minute in 0..100 {
        for _ in 0..6 {
            node.passes(10_000);
        }
        let taken = node.consumes();
        assert!(minute < 2 || taken == 5, "{taken} in minute {minute}");
        assert_eq!(node.broker.figures().held, None);
    }
}

/// What its series take was counted when it came.
#[test]
fn what_a_crontab_takes_counts_once() {
    let mut node = Node::new(Settings {
        memory: 20_000,
        ..Settings::default()
    });
    node.subscribe(A, 1, &queue("q"), 1000);
    let text = "x".repeat(3000);
    node.schedule(None, &queue("q"), &text, every_minute(0, 10_000, 4));
    for second in 0..130 {
        if [59, 61, 115].contains(&second) {
            node.schedule(None, &queue("r"), &"x".repeat(2000), asked(1000, 0, 0));
        }
        node.passes(1000);
        node.consumes();
    }
    assert_eq!((node.refused.as_slice(), node.depth("r")), (&[][..], 3));
}

/// The name that they go to is part of what they weigh.
#[test]
fn a_transaction_of_small_messages_for_a_long_name_is_weighed_with_it() {
    let mut node = Node::new(Settings {
        memory: 20_000,
        ..Settings::default()
    });
    let transaction = TransactionId(7);
    node.tell(Input::Begin {
        session: A,
        transaction,
    });
    for _ in 0..20 {
        node.schedule(Some(7), &queue(&"n".repeat(1000)), "x", asked(60_000, 0, 0));
    }
    node.tell(Input::Commit {
        session: A,
        transaction,
    });
    assert_eq!(node.refused, [Refusal::TooMuchLater]);
    assert_eq!(node.broker.figures().scheduled, 0);
}

/// It was taken when there was more memory, or by a version that counted otherwise.
#[test]
fn what_waits_never_holds_back_those_who_send_also_over_restarts() {
    let ever = asked(0, 60_000, -1);
    for (what, asked) in [("crontab", every_minute(0, 60_000, 58)), ("series", ever)] {
        let mut node = Node::new(Settings::default());
        let count = if what == "series" { 30 } else { 1 };
        for _ in 0..count {
            node.schedule(None, &queue("q"), &"x".repeat(1000), asked.clone());
        }
        assert_eq!(node.refused, []);
        node.broker.settings.memory = 20_000;
        for restart in 0..2 {
            let now = node.now;
            node = node.restarted();
            node.now = now;
            node.subscribe(A, 1, &queue("q"), 100_000);
            let mut taken = 0;
            for _ in 0..200 {
                node.passes(60_000);
                taken += node.consumes();
            }
            assert_eq!(node.broker.figures().held, None, "{what} {restart}");
            assert!(taken > 200, "{taken} of the {what} {restart}");
        }
    }
}

/// While there is no room, series go on more slowly than they should, and each minute another one would begin.
#[test]
fn series_that_are_held_up_do_not_become_more_and_more() {
    let mut node = Node::new(Settings {
        memory: 20_000,
        ..Settings::default()
    });
    node.schedule(None, &queue("q"), &"x".repeat(1000), every_minute(0, 1000, 50));
    for minute in 0..200 {
        // There is room for a moment only.
        node.send(&queue("full"), &"x".repeat(19_000));
        for _ in 0..59 {
            node.passes(1000);
        }
        let what = Arrangement::DropQueue {
            name: "full".into(),
            if_unused: false,
            if_empty: false,
        };
        node.tell(Input::Arrange { session: A, what });
        let what = Arrangement::DropQueue {
            name: "q".into(),
            if_unused: false,
            if_empty: false,
        };
        node.tell(Input::Arrange { session: A, what });
        node.passes(1000);
        let figures = node.broker.figures();
        assert!(figures.scheduled < 9, "{figures:?} in minute {minute}");
    }
    let (omitted, said) = (node.broker.figures().omitted, node.omitted);
    assert!(omitted > said as u64 && said > 0, "{said} of {omitted}");
}

/// One that has room says nothing of another one that has none.
#[test]
fn each_crontab_without_room_says_so_once() {
    let mut node = Node::new(Settings::default());
    for size in [100, 5500] {
        node.schedule(None, &queue("q"), &"x".repeat(size), every_minute(0, 1000, 1));
    }
    node.broker.settings.memory = 20_000;
    for _ in 0..10 {
        node.passes(60_000);
    }
    assert_eq!(node.omitted, 1);
}

#[test]
fn what_waits_is_seen_and_taken_back_by_those_who_may_read_where_it_goes() {
    let mut node = Node::new(Settings::default());
    node.schedule(None, &queue("a.x"), "1", asked(500, 0, 0));
    node.schedule(None, &topic("b"), "2", asked(100, 1000, -1));
    node.schedule(None, &queue("a.y"), "3", asked(700, 0, 0));
    let reads = |patterns: &[&str]| Rights {
        read: patterns.iter().map(|text| Pattern::new(text)).collect(),
        ..Rights::default()
    };
    let seen = |node: &Node, rights: &Rights| {
        let first = node.broker.list_later(rights, None, 1);
        let rest = node.broker.list_later(rights, first.next, 9);
        assert_eq!(rest.next, None);
        let all = first.rows.into_iter().chain(rest.rows);
        all.map(|view| (view.id, view.at.0)).collect::<Vec<_>>()
    };
    let all = seen(&node, &Rights::everything());
    assert_eq!(all.iter().map(|(_, at)| *at).collect::<Vec<_>>(), [500, 100, 700]);
    assert_eq!(seen(&node, &reads(&["a.#"])), [all[0], all[2]]);
    let cancel = |node: &mut Node, id| {
        let what = Arrangement::CancelLater(id);
        node.tell(Input::Arrange { session: A, what });
    };
    for (id, _) in [all[0], all[1]] {
        cancel(&mut node, id);
    }
    assert_eq!(node.arranged, [Arranged::Count(1); 2]);
    let mut node = node.restarted();
    assert_eq!(node.broker.figures().scheduled, 1);
    // One that may not be read is as one that is not there.
    node.tell(Input::Admit {
        connection: A.connection(),
        rights: Arc::new(reads(&["b"])),
    });
    cancel(&mut node, all[2].0);
    let missing = Refusal::Missing(Thing::Schedule, all[2].0.0.to_string().into());
    assert_eq!(
        (node.refused.as_slice(), node.broker.figures().scheduled),
        (&[missing][..], 1)
    );
}
