//! Messages that are held until their time. They weigh what others weigh, and those that survive a restart are in the
//! journal as if they were in a queue.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tandem_time::Mono;

use super::room::Room;
use super::{Broker, Target};
use crate::schedule::{Due, Schedule};
use crate::{Kind, Message, MessageId, QueueId, Record, SessionId, WallMillis};

/// What comes again and again waits so long while there is too little room: nobody would hold it back otherwise.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Later {
    messages: BTreeMap<MessageId, Waits>,
    due: BTreeSet<(Mono, MessageId)>,
    weight: usize,
}

#[derive(Debug)]
struct Waits {
    message: Arc<Message>,
    kind: Kind,
    at: Mono,
    stored: bool,
}

impl Later {
    pub(super) fn next(&self) -> Option<Mono> {
        self.due.first().map(|(at, _)| *at)
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    fn insert(&mut self, id: MessageId, waits: Waits) -> Option<Waits> {
        self.due.insert((waits.at, id));
        self.weight += waits.message.weight();
        let before = self.messages.insert(id, waits);
        if let Some(before) = &before {
            self.weight -= before.message.weight();
            if before.at != self.messages[&id].at {
                self.due.remove(&(before.at, id));
            }
        }
        before
    }

    fn remove(&mut self, id: MessageId) -> Option<Waits> {
        let waits = self.messages.remove(&id)?;
        self.due.remove(&(waits.at, id));
        self.weight -= waits.message.weight();
        Some(waits)
    }
}

/// Under which name the journal holds it.
const fn place(kind: Kind) -> QueueId {
    match kind {
        Kind::Anycast => QueueId::LATER_TO_QUEUES,
        Kind::Multicast => QueueId::LATER_TO_TOPICS,
    }
}

impl Broker {
    /// Nobody takes what waits, and nobody can make it go: half of the memory is for what can go on.
    pub(super) fn has_room_later(&self, more: usize) -> bool {
        self.later.weight + more <= self.settings.memory / 2
    }

    /// The message has a schedule, and its address has been looked at.
    pub(super) fn send_later(&mut self, from: Option<SessionId>, kind: Kind, message: Message) {
        let id = self.next_message.take();
        let message = Arc::new(message);
        if message.durable {
            let (queues, message) = (vec![place(kind)], message.clone());
            self.write(Record::Put { id, queues, message }, from);
        }
        self.keep_for_later(id, kind, message);
    }

    fn keep_for_later(&mut self, id: MessageId, kind: Kind, message: Arc<Message>) {
        let wall = message.schedule.as_ref().map_or(0, |schedule| schedule.at.0);
        let weight = message.weight();
        let waits = Waits {
            at: Mono::from_millis(wall.saturating_sub(self.settings.began)),
            kind,
            stored: message.durable,
            message,
        };
        // The journal may say it twice.
        if self.later.insert(id, waits).is_none() {
            self.weigh(weight);
        }
    }

    /// Those whose time has come.
    pub(super) fn later_due(&mut self, now: Mono) {
        let due: Vec<MessageId> = {
            let due = self.later.due.iter().take_while(|(at, _)| *at <= now);
            due.map(|(_, id)| *id).collect()
        };
        for id in due {
            let Some(waits) = self.later.messages.get(&id) else {
                continue;
            };
            let (message, kind) = (waits.message.clone(), waits.kind);
            let Some(schedule) = message.schedule.as_deref() else {
                self.forget_later(id);
                continue;
            };
            let what = schedule.due(self.wall(now));
            match self.held.is_some() && !what.next.is_empty() {
                true => self.postpone(id, now),
                false => self.send_now(id, kind, &message, what, now),
            }
        }
    }

    /// That it has been sent, and what waits from now on, is one record.
    fn send_now(&mut self, id: MessageId, kind: Kind, message: &Message, due: Due, now: Mono) {
        self.together(None, |broker| {
            broker.forget_later(id);
            let with = |schedule: Option<Schedule>| Message {
                schedule: schedule.map(Box::new),
                ..message.clone()
            };
            for next in due.next {
                broker.send_later(None, kind, with(Some(next)));
            }
            if due.is_sent {
                let to = Target {
                    address: (*message.address).into(),
                    kind,
                };
                let message = begins_now(with(None), broker.wall(now));
                // Its sender was told long ago that it is safe.
                broker.publish(None, &to, message, Room::Assured, now);
            }
        });
    }

    fn postpone(&mut self, id: MessageId, now: Mono) {
        if let Some(waits) = self.later.remove(id) {
            let at = now + PAUSE;
            self.later.insert(id, Waits { at, ..waits });
        }
    }

    fn forget_later(&mut self, id: MessageId) {
        let Some(waits) = self.later.remove(id) else {
            return;
        };
        self.unweigh(waits.message.weight());
        if waits.stored {
            let queue = place(waits.kind);
            self.write(Record::Gone { queue, id }, None);
        }
    }

    /// From the journal. False for a queue like any other.
    pub(super) fn replay_later(&mut self, queue: QueueId, id: MessageId, message: &Arc<Message>) -> bool {
        let kind = match queue {
            QueueId::LATER_TO_QUEUES => Kind::Anycast,
            QueueId::LATER_TO_TOPICS => Kind::Multicast,
            _ => return false,
        };
        self.keep_for_later(id, kind, message.clone());
        true
    }

    /// The same of what is gone.
    pub(super) fn replay_later_gone(&mut self, queue: QueueId, id: MessageId) -> bool {
        let is_later = queue.is_later();
        if is_later {
            self.forget_later(id);
        }
        is_later
    }
}

/// Its life, and its time in a queue, do not pass while it waits.
fn begins_now(mut message: Message, now: WallMillis) -> Message {
    let waited = now.0.saturating_sub(message.sent.0);
    message.expires = message.expires.map(|at| WallMillis(at.0.saturating_add(waited)));
    message.sent = now;
    message
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::broker::tests::{A, Node, message, queue, topic};
    use crate::broker::{Arrangement, Declared, Input, Outcome, Refusal, Settings};
    use crate::schedule::{Asked, Cron};
    use crate::{TransactionId, Value};

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
        // There is room again.
        node.passes(60_000);
        node.schedule(None, &queue("q"), "x", asked(60_000, 0, 0));
        assert_eq!(node.broker.figures().scheduled, 1);
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
}
