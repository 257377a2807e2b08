//! Messages from one queue to another. That one is gone here and there is one record, so that a crash leaves each of them in
//! one of the two.

use std::collections::BTreeSet;
use std::sync::Arc;

use tandem_time::Mono;

use super::{Answer, Arranged, Which};
use crate::broker::part::Part;
use crate::broker::room::Seen;
use crate::broker::route::check_name;
use crate::broker::{Broker, Refusal, Thing};
use crate::destination::is_ours;
use crate::queue::{Entry, Filling, Limits, Place, Queue};
use crate::{Kind, Message, QueueId, SessionId};

/// No look counts further: all others wait for it.
const MOST_COUNTED: usize = 100_000;

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
            None => {
                self.may_make_queues(1)?;
                None
            }
        };
        let target_lasts = target.is_none_or(|id| self.queues.get(&id).is_some_and(|queue| queue.durable));
        if lasts && !target_lasts {
            return no("it does not last as long as the queue where the messages are");
        }
        let places = self.chosen(source, which);
        let Some(first) = places.first() else {
            return Ok(Arranged::Count(0));
        };
        if target.is_none() && !self.would_take(to, (source, *first)) {
            return Err(Refusal::Full);
        }
        self.together(Some(session), |broker| {
            let target = target.unwrap_or_else(|| {
                let made = broker.make_queue(to, to, Kind::Anycast, true);
                broker.touch(made, now);
                made
            });
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
        let mut part = Part::default();
        let fits = |place: &Place| part.takes(queue.at(*place).map_or(0, |entry| entry.message.weight()));
        named(queue, which).take_while(fits).collect()
    }

    /// How many of them wait.
    pub fn count_messages(&self, name: &str, which: &Which) -> usize {
        let id = self.names.find(Kind::Anycast, name);
        let queue = id.and_then(|id| self.queues.get(&id));
        queue.map_or(0, |queue| named(queue, which).take(MOST_COUNTED).count())
    }

    /// Whether the queue that the first message would make has room for it.
    fn would_take(&self, name: &str, (source, place): (QueueId, Place)) -> bool {
        let limits = Limits::of(&self.policies.of(name));
        let entry = self.queues.get(&source).and_then(|source| source.at(place));
        entry.is_none_or(|entry| limits.allow(Filling::of(&entry.message)))
    }

    /// False when there is no room for it, and then it stays.
    fn shift_one(&mut self, session: SessionId, (source, place): (QueueId, Place), target: QueueId, now: Mono) -> bool {
        // Neither may another one go for it.
        let waiting = self.queues.get(&source).and_then(|queue| queue.at(place));
        let into = self.queues.get(&target);
        let has_room = |entry: &Entry| into.is_some_and(|queue| queue.has_room_for(&entry.message));
        if !waiting.is_some_and(has_room) {
            return false;
        }
        let Some(entry) = self
            .queues
            .get_mut(&source)
            .and_then(|queue| queue.take(place, &mut self.sums))
        else {
            return false;
        };
        if let Some(at) = entry.expires {
            self.expiries.remove(&(at, source, place));
        }
        self.drop_entry(Some(session), source, &entry);
        let address = self.queues.get(&target).map(|queue| queue.address.clone());
        let message = Message {
            address: address.unwrap_or_default(),
            routed: None,
            // How long it may wait there counts from now.
            sent: self.wall(now),
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

/// Each once, the next first.
fn named<'a>(queue: &'a Queue, which: &Which) -> Box<dyn Iterator<Item = Place> + 'a> {
    match which {
        Which::Upto(last) => Box::new(queue.upto(*last)),
        Which::These(ids) => {
            let known: BTreeSet<Place> = ids.iter().filter_map(|id| queue.find(*id)).collect();
            Box::new(known.into_iter())
        }
    }
}
