//! Queues in which a message takes the place of the one that waits and says the same key.

use super::Broker;
use crate::queue::Place;
use crate::{Message, QueueId, Record, SessionId};

impl Broker {
    /// What goes when this comes to these queues.
    pub(super) fn replaced(&self, queues: &[QueueId], message: &Message) -> Vec<(QueueId, Place)> {
        let place = |id: &QueueId| Some((*id, self.queues.get(id)?.replaced_by(message)?));
        queues.iter().filter_map(place).collect()
    }

    pub(super) fn is_stored(&self, queue: QueueId, place: Place) -> bool {
        let entry = self.queues.get(&queue).and_then(|queue| queue.at(place));
        entry.is_some_and(|entry| entry.stored)
    }

    /// That the newer one is there and that the older ones are gone is one record: a crash leaves one of them.
    pub(super) fn replace(&mut self, from: Option<SessionId>, replaced: Vec<(QueueId, Place)>, newer: Option<Record>) {
        self.together(from, |broker| {
            newer.into_iter().for_each(|put| broker.write(put, from));
            for (queue, place) in replaced {
                broker.drop_outdated(from, queue, place);
            }
        });
    }

    fn drop_outdated(&mut self, by: Option<SessionId>, id: QueueId, place: Place) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        let Some(entry) = queue.take(place, &mut self.sums) else {
            return;
        };
        queue.count(&mut self.sums, |counts| &mut counts.dropped);
        if let Some(at) = entry.expires {
            self.expiries.remove(&(at, id, place));
        }
        self.drop_entry(by, id, &entry);
    }

    /// The journal has been read: what was out of date in somebody's hands when the node fell is nobody's now, and what a new
    /// policy says counts for all.
    pub(super) fn drop_all_outdated(&mut self) {
        let ids: Vec<QueueId> = self.queues.keys().copied().collect();
        for id in ids {
            let outdated = self.queues.get_mut(&id).map(|queue| queue.outdated());
            for place in outdated.unwrap_or_default() {
                self.drop_outdated(None, id, place);
            }
        }
    }
}

#[cfg(test)]
mod tests;
