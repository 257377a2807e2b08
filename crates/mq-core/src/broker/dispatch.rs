//! From queues to consumers: in turn, as far as their credit goes.

use std::sync::Arc;

use super::session::Held;
use super::{Broker, Delivery, Output};
use crate::queue::{Entry, Place};
use crate::{ConsumerId, QueueId};

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

    /// Hands out what can be handed out.
    pub(super) fn dispatch(&mut self, id: QueueId) {
        loop {
            let Some(queue) = self.queues.get_mut(&id) else {
                return;
            };
            let Some(place) = queue.first() else { return };
            let consumers = &self.consumers;
            let may = |c| consumers.get(&c).is_some_and(|c| c.credit > 0 && c.browse.is_none());
            let Some(consumer) = queue.choose(may) else {
                return;
            };
            let Some(entry) = queue.take(place) else { return };
            queue.in_flight += 1;
            self.hand_out(id, consumer, place, entry);
        }
    }

    fn hand_out(&mut self, queue: QueueId, consumer: ConsumerId, place: Place, entry: Entry) {
        if let Some(at) = entry.expires {
            self.expiries.remove(&(at, queue, place));
        }
        let delivery = self.next_delivery.take();
        self.say_delivery(queue, consumer, delivery, &entry);
        let Some(known) = self.consumers.get_mut(&consumer) else {
            return;
        };
        known.credit -= 1;
        let held = Held {
            place,
            entry,
            settled_by: None,
        };
        known.in_flight.insert(delivery, held);
        self.deliveries.insert(delivery, consumer);
    }

    fn say_delivery(&mut self, queue: QueueId, consumer: ConsumerId, delivery: crate::DeliveryId, entry: &Entry) {
        let address = self
            .queues
            .get(&queue)
            .map_or_else(|| Arc::from(""), |q| q.address.clone());
        self.outputs.push_back(Output::Deliver(Delivery {
            consumer,
            delivery,
            id: entry.id,
            address,
            message: entry.message.clone(),
            attempts: entry.attempts,
            redelivered: entry.again,
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
        let Some(queue) = self.queues.get(&id).filter(|_| !browse.done) else {
            return;
        };
        let unseen = queue
            .waiting()
            .filter(|(place, _)| seen.is_none_or(|seen| *place > seen));
        let page: Vec<(Place, Entry)> = unseen
            .take(credit)
            .map(|(place, entry)| (place, entry.clone()))
            .collect();
        let done = page.len() < credit;
        for (_, entry) in &page {
            let delivery = self.next_delivery.take();
            self.say_delivery(id, consumer, delivery, entry);
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
