//! From queues to consumers: in turn, as far as their credit goes.

use super::session::{Consumer, Held, Packet};
use super::{Broker, Delivery, Output};
use crate::queue::{Able, Entry, Place};
use crate::{ConsumerId, DeliveryId, QueueId, SessionId};

/// So many messages of groups whose consumer is busy are passed at a time, so that each look has an end.
const MOST_PASSED: usize = 1000;

impl Broker {
    pub(super) fn credit(&mut self, consumer: ConsumerId, more: u32) {
        let Some(known) = self.consumers.get_mut(&consumer) else {
            return;
        };
        known.credit = known.credit.saturating_add(more);
        let queue = known.queue;
        match known.browse {
            Some(_) => self.browse(consumer),
            None => self.dispatch(queue),
        }
    }

    /// What could be handed out has been; the rest of the credit is taken back.
    pub(super) fn drain(&mut self, consumer: ConsumerId) {
        if let Some(known) = self.consumers.get_mut(&consumer) {
            let left = std::mem::take(&mut known.credit);
            self.outputs.push_back(Output::Drained { consumer, left });
        }
    }

    /// More for a named client. Queues that waited for that take turns.
    pub(super) fn window(&mut self, session: SessionId, more: u32) {
        let Some(known) = self.sessions.get_mut(&session) else {
            return;
        };
        known.pool.credit = known.pool.credit.saturating_add(i64::from(more));
        while let Some(known) = self.sessions.get_mut(&session).filter(|known| known.pool.credit > 0) {
            let Some(queue) = known.pool.starved.pop_front() else {
                return;
            };
            for consumer in known.consumers.clone() {
                if let Some(consumer) = self.consumers.get_mut(&consumer).filter(|c| c.queue == queue) {
                    consumer.starves = false;
                }
            }
            self.dispatch(queue);
        }
    }

    /// Hands out what can be handed out.
    pub(super) fn dispatch(&mut self, id: QueueId) {
        if let Some(queue) = self.queues.get_mut(&id) {
            queue.look_at_all();
        }
        self.dispatch_new(id);
    }

    /// The same when something has come, and nothing else is different: what nobody could take is not looked at again.
    pub(super) fn dispatch_new(&mut self, id: QueueId) {
        let room = self.room_for_passing();
        // Nobody wants anything of what has been passed over so far.
        let mut unwanted = self.queues.get(&id).is_some_and(|queue| !queue.is_stuck());
        let mut passed = 0;
        while let Some(queue) = self.queues.get_mut(&id) {
            let Some((place, message)) = queue.next() else {
                return self.starve(id);
            };
            if !queue.is_handed(&message, room) {
                return;
            }
            let (consumers, sessions) = (&self.consumers, &self.sessions);
            let wants = |id: ConsumerId| {
                consumers
                    .get(&id)
                    .is_some_and(|c| c.browse.is_none() && c.wants(&message))
            };
            let has_credit = |id: ConsumerId| {
                let pool = || sessions.get(&id.session).map_or(0, |session| session.pool.credit);
                let credit = |c: &Consumer| c.room() != Some(0) && (!c.pooled || pool() > 0);
                consumers.get(&id).is_some_and(credit)
            };
            let group = queue.group_of(&message);
            let able = Able {
                wants,
                may: |id| has_credit(id) && wants(id),
            };
            if let Some(consumer) = queue.choose(group, &able) {
                let Some(entry) = queue.take(place, &mut self.sums) else {
                    return;
                };
                queue.went_out(&entry, &mut self.sums);
                self.hand_out(id, consumer, place, entry, None);
                continue;
            }
            passed += usize::from(group.is_some());
            let others = || queue.active().iter().any(|id| has_credit(*id));
            let goes_on = queue.is_selective() || group.is_some() && passed <= MOST_PASSED && others();
            if !goes_on {
                return self.starve(id);
            }
            unwanted &= !queue.consumers().iter().any(|id| wants(*id));
            if unwanted {
                queue.pass_over(place);
            }
            queue.pass(place);
        }
    }

    /// Its pooled consumers are told when there is credit again.
    fn starve(&mut self, id: QueueId) {
        let waiting = self.queues.get(&id).map(|queue| queue.consumers()).unwrap_or_default();
        for consumer in waiting {
            let Some(known) = self.consumers.get_mut(consumer).filter(|c| c.pooled && !c.starves) else {
                continue;
            };
            // Whoever has reached a limit of its own is looked at when that changes.
            if let Some(session) = self.sessions.get_mut(&consumer.session).filter(|s| s.pool.credit <= 0) {
                known.starves = true;
                session.pool.starved.push_back(id);
            }
        }
    }

    /// The client may know it already, by a number.
    pub(super) fn hand_out(
        &mut self,
        queue: QueueId,
        consumer: ConsumerId,
        place: Place,
        entry: Entry,
        packet: Option<Packet>,
    ) -> DeliveryId {
        if let Some(at) = entry.expires {
            self.expiries.remove(&(at, queue, place));
        }
        let delivery = self.next_delivery.take();
        if let Some(known) = self.queues.get_mut(&queue) {
            known.count(&mut self.sums, |counts| &mut counts.delivered);
        }
        self.say_delivery(queue, consumer, delivery, &entry, packet.map(|packet| packet.number));
        let Some(known) = self.consumers.get_mut(&consumer) else {
            return delivery;
        };
        if !known.unlimited {
            known.credit = known.credit.saturating_sub(1);
        }
        if known.pooled
            && let Some(session) = self.sessions.get_mut(&consumer.session)
        {
            // What comes again comes also when there is none; that is no debt.
            let credit = session.pool.credit;
            session.pool.credit = (credit - 1).max(credit.min(0));
        }
        let held = Held {
            place,
            entry,
            settled_by: None,
            packet,
        };
        known.in_flight.insert(delivery, held);
        self.deliveries.insert(delivery, consumer);
        delivery
    }

    fn say_delivery(
        &mut self,
        queue: QueueId,
        consumer: ConsumerId,
        delivery: DeliveryId,
        entry: &Entry,
        packet: Option<u16>,
    ) {
        // Where it was sent, which a subscription with holes does not say.
        let sent_to = Some(&entry.message.address).filter(|address| !address.is_empty());
        let own = || self.queues.get(&queue).map(|queue| queue.address.clone());
        let address = sent_to.cloned().or_else(own).unwrap_or_default();
        self.outputs.push_back(Output::Deliver(Delivery {
            consumer,
            delivery,
            id: entry.id,
            address,
            message: entry.message.clone(),
            attempts: entry.attempts,
            redelivered: entry.again,
            packet,
        }));
    }

    /// Shows a browser what waits, from where it stopped; at the end it is told so once.
    pub(super) fn browse(&mut self, consumer: ConsumerId) {
        let Some(known) = self.consumers.get(&consumer) else {
            return;
        };
        let (Some(browse), id) = (&known.browse, known.queue) else {
            return;
        };
        let (seen, credit) = (browse.seen, known.credit as usize);
        if browse.done {
            return;
        }
        // It may have gone because it was empty.
        let waiting = self.queues.get(&id).into_iter().flat_map(|queue| queue.waiting(seen));
        let unseen = waiting.filter(|(_, entry)| known.wants(&entry.message));
        let page: Vec<(Place, Entry)> = unseen
            .take(credit)
            .map(|(place, entry)| (place, entry.clone()))
            .collect();
        let done = page.len() < credit;
        for (_, entry) in &page {
            let delivery = self.next_delivery.take();
            self.say_delivery(id, consumer, delivery, entry, None);
        }
        let Some(known) = self.consumers.get_mut(&consumer) else {
            return;
        };
        known.credit -= u32::try_from(page.len()).unwrap_or(known.credit);
        if let Some(browse) = &mut known.browse {
            browse.seen = page.last().map(|(place, _)| *place).or(browse.seen);
            browse.done = done;
        }
        if done {
            self.outputs.push_back(Output::Browsed { consumer });
        }
    }
}
