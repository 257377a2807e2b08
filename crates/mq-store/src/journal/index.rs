//! Which messages are alive, and where: all that must be known to free a segment.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::clients::Clients;
use crate::code::encode;
use tandem_mq_core::{
    BindingRecord, Destination, Doubles, ExchangeRecord, MessageId, PolicyRecord, QueueId, QueueRecord, Record,
    WallMillis,
};

#[derive(Debug, Default)]
pub(super) struct Index {
    messages: HashMap<MessageId, Alive>,
    /// What lives in each segment.
    segments: BTreeMap<u64, Living>,
    queues: BTreeMap<QueueId, QueueRecord>,
    exchanges: BTreeMap<Box<str>, ExchangeRecord>,
    /// By how they are written, so that each is there once.
    bindings: BTreeMap<Vec<u8>, BindingRecord>,
    policies: BTreeMap<Box<str>, PolicyRecord>,
    clients: Clients,
    /// Of those that are alive: how often they were tried, and until when they rest.
    tried: BTreeMap<(MessageId, QueueId), (u32, WallMillis)>,
    doubles: Doubles,
    next: (MessageId, QueueId),
    /// Bytes of all that live.
    weight: u64,
}

/// What lives in one segment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Living {
    pub(super) messages: u64,
    pub(super) bytes: u64,
}

#[derive(Debug)]
struct Alive {
    segment: u64,
    size: u64,
    holders: Holders,
}

/// The queues that hold a message: nearly always one, which needs no list.
#[derive(Debug)]
enum Holders {
    One(QueueId),
    Many(Vec<QueueId>),
}

impl Holders {
    fn all(&self) -> &[QueueId] {
        match self {
            Holders::One(one) => std::slice::from_ref(one),
            Holders::Many(many) => many,
        }
    }
}

impl Index {
    pub(super) fn apply(&mut self, record: &Record, segment: u64, size: usize) {
        match record {
            Record::QueueMade(made) => {
                self.next.1 = self.next.1.max(QueueId(made.id.0 + 1));
                self.queues.insert(made.id, made.clone());
            }
            Record::QueueGone(id) => drop(self.queues.remove(id)),
            Record::ExchangeMade(made) => drop(self.exchanges.insert(made.name.clone(), made.clone())),
            Record::ExchangeGone(name) => {
                self.exchanges.remove(name);
                // All ways from it and to it go with it.
                let to = Destination::Exchange(name.clone());
                self.bindings
                    .retain(|_, binding| binding.source != *name && binding.destination != to);
            }
            Record::Bound(binding) => drop(self.bindings.insert(written(binding), binding.clone())),
            Record::Unbound(binding) => drop(self.bindings.remove(&written(binding))),
            Record::PolicyMade(made) => drop(self.policies.insert(made.name.clone(), made.clone())),
            Record::PolicyGone(name) => drop(self.policies.remove(name)),
            Record::Put { id, queues, .. } => self.put(*id, queues, segment, size as u64),
            Record::Gone { queue, id } => self.gone(*queue, *id),
            Record::Doubles(doubles) => self.doubles.note(doubles),
            Record::Tried {
                queue,
                id,
                attempts,
                until,
            } => {
                if self
                    .messages
                    .get(id)
                    .is_some_and(|alive| alive.holders.all().contains(queue))
                {
                    self.tried.insert((*id, *queue), (*attempts, *until));
                }
            }
            Record::All(records) => {
                let each = size / records.len().max(1);
                records.iter().for_each(|record| self.apply(record, segment, each));
            }
            Record::Numbers { message, queue } => self.next = (self.next.0.max(*message), self.next.1.max(*queue)),
            Record::Client(_)
            | Record::ClientGone(_)
            | Record::Listens { .. }
            | Record::ListensNot { .. }
            | Record::Packet { .. } => self.clients.apply(record),
        }
    }

    fn put(&mut self, id: MessageId, queues: &[QueueId], segment: u64, size: u64) {
        self.next.0 = self.next.0.max(MessageId(id.0 + 1));
        let holders = match queues {
            [] => return,
            [one] => Holders::One(*one),
            many => Holders::Many(many.to_vec()),
        };
        if let Some(before) = self.messages.insert(id, Alive { segment, size, holders }) {
            self.forget(&before);
        }
        let living = self.segments.entry(segment).or_default();
        living.messages += 1;
        living.bytes += size;
        self.weight += size;
    }

    fn gone(&mut self, queue: QueueId, id: MessageId) {
        self.tried.remove(&(id, queue));
        let Some(alive) = self.messages.get_mut(&id) else {
            return;
        };
        let dead = match &mut alive.holders {
            Holders::One(one) => *one == queue,
            Holders::Many(many) => {
                many.retain(|holder| *holder != queue);
                many.is_empty()
            }
        };
        if dead && let Some(alive) = self.messages.remove(&id) {
            self.forget(&alive);
        }
    }

    /// When all has been read: what was out when its queue went is nobody's, because nobody is left to settle it.
    pub(super) fn prune(&mut self) {
        let known =
            |queue: &QueueId| *queue == QueueId::RETAINED || queue.is_later() || self.queues.contains_key(queue);
        let of = |(id, alive): (&MessageId, &Alive)| {
            let unknown = alive.holders.all().iter().filter(|queue| !known(queue));
            unknown.map(|queue| (*queue, *id)).collect::<Vec<_>>()
        };
        let lost: Vec<(QueueId, MessageId)> = self.messages.iter().flat_map(of).collect();
        for (queue, id) in lost {
            self.gone(queue, id);
        }
    }

    fn tried(&self, id: MessageId) -> impl Iterator<Item = Record> {
        let of_message = self.tried.range((id, QueueId(0))..=(id, QueueId(u64::MAX)));
        of_message.map(|((id, queue), (attempts, until))| Record::Tried {
            queue: *queue,
            id: *id,
            attempts: *attempts,
            until: *until,
        })
    }

    fn forget(&mut self, alive: &Alive) {
        self.weight -= alive.size;
        if let Some(living) = self.segments.get_mut(&alive.segment) {
            living.messages -= 1;
            living.bytes -= alive.size;
            if living.messages == 0 {
                self.segments.remove(&alive.segment);
            }
        }
    }

    pub(super) fn lives_in(&self, segment: u64) -> Living {
        self.segments.get(&segment).copied().unwrap_or_default()
    }

    /// Whether the disk holds four times what lives. Nothing is written again in the first four segments.
    pub(super) fn wastes(&self, capacity: u64, segment: u64) -> bool {
        capacity > segment * 4 && capacity / 4 > self.weight
    }

    /// What a new segment begins with.
    pub(super) fn head(&self) -> impl Iterator<Item = Record> {
        let (message, queue) = self.next;
        let numbers = std::iter::once(Record::Numbers { message, queue });
        let queues = self.queues.values().cloned().map(Record::QueueMade);
        let exchanges = self.exchanges.values().cloned().map(Record::ExchangeMade);
        let bindings = self.bindings.values().cloned().map(Record::Bound);
        let policies = self.policies.values().cloned().map(Record::PolicyMade);
        let topology = policies.chain(queues).chain(exchanges).chain(bindings);
        let doubles = self.doubles.records().map(Record::Doubles);
        numbers.chain(topology).chain(self.clients.records()).chain(doubles)
    }

    /// What is alive in a record of `segment`, to be written again.
    pub(super) fn alive(&self, record: &Record, segment: u64) -> Vec<Record> {
        match record {
            Record::All(records) => records.iter().flat_map(|record| self.alive(record, segment)).collect(),
            Record::Put { id, message, .. } => {
                let Some(alive) = self.messages.get(id).filter(|alive| alive.segment == segment) else {
                    return Vec::new();
                };
                let queues = alive.holders.all().to_vec();
                let put = Record::Put {
                    id: *id,
                    queues,
                    message: Arc::clone(message),
                };
                std::iter::once(put).chain(self.tried(*id)).collect()
            }
            // Written again with its message.
            Record::Tried { .. } => Vec::new(),
            // Each segment begins with what is left of these.
            Record::QueueMade(_)
            | Record::QueueGone(_)
            | Record::ExchangeMade(_)
            | Record::ExchangeGone(_)
            | Record::Bound(_)
            | Record::Unbound(_)
            | Record::PolicyMade(_)
            | Record::PolicyGone(_)
            | Record::Gone { .. }
            | Record::Doubles(_)
            | Record::Numbers { .. }
            | Record::Client(_)
            | Record::ClientGone(_)
            | Record::Listens { .. }
            | Record::ListensNot { .. }
            | Record::Packet { .. } => Vec::new(),
        }
    }
}

fn written(binding: &BindingRecord) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&Record::Bound(binding.clone()), &mut out);
    out
}
