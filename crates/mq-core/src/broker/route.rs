//! From an address to its queues.

use std::sync::Arc;

use tandem_time::Mono;

use super::{Address, Broker, Refusal, Target};
use crate::queue::{Entry, Queue};
use crate::{Kind, Message, Pattern, QueueId, QueueRecord, Record, SessionId};

/// Longer names are somebody's mistake, and would be kept for each queue.
const LONGEST_NAME: usize = 1024;

impl Broker {
    /// Gives a message to whom it is for. An anycast address that nobody has used yet gets its queue.
    pub(super) fn publish(&mut self, from: Option<SessionId>, to: &Target, message: Arc<Message>, now: Mono) {
        if let Err(reason) = check_name(&to.address) {
            if let Some(session) = from {
                self.refuse(session, reason);
            }
            return;
        }
        let queues = match to.kind {
            Kind::Anycast => vec![self.turn_of(&to.address)],
            Kind::Multicast => self.audience(&to.address),
        };
        let id = self.next_message.take();
        let durable = |id: &QueueId| self.queues.get(id).is_some_and(|queue| queue.durable);
        let kept: Vec<QueueId> = queues.iter().copied().filter(durable).collect();
        let stored = message.durable && !kept.is_empty();
        if stored {
            let message = message.clone();
            self.write(
                Record::Put {
                    id,
                    queues: kept.clone(),
                    message,
                },
                from,
            );
        }
        for queue in queues {
            let stored = stored && kept.contains(&queue);
            let entry = Entry {
                stored,
                ..Entry::new(id, message.clone())
            };
            self.enqueue(queue, entry, now);
            self.dispatch(queue);
        }
    }

    /// Takes a place; nobody is told yet.
    pub(super) fn enqueue(&mut self, queue: QueueId, mut entry: Entry, now: Mono) {
        entry.expires = entry.message.expires.map(|wall| {
            let from_zero = wall.0.saturating_sub(self.settings.began);
            // What is over already is over now, not in the past: a deadline is never before its cause.
            Mono::from_millis(from_zero).max(now)
        });
        let (expires, weight) = (entry.expires, entry.message.weight());
        let Some(into) = self.queues.get_mut(&queue) else {
            return;
        };
        let Some(place) = into.push(entry) else { return };
        into.counts.added += 1;
        if let Some(at) = expires {
            self.expiries.insert((at, queue, place));
        }
        self.weigh(weight);
    }

    /// The anycast queue whose turn it is; the first message makes it.
    fn turn_of(&mut self, address: &str) -> QueueId {
        if let Some(known) = self
            .addresses
            .get_mut(address)
            .filter(|known| !known.anycast.is_empty())
        {
            known.turn = (known.turn + 1) % known.anycast.len();
            return known.anycast[known.turn];
        }
        self.make_queue(address, address, Kind::Anycast, true)
    }

    /// Every subscription to an address, also those with holes in their name.
    fn audience(&self, address: &str) -> Vec<QueueId> {
        let named = self.addresses.get(address).map_or(&[][..], |known| &known.multicast);
        let open = self.open.iter().filter(|(pattern, _)| pattern.matches(address));
        named.iter().copied().chain(open.map(|(_, queue)| *queue)).collect()
    }

    pub(super) fn make_queue(&mut self, name: &str, address: &str, kind: Kind, durable: bool) -> QueueId {
        let id = self.next_queue.take();
        if durable {
            let record = QueueRecord {
                id,
                name: name.into(),
                address: address.into(),
                kind,
            };
            self.write(Record::QueueMade(record), None);
        }
        self.add_queue(Queue::new(id, name, address, kind, durable));
        id
    }

    pub(super) fn add_queue(&mut self, queue: Queue) {
        let (id, kind) = (queue.id, queue.kind);
        let pattern = Pattern::new(&queue.address);
        if kind == Kind::Multicast && pattern.is_open() {
            self.open.push((pattern, id));
        } else {
            let address = self.addresses.entry(queue.address.clone()).or_default();
            match kind {
                Kind::Anycast => address.anycast.push(id),
                Kind::Multicast => address.multicast.push(id),
            }
        }
        self.names.insert((kind, queue.name.clone()), id);
        self.queues.insert(id, queue);
    }

    /// The queue and all it holds are gone.
    pub(super) fn remove_queue(&mut self, id: QueueId) {
        let Some(mut queue) = self.queues.remove(&id) else {
            return;
        };
        self.names.remove(&(queue.kind, queue.name.clone()));
        self.open.retain(|(_, open)| *open != id);
        if let Some(address) = self.addresses.get_mut(&*queue.address) {
            address.anycast.retain(|q| *q != id);
            address.multicast.retain(|q| *q != id);
            if address.is_unused() {
                self.addresses.remove(&*queue.address);
            }
        }
        let mut records = Vec::new();
        for (place, entry) in queue.take_all() {
            if let Some(at) = entry.expires {
                self.expiries.remove(&(at, id, place));
            }
            self.unweigh(entry.message.weight());
            // The journal frees its segments by what it is told, message by message.
            if entry.stored {
                records.push(Record::Gone {
                    queue: id,
                    id: entry.id,
                });
            }
        }
        if queue.durable {
            records.push(Record::QueueGone(id));
            self.write(Record::All(records), None);
        }
    }
}

impl Address {
    fn is_unused(&self) -> bool {
        self.anycast.is_empty() && self.multicast.is_empty()
    }
}

pub(super) fn check_name(name: &str) -> Result<(), Refusal> {
    let wrong = |why| Err(Refusal::Name(name.chars().take(64).collect(), why));
    match name {
        "" => wrong("it is empty"),
        name if name.len() > LONGEST_NAME => wrong("it is longer than 1024 bytes"),
        name if name.chars().any(char::is_control) => wrong("it holds a control character"),
        _ => Ok(()),
    }
}
