//! Whether all that a commit brings finds room, asked before any of it is done: nothing of what is done can be taken back.

use std::collections::BTreeMap;

use super::exchange::TOPICS;
use super::session::Step;
use super::{Broker, Publish, Target};
use crate::queue::Filling;
use crate::{Kind, Message, QueueId};

/// Whether it is known already that there is room for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// A queue that has none rejects it.
    Asked,
    /// The whole commit has been looked at.
    Assured,
}

/// What of a commit has been looked at.
struct Looking<'a> {
    broker: &'a Broker,
    /// How often it was the turn of a queue of an address.
    turns: BTreeMap<&'a str, usize>,
    /// Queues that reject what they have no room for.
    filling: BTreeMap<QueueId, Filling>,
}

impl Broker {
    pub(super) fn has_room_for(&self, steps: &[Step]) -> bool {
        let mut looking = Looking {
            broker: self,
            turns: BTreeMap::new(),
            filling: BTreeMap::new(),
        };
        steps.iter().all(|step| looking.fits(step))
    }

    /// How many messages are handed out as they come.
    fn hands(&self, id: QueueId) -> usize {
        let Some(queue) = self.queues.get(&id).filter(|queue| queue.depth() == 0) else {
            return 0;
        };
        let consumers = queue
            .active()
            .iter()
            .filter_map(|id| Some((id, self.consumers.get(id)?)));
        let credit = consumers
            // What one that chooses will take is known only when it comes.
            .filter(|(_, consumer)| consumer.browse.is_none() && consumer.selector.is_none())
            .map(|(id, consumer)| {
                let own = if consumer.unlimited { u32::MAX } else { consumer.credit };
                let session = self.sessions.get(&id.session).filter(|_| consumer.pooled);
                let pool = session.map_or(i64::MAX, |session| session.pool.credit.max(0));
                usize::try_from(i64::from(own).min(pool)).unwrap_or(usize::MAX)
            });
        credit.fold(0, usize::saturating_add)
    }
}

impl<'a> Looking<'a> {
    /// A queue that a commit gives something back to, or where its dead go, rejects nothing of that.
    fn fits(&mut self, step: &'a Step) -> bool {
        match step {
            Step::Send { to, message, .. } => self.send(to, message),
            Step::Publish(Publish {
                exchange, key, message, ..
            }) => {
                let queues = self.broker.bound(exchange, key, message);
                // No matter which one it is that rejects it.
                queues.into_iter().all(|queue| self.takes(queue, message))
            }
            Step::Settle(..) => true,
        }
    }

    fn send(&mut self, to: &'a Target, message: &Message) -> bool {
        if to.kind == Kind::Multicast {
            // A topic is not full because one of those is that it is for.
            for queue in self.broker.bound(TOPICS, &to.address, message) {
                self.takes(queue, message);
            }
            return true;
        }
        let Some(address) = self.broker.addresses.get(&*to.address) else {
            return true;
        };
        let turns = self.turns.entry(&to.address).or_default();
        *turns += 1;
        let queue = address.after(*turns).and_then(|turn| address.anycast.get(turn));
        queue.is_none_or(|queue| self.takes(*queue, message))
    }

    fn takes(&mut self, id: QueueId, message: &Message) -> bool {
        let broker = self.broker;
        let Some(queue) = broker.queues.get(&id).filter(|queue| queue.rejects().is_some()) else {
            return true;
        };
        let filling = self.filling.entry(id).or_insert_with(|| Filling::new(broker.hands(id)));
        filling.takes(queue, message)
    }
}
