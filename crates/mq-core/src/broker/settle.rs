//! What becomes of a message after it was handed out, at once or when a transaction commits.

use tandem_time::Mono;

use super::dead::Death;
use super::room::Room;
use super::route::check_target;
use super::session::{Held, Stays, Step, Transaction};
use super::{Broker, Outcome, Publish, Refusal};
use crate::queue::{Entry, Place};
use crate::{ConsumerId, DeliveryId, QueueId, Record, SessionId, TransactionId};

/// A transaction is one record of the journal. With all that is written around its messages it is far below the most that one
/// may be.
const MOST_DEFERRED: usize = 256 << 20;

impl Broker {
    pub(super) fn do_or_defer(&mut self, session: SessionId, in_: Option<TransactionId>, step: Step, now: Mono) {
        let Some(transaction) = in_ else {
            // It would wait for ever for room, and all others behind it.
            if step.on_disk() > self.disk_room {
                return self.refuse(session, Refusal::TooLarge);
            }
            return self.perform(session, step, Room::Asked, now);
        };
        let weight = self.weight_of(&step);
        let most = MOST_DEFERRED.min(self.settings.memory);
        let all = self.deferred + weight;
        let known = self.sessions.get(&session);
        let Some(before) = known
            .and_then(|s| s.transactions.get(&transaction))
            .map(|open| open.weight)
        else {
            return self.refuse(session, Refusal::NoTransaction(transaction));
        };
        if let Step::Send { to, .. } = &step
            && let Err(reason) = check_target(to)
        {
            return self.refuse_and_end(session, reason);
        }
        if before + weight > most || all > self.settings.memory {
            return self.refuse_and_end(session, Refusal::TransactionTooLarge);
        }
        if let Step::Settle(delivery, _) = step {
            match self.held_by(session, delivery).filter(|held| held.settled_by.is_none()) {
                Some(held) => held.settled_by = Some(transaction),
                None => return self.refuse(session, Refusal::NoDelivery),
            }
        }
        let known = self.sessions.get_mut(&session);
        if let Some(open) = known.and_then(|s| s.transactions.get_mut(&transaction)) {
            open.steps.push(step);
            open.weight += weight;
            self.deferred = all;
        }
    }

    /// About what a step needs in memory until the commit, and in its record then.
    fn weight_of(&self, step: &Step) -> usize {
        let more = match step {
            Step::Send { message, .. } | Step::Publish(Publish { message, .. }) => message.weight(),
            // It goes with the message to where the dead go.
            Step::Settle(delivery, Outcome::Rejected | Outcome::Failed) => {
                let consumer = self.deliveries.get(delivery).and_then(|c| self.consumers.get(c));
                let held = consumer.and_then(|c| c.in_flight.get(delivery));
                held.map_or(0, |held| held.entry.message.weight())
            }
            Step::Settle(_, Outcome::Accepted | Outcome::Released) => 0,
        };
        size_of::<Step>() + more
    }

    fn perform(&mut self, session: SessionId, step: Step, room: Room, now: Mono) {
        match step {
            Step::Send {
                to,
                message,
                once: None,
            } => self.publish_once(session, &to, message, room, now),
            // That it came and what it is are one record.
            Step::Send {
                to,
                message,
                once: Some(packet),
            } => self.together(Some(session), |broker| {
                if broker.receive(session, packet) {
                    broker.publish_once(session, &to, message, room, now);
                }
            }),
            Step::Publish(publish) => self.route_once(session, publish, room, now),
            Step::Settle(delivery, outcome) => {
                if !self.settle(session, delivery, outcome, now) {
                    self.refuse(session, Refusal::NoDelivery);
                }
            }
        }
    }

    pub(super) fn begin(&mut self, session: SessionId, transaction: TransactionId) {
        let Some(known) = self.sessions.get_mut(&session) else {
            return;
        };
        if known.transactions.contains_key(&transaction) {
            return self.refuse(session, Refusal::TransactionExists(transaction));
        }
        known.transactions.insert(transaction, Transaction::default());
    }

    /// All of it, as one record: after a crash it has happened as a whole or not at all. What has no room for some of it keeps
    /// all of it from happening.
    pub(super) fn commit(&mut self, session: SessionId, transaction: TransactionId, now: Mono) {
        let known = self.sessions.get_mut(&session);
        let Some(open) = known.and_then(|s| s.transactions.remove(&transaction)) else {
            return self.refuse(session, Refusal::NoTransaction(transaction));
        };
        if let Err(reason) = self.has_room_for(&open.steps) {
            self.abandon(&open, now);
            return self.refuse(session, reason);
        }
        self.deferred -= open.weight;
        self.together(Some(session), |broker| {
            for step in open.steps {
                if let Step::Settle(delivery, _) = step
                    && let Some(held) = broker.held_by(session, delivery)
                {
                    held.settled_by = None;
                }
                broker.perform(session, step, Room::Assured, now);
            }
        });
    }

    pub(super) fn abort(&mut self, session: SessionId, transaction: TransactionId, now: Mono) {
        let known = self.sessions.get_mut(&session);
        let Some(open) = known.and_then(|s| s.transactions.remove(&transaction)) else {
            return self.refuse(session, Refusal::NoTransaction(transaction));
        };
        self.abandon(&open, now);
    }

    /// What a transaction would have settled is the consumer's again; if it has unsubscribed, the queue's.
    pub(super) fn abandon(&mut self, open: &Transaction, now: Mono) {
        self.deferred -= open.weight;
        for step in &open.steps {
            let Step::Settle(delivery, _) = step else { continue };
            let Some(consumer) = self.deliveries.get(delivery).copied() else {
                continue;
            };
            let Some(known) = self.consumers.get_mut(&consumer) else {
                continue;
            };
            if known.stays != Stays::UntilCommitted {
                if let Some(held) = known.in_flight.get_mut(delivery) {
                    held.settled_by = None;
                }
            } else if let Some((queue, held)) = self.let_go(consumer, *delivery) {
                self.conclude(None, queue, held, Outcome::Failed, now);
                self.dispatch(queue);
            }
        }
    }

    /// What a session has in its hands, if it is this session's.
    fn held_by(&mut self, session: SessionId, delivery: DeliveryId) -> Option<&mut Held> {
        let consumer = self.deliveries.get(&delivery).filter(|c| c.session == session)?;
        self.consumers.get_mut(consumer)?.in_flight.get_mut(&delivery)
    }

    /// False when there is no such delivery, or a transaction has settled it.
    fn settle(&mut self, session: SessionId, delivery: DeliveryId, outcome: Outcome, now: Mono) -> bool {
        let free = |held: &mut Held| held.settled_by.is_none();
        if !self.held_by(session, delivery).is_some_and(free) {
            return false;
        }
        let consumer = self.deliveries.get(&delivery).copied();
        let Some((queue, held)) = consumer.and_then(|consumer| self.let_go(consumer, delivery)) else {
            return false;
        };
        self.conclude(Some(session), queue, held, outcome, now);
        self.dispatch(queue);
        true
    }

    /// The consumer no longer holds it.
    pub(super) fn let_go(&mut self, consumer: ConsumerId, delivery: DeliveryId) -> Option<(QueueId, Held)> {
        self.deliveries.remove(&delivery);
        let known = self.consumers.get_mut(&consumer)?;
        let mut held = known.in_flight.remove(&delivery)?;
        let queue = known.queue;
        if let Some(queue) = self.queues.get_mut(&queue) {
            held.entry.outdated = queue.came_in(&held.entry, &mut self.sums);
        }
        self.end_lingering(consumer);
        Some((queue, held))
    }

    pub(super) fn conclude(&mut self, by: Option<SessionId>, queue: QueueId, held: Held, outcome: Outcome, now: Mono) {
        let Held { place, mut entry, .. } = held;
        match outcome {
            Outcome::Accepted => {
                if let Some(queue) = self.queues.get_mut(&queue) {
                    queue.count(&mut self.sums, |counts| &mut counts.acknowledged);
                }
                self.drop_entry(by, queue, &entry);
            }
            Outcome::Released => self.put_back(queue, place, entry, now),
            Outcome::Rejected => self.bury(by, queue, &entry, now),
            Outcome::Failed => {
                entry.attempts = entry.attempts.saturating_add(1);
                let known = self.queues.get(&queue).filter(|queue| queue.counts_attempts());
                let most = known.map_or(0, |queue| queue.policy.max_attempts);
                match most > 0 && entry.attempts >= most {
                    true => self.bury(by, queue, &entry, now),
                    false => self.try_again(by, queue, (place, entry), now),
                }
            }
        }
    }

    pub(super) fn put_back(&mut self, queue: QueueId, place: Place, entry: Entry, now: Mono) {
        let Some(known) = self.queues.get_mut(&queue) else {
            // The queue went while this was out.
            return self.drop_entry(None, queue, &entry);
        };
        if entry.outdated {
            known.count(&mut self.sums, |counts| &mut counts.dropped);
            return self.drop_entry(None, queue, &entry);
        }
        if let Some(at) = entry.expires {
            self.expiries.insert((at.max(now), queue, place));
        }
        let entry = Entry {
            expires: entry.expires.map(|at| at.max(now)),
            again: true,
            ..entry
        };
        known.put_back(place, entry, &mut self.sums);
    }

    /// The queue is done with it.
    pub(super) fn drop_entry(&mut self, by: Option<SessionId>, queue: QueueId, entry: &Entry) {
        self.unweigh(entry.message.weight());
        if entry.stored {
            self.write(Record::Gone { queue, id: entry.id }, by);
        }
    }

    /// To the dead-letter address. Both steps are one record, so that a crash cannot leave it in both places or in none.
    fn bury(&mut self, by: Option<SessionId>, queue: QueueId, entry: &Entry, now: Mono) {
        let Some(known) = self.queues.get_mut(&queue) else {
            return self.drop_entry(by, queue, entry);
        };
        known.count(&mut self.sums, |counts| &mut counts.dead);
        match known.terms.is_some() {
            true => self.dead_letter(by, queue, entry, Death::Rejected, now),
            false => self.move_away(by, queue, entry, Death::Rejected, now),
        }
    }

    pub(super) fn expire(&mut self, queue: QueueId, place: Place, now: Mono) {
        if queue == QueueId::RETAINED {
            return self.expire_retained(place.order);
        }
        let Some(known) = self.queues.get_mut(&queue) else {
            return;
        };
        let Some(entry) = known.take(place, &mut self.sums) else {
            return;
        };
        known.count(&mut self.sums, |counts| &mut counts.expired);
        if known.rules.of_client {
            return self.drop_entry(None, queue, &entry);
        }
        match known.terms.is_some() {
            true => self.dead_letter(None, queue, &entry, Death::Expired, now),
            false => self.move_away(None, queue, &entry, Death::Expired, now),
        }
    }
}
