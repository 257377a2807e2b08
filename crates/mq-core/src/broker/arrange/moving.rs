//! Messages from one queue to another. That one is gone here and there is one record, so that a crash leaves each of them in
//! one of the two.

use std::sync::Arc;

use tandem_time::Mono;

use super::{Answer, Arranged, Which};
use crate::broker::room::Seen;
use crate::broker::route::check_name;
use crate::broker::{Broker, MOST_THINGS, Refusal, Thing};
use crate::destination::is_ours;
use crate::queue::{Filling, Place, Queue};
use crate::{Kind, Message, QueueId, SessionId};

/// What one request moves at most: the first that is there, and so much with it.
const MOST_MESSAGES: usize = 1000;
const MOST_BYTES: usize = 4 << 20;

impl Broker {
    pub(super) fn shift(&mut self, session: SessionId, from: &str, to: &str, which: &Which, now: Mono) -> Answer {
        let source = self.open_queue(session, from)?;
        check_name(to)?;
        let no = |why| Err(Refusal::Name(to.chars().take(64).collect(), why));
        if from == to {
            return no("that is where the messages are");
        }
        let lasts = self.queues.get(&source).is_some_and(|queue| queue.durable);
        let target = match self.names.find(Kind::Anycast, to) {
            Some(_) => Some(self.open_queue(session, to)?),
            None if is_ours(to) => return Err(Refusal::Missing(Thing::Queue, to.into())),
            None if self.queues.len() >= MOST_THINGS => return Err(Refusal::TooMany(Thing::Queue)),
            None => None,
        };
        let target_lasts = target.is_none_or(|id| self.queues.get(&id).is_some_and(|queue| queue.durable));
        if lasts && !target_lasts {
            return no("it does not last as long as the queue where the messages are");
        }
        let places = self.chosen(source, which);
        if places.is_empty() {
            return Ok(Arranged::Count(0));
        }
        self.together(Some(session), |broker| {
            let target = target.unwrap_or_else(|| broker.make_queue(to, to, Kind::Anycast, true));
            let mut count = 0;
            for place in places {
                if !broker.shift_one(session, (source, place), target, now) {
                    break;
                }
                count += 1;
            }
            match count {
                0 => Err(Refusal::Full),
                count => Ok(Arranged::Count(count)),
            }
        })
    }

    fn chosen(&self, source: QueueId, which: &Which) -> Vec<Place> {
        let Some(queue) = self.queues.get(&source) else {
            return Vec::new();
        };
        let mut bytes = 0;
        let mut fits = |weight: usize| {
            bytes += weight;
            bytes == weight || bytes <= MOST_BYTES
        };
        match which {
            Which::First(most) => {
                let first = queue.waiting(None).take(MOST_MESSAGES.min(*most));
                first
                    .take_while(|(_, entry)| fits(entry.message.weight()))
                    .map(|(place, _)| place)
                    .collect()
            }
            Which::These(ids) => {
                let known = ids.iter().take(MOST_MESSAGES).filter_map(|id| queue.find(*id));
                known.take_while(|place| fits(queue.weight_at(*place))).collect()
            }
        }
    }

    /// False when there is no room for it, and then it stays.
    fn shift_one(&mut self, session: SessionId, (source, place): (QueueId, Place), target: QueueId, now: Mono) -> bool {
        // Neither may another one go for it.
        let is_full = |queue: &Queue| queue.is_full(&Filling::default());
        if self.queues.get(&target).is_none_or(is_full) {
            return false;
        }
        let Some(entry) = self.queues.get_mut(&source).and_then(|queue| queue.take(place)) else {
            return true;
        };
        if let Some(at) = entry.expires {
            self.expiries.remove(&(at, source, place));
        }
        self.drop_entry(Some(session), source, &entry);
        let address = self.queues.get(&target).map(|queue| queue.address.clone());
        let message = Message {
            address: address.unwrap_or_default(),
            routed: None,
            ..Message::clone(&entry.message)
        };
        self.deliver_to(
            Some(session),
            vec![target],
            Arc::new(message),
            Seen::of(entry.again),
            now,
        );
        true
    }
}
