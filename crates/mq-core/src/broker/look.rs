//! What operators see. Each look is at a bounded part and says where the next one goes on, however much there is: the
//! thread that owns the queues does not stand still for it.

use std::sync::Arc;

use super::session::Consumer;
use super::{Broker, QueueView, Refusal, Thing};
use crate::destination::is_ours;
use crate::queue::{Place, Queue};
use crate::{ConsumerId, Kind, Message, MessageId, QueueId, Right, Rights};

/// So many names are looked at in one go, also when few of them are wanted.
const MOST_NAMES: usize = 10_000;

/// Part of a list, and where the rest of it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, N> {
    pub rows: Vec<T>,
    /// Go on behind this one; `None` at the end.
    pub next: Option<N>,
}

/// A message that waits.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageView {
    pub place: Place,
    pub message: Arc<Message>,
    /// How often it was tried in vain.
    pub attempts: u32,
    /// Somebody may have seen it before.
    pub redelivered: bool,
}

impl MessageView {
    pub fn id(&self) -> MessageId {
        self.place.order
    }
}

/// One who takes messages, or looks at them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerView {
    pub id: ConsumerId,
    pub queue: Box<str>,
    pub kind: Kind,
    /// How many more it may be handed; `None` where it has no limit of its own.
    pub credit: Option<u32>,
    pub in_flight: usize,
    pub browses: bool,
    pub selector: Option<Box<str>>,
}

/// Which queues somebody wants to see.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Those of which he may do something.
    pub rights: &'a Rights,
    /// Those with this in their name.
    pub part: &'a str,
    pub after: Option<(Kind, &'a str)>,
    pub most: usize,
}

impl Broker {
    /// Queues first, each kind in the order of the names.
    pub fn list_queues(&self, wanted: &Wanted<'_>) -> Page<QueueView, (Kind, Box<str>)> {
        let mut page = Page {
            rows: Vec::new(),
            next: None,
        };
        let known = self.names.after(wanted.after).filter_map(|id| self.queues.get(&id));
        for (count, queue) in known.enumerate() {
            if page.rows.len() >= wanted.most || count >= MOST_NAMES {
                return page;
            }
            if queue.name.contains(wanted.part) && shows(wanted.rights, queue) {
                page.rows.push(queue.view());
            }
            page.next = Some((queue.kind, queue.name.clone()));
        }
        page.next = None;
        page
    }

    /// The queue of that name, for one who may do something with it.
    pub fn find_queue(&self, rights: &Rights, name: &str) -> Result<QueueView, Refusal> {
        match self.named(name) {
            Some(queue) if shows(rights, queue) => Ok(queue.view()),
            // Who may do nothing with it is not told that it is there.
            _ => Err(Refusal::Missing(Thing::Queue, name.into())),
        }
    }

    /// The message that came last, wherever it went.
    pub fn newest(&self) -> MessageId {
        MessageId(self.next_message.0.saturating_sub(1))
    }

    /// Whether there is a queue of this name, or what comes makes one: one that we name is made by nobody else.
    pub fn keeps_what_comes_to(&self, name: &str) -> bool {
        !is_ours(name) || self.named(name).is_some()
    }

    /// What waits in a queue, the next first.
    pub fn list_messages(
        &self,
        rights: &Rights,
        name: &str,
        after: Option<Place>,
        most: usize,
    ) -> Result<Page<MessageView, Place>, Refusal> {
        let queue = self.named(name);
        let queue = queue.ok_or_else(|| Refusal::Missing(Thing::Queue, name.into()))?;
        if queue.owner.is_some() {
            return Err(Refusal::Locked(name.into()));
        }
        if !rights.may(Right::Read, &queue.address) {
            return Err(Refusal::Denied {
                right: Right::Read,
                thing: Thing::Queue,
                name: name.into(),
            });
        }
        let mut waiting = queue.waiting(after).map(|(place, entry)| MessageView {
            place,
            message: entry.message.clone(),
            attempts: entry.attempts,
            redelivered: entry.again,
        });
        let rows: Vec<MessageView> = waiting.by_ref().take(most).collect();
        let last = rows.last().map(|seen| seen.place);
        Ok(Page {
            next: last.filter(|_| waiting.next().is_some()),
            rows,
        })
    }

    /// In the order in which their connections came.
    pub fn list_consumers(&self, after: Option<ConsumerId>, most: usize) -> Page<ConsumerView, ConsumerId> {
        use std::ops::Bound;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut known = self.consumers.range((from, Bound::Unbounded));
        let rows: Vec<ConsumerView> = known.by_ref().take(most).map(|(id, _)| self.see(*id)).collect();
        let last = rows.last().map(|view| view.id);
        Page {
            next: last.filter(|_| known.next().is_some()),
            rows,
        }
    }

    /// Who takes from a queue.
    pub fn consumers_of(&self, name: &str, most: usize) -> Vec<ConsumerView> {
        let consumers = self.named(name).map(Queue::consumers).unwrap_or_default();
        consumers.iter().take(most).map(|id| self.see(*id)).collect()
    }

    fn named(&self, name: &str) -> Option<&Queue> {
        let id: QueueId = self.names.find(Kind::Anycast, name)?;
        self.queues.get(&id)
    }

    fn see(&self, id: ConsumerId) -> ConsumerView {
        let known = self.consumers.get(&id);
        let queue = known.and_then(|consumer| self.queues.get(&consumer.queue));
        ConsumerView {
            id,
            queue: queue.map_or_else(Box::default, |queue| queue.name.clone()),
            kind: queue.map_or(Kind::Anycast, |queue| queue.kind),
            credit: known.and_then(Consumer::room),
            in_flight: known.map_or(0, |known| known.in_flight.len()),
            browses: known.is_some_and(|known| known.browse.is_some()),
            selector: known.and_then(|known| Some(known.selector.as_ref()?.as_str().into())),
        }
    }
}

/// A queue is there for whoever may do something with it. That one connection has one for itself, and by which name, is for
/// those who look after the node: who knows the name may send there.
fn shows(rights: &Rights, queue: &Queue) -> bool {
    match queue.owner {
        None => rights.concern(&queue.address),
        Some(_) => rights.may_all(Right::Configure),
    }
}
