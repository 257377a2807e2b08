//! From the journal back to where we stood.

use std::sync::Arc;

use tandem_time::Mono;

use super::Broker;
use super::clear::Clearing;
use super::route::over_at;
use crate::queue::{Entry, Queue, Terms};
use crate::{Message, MessageId, QueueId, QueueRecord, Record, Selector};

impl Broker {
    /// Takes the records of the journal in their order, before anything else. A record that comes twice counts once.
    ///
    /// A message that was in somebody's hands when the node went down is handed out again, and says so.
    pub fn restore(&mut self, records: impl IntoIterator<Item = Record>) {
        for record in records {
            self.without_writing(|broker| broker.replay(record));
        }
        // What was in queues that are gone the journal has forgotten, too.
        self.clearing = Clearing::default();
    }

    /// The journal has been read: whoever was here is away from now on.
    pub fn restored(&mut self, now: Mono) {
        self.now = now;
        self.named.clear();
        self.reckon(now);
        self.rest_anew(now);
        self.drop_all_outdated();
        self.doubt_later(now);
        let clients: Vec<Box<str>> = self.clients.keys().cloned().collect();
        for name in clients {
            self.resume_client(&name, now);
        }
        let queues: Vec<QueueId> = self.queues.keys().copied().collect();
        for queue in queues {
            self.touch(queue, now);
        }
        self.bury_dropped(now);
    }

    /// When each message is over, by the policies that count now: the journal has them in an order of its own.
    fn reckon(&mut self, now: Mono) {
        if !self.policies.have_changed() {
            return;
        }
        let began = self.settings.began;
        for queue in self.queues.values_mut().filter(|queue| !queue.rules.of_client) {
            let (id, ttl) = (queue.id, queue.ttl());
            for (place, entry) in queue.entries() {
                let at = over_at(&entry.message, ttl, began, now);
                if entry.expires == at {
                    continue;
                }
                if let Some(before) = std::mem::replace(&mut entry.expires, at) {
                    self.expiries.remove(&(before, id, *place));
                }
                self.expiries.extend(at.map(|at| (at, id, *place)));
            }
        }
    }

    fn replay(&mut self, record: Record) {
        match record {
            Record::QueueMade(made) => self.replay_queue(&made),
            Record::QueueGone(id) => self.remove_queue(id),
            Record::ExchangeMade(made) => self.exchanges.make(made),
            Record::ExchangeGone(name) => drop(self.exchanges.remove(&name)),
            Record::Bound(binding) => drop(self.exchanges.bind(binding)),
            Record::Unbound(binding) => drop(self.exchanges.unbind(&binding)),
            Record::PolicyMade(made) => self.take_policy(made),
            Record::PolicyGone(name) => drop(self.leave_policy(&name)),
            Record::Put { id, queues, message } => {
                self.next_message = self.next_message.max(MessageId(id.0 + 1));
                for queue in queues {
                    self.replay_put(queue, id, &message);
                }
            }
            Record::Gone { queue, id } => self.replay_gone(queue, id),
            Record::Doubles(doubles) => self.doubles.note(&doubles),
            Record::Tried {
                queue,
                id,
                attempts,
                until,
            } => self.replay_tried(queue, id, attempts, until),
            Record::Numbers { message, queue } => {
                self.next_message = self.next_message.max(message);
                self.next_queue = self.next_queue.max(queue);
            }
            Record::Client(record) => self.replay_client(record),
            Record::ClientGone(name) => self.replay_client_gone(&name),
            Record::Listens {
                client,
                filter,
                queue,
                options,
            } => self.replay_listens(&client, filter, queue, options),
            Record::ListensNot { client, filter } => self.replay_listens_not(&client, &filter),
            Record::Packet { client, packet, step } => self.replay_packet(&client, packet, step),
            Record::All(records) => records.into_iter().for_each(|record| self.replay(record)),
        }
    }

    fn replay_queue(&mut self, made: &QueueRecord) {
        self.next_queue = self.next_queue.max(QueueId(made.id.0 + 1));
        if !self.queues.contains_key(&made.id) {
            let mut queue = Queue::new(made.id, &made.name, &made.address, made.kind, true);
            queue.filter = made.filter.as_deref().and_then(|text| Selector::parse(text).ok());
            self.add_queue(queue);
            // It has been read before.
            if let Some(declared) = made.declared.clone() {
                // What cannot be read any more was refused by whoever wrote it.
                let arguments = declared.arguments().unwrap_or_default();
                self.set_terms(made.id, Terms { declared, arguments });
            }
        }
    }

    fn replay_put(&mut self, queue: QueueId, id: MessageId, message: &Arc<Message>) {
        if queue == QueueId::RETAINED {
            return self.replay_retained(id, Arc::clone(message));
        }
        if self.replay_later(queue, id, message) {
            return;
        }
        self.enqueue(queue, Entry::restored(id, Arc::clone(message)), Mono::ZERO);
        if self.named.contains_key(&(queue, id)) {
            self.pin(queue, id);
        }
    }

    fn replay_gone(&mut self, queue: QueueId, id: MessageId) {
        if queue == QueueId::RETAINED {
            return self.expire_retained(id);
        }
        if self.replay_later_gone(queue, id) {
            return;
        }
        self.unpin(queue, id);
        let known = self.queues.get_mut(&queue);
        let Some((place, entry)) = known.and_then(|known| known.take_by_id(id, &mut self.sums)) else {
            return;
        };
        if let Some(at) = entry.expires {
            self.expiries.remove(&(at, queue, place));
        }
        self.unweigh(entry.message.weight());
    }

    fn without_writing(&mut self, act: impl FnOnce(&mut Broker)) {
        let before = self.batch.replace(Vec::new());
        act(self);
        self.batch = before;
    }
}
