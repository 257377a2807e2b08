//! What addresses keep for those who come later: the last message that asked for it (MQTT 5, section 3.3.1.3).

use std::collections::BTreeMap;
use std::sync::Arc;

use tandem_time::Mono;

use crate::broker::room::Seen;
use crate::broker::{Broker, Listen};
use crate::queue::{Entry, Place};
use crate::{Message, MessageId, Pattern, QueueId, Record, Retain, SessionId};

/// One message for each address.
#[derive(Debug, Default)]
pub(in crate::broker) struct Retained {
    by_address: BTreeMap<Arc<str>, Entry>,
    /// For what the journal and the clock speak of.
    by_id: BTreeMap<MessageId, Arc<str>>,
}

impl Retained {
    fn put(&mut self, entry: Entry) -> Option<Entry> {
        let address = entry.message.address.clone();
        self.by_id.insert(entry.id, address.clone());
        let before = self.by_address.insert(address, entry)?;
        self.by_id.remove(&before.id);
        Some(before)
    }

    fn take(&mut self, address: &str) -> Option<Entry> {
        let entry = self.by_address.remove(address)?;
        self.by_id.remove(&entry.id);
        Some(entry)
    }

    fn take_by_id(&mut self, id: MessageId) -> Option<Entry> {
        let address = self.by_id.get(&id).cloned()?;
        self.take(&address)
    }

    fn matching(&self, filter: &str) -> Vec<Arc<Message>> {
        let pattern = Pattern::new(filter);
        if !pattern.is_open() {
            return self
                .by_address
                .get(filter)
                .map(|entry| entry.message.clone())
                .into_iter()
                .collect();
        }
        // `a.#` also matches `a`, which sorts before everything that begins with `a.`.
        let prefix = pattern.prefix();
        let from: Arc<str> = prefix.trim_end_matches('.').into();
        let stem = from.clone();
        self.by_address
            .range(from..)
            .take_while(|(address, _)| address.starts_with(&*stem))
            .filter(|(address, _)| pattern.matches(address))
            .map(|(_, entry)| entry.message.clone())
            .collect()
    }

    pub(in crate::broker) fn len(&self) -> usize {
        self.by_address.len()
    }
}

impl Broker {
    /// Keeps a message instead of the last one. The caller has written it down.
    pub(in crate::broker) fn retain(&mut self, entry: Entry, by: Option<SessionId>, now: Mono) {
        let expires = self.deadline(&entry.message, now);
        let entry = Entry { expires, ..entry };
        let place = Place::of(&entry);
        if let Some(at) = expires {
            self.expiries.insert((at, QueueId::RETAINED, place));
        }
        let weight = entry.message.weight();
        let before = self.retained.put(entry);
        self.weigh(weight);
        if let Some(before) = before {
            self.retained_gone(&before, by);
        }
    }

    /// An empty body means that nothing is to be kept.
    pub(in crate::broker) fn retain_nothing(&mut self, address: &str, by: Option<SessionId>) {
        if let Some(before) = self.retained.take(address) {
            self.retained_gone(&before, by);
        }
    }

    pub(in crate::broker) fn expire_retained(&mut self, id: MessageId) {
        if let Some(entry) = self.retained.take_by_id(id) {
            self.retained_gone(&entry, None);
        }
    }

    /// From the journal; a node that was killed in between may not have said that the older one is gone.
    pub(in crate::broker) fn replay_retained(&mut self, id: MessageId, message: Arc<Message>) {
        let newer = self
            .retained
            .by_address
            .get(&message.address)
            .is_some_and(|known| known.id > id);
        if !newer && !self.retained.by_id.contains_key(&id) {
            self.retain(Entry::restored(id, message), None, Mono::ZERO);
        }
    }

    fn retained_gone(&mut self, entry: &Entry, by: Option<SessionId>) {
        if let Some(at) = entry.expires {
            self.expiries.remove(&(at, QueueId::RETAINED, Place::of(entry)));
        }
        self.unweigh(entry.message.weight());
        let record = Record::Gone {
            queue: QueueId::RETAINED,
            id: entry.id,
        };
        self.write(record, by);
    }

    /// A new subscription begins with what is kept; a group's does not.
    pub(super) fn send_retained(&mut self, queue: QueueId, listen: &Listen, now: Mono) {
        if listen.group.is_some() {
            return;
        }
        // What still waits from before need not wait twice.
        let waiting = self.queues.get(&queue).into_iter().flat_map(|queue| queue.kept());
        let waiting: BTreeMap<Arc<str>, Arc<Message>> = waiting
            .map(|entry| (entry.message.address.clone(), entry.message.clone()))
            .collect();
        for kept in self.retained.matching(&listen.address) {
            let message = Message {
                retain: Retain::Kept,
                ..Message::clone(&kept)
            };
            if waiting.get(&message.address).is_some_and(|waits| **waits == message) {
                continue;
            }
            self.deliver_to(Some(listen.session), vec![queue], Arc::new(message), Seen::Never, now);
        }
        self.dispatch(queue);
    }
}
