//! Messages that are held until their time. They weigh what others weigh, and those that survive a restart are in the
//! journal as if they were in a queue.

mod look;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tandem_mq_wire::amqp10::Value as Typed;
use tandem_time::Mono;

use super::part::Part;
use super::room::{Room, Seen};
use super::{Broker, Output, Target};
use crate::message::property;
use crate::schedule::{Due, Schedule};
use crate::{Kind, Message, MessageId, QueueId, Record, SessionId, Value, WallMillis};

pub use look::LaterView;

/// What comes again and again waits so long while there is too little room: nobody would hold it back otherwise.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Later {
    messages: BTreeMap<MessageId, Waits>,
    due: BTreeSet<(Mono, MessageId)>,
    weight: usize,
    /// What all of it may weigh at its worst: each crontab with all its series.
    claimed: usize,
    /// Queues that were not there when something came that will make them, and for how much of that.
    promised: BTreeMap<Arc<str>, usize>,
    /// Times of a crontab that began no series, because there was no room.
    pub(super) omitted: u64,
}

#[derive(Debug)]
struct Waits {
    message: Arc<Message>,
    kind: Kind,
    at: Mono,
    stored: bool,
    /// So much of the room is kept for it.
    claim: usize,
    /// The queue that it goes to was not there when it came.
    makes: bool,
    /// Its time came before the node fell, perhaps, and somebody was handed it.
    seen: Seen,
    /// A crontab whose last time began no series: it has been said.
    is_omitting: bool,
}

impl Later {
    pub(super) fn next(&self) -> Option<Mono> {
        self.due.first().map(|(at, _)| *at)
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    pub(super) fn claimed(&self) -> usize {
        self.claimed
    }

    /// How many queues are still to be made for what waits.
    pub(super) fn promised(&self) -> usize {
        self.promised.len()
    }

    pub(super) fn promises(&self, queue: &str) -> bool {
        self.promised.contains_key(queue)
    }

    /// What was there by this number is there no more.
    fn insert(&mut self, id: MessageId, waits: Waits) -> Option<Waits> {
        let before = self.remove(id);
        self.due.insert((waits.at, id));
        self.weight += waits.message.weight();
        self.claimed += waits.claim;
        if waits.makes {
            *self.promised.entry(waits.message.address.clone()).or_default() += 1;
        }
        self.messages.insert(id, waits);
        before
    }

    fn remove(&mut self, id: MessageId) -> Option<Waits> {
        let waits = self.messages.remove(&id)?;
        self.due.remove(&(waits.at, id));
        self.weight -= waits.message.weight();
        self.claimed -= waits.claim;
        if waits.makes
            && let Some(count) = self.promised.get_mut(&waits.message.address)
        {
            *count -= 1;
            if *count == 0 {
                self.promised.remove(&waits.message.address);
            }
        }
        Some(waits)
    }
}

/// What it may weigh at its worst until it is gone, when it is for this address.
pub(super) fn claim(message: &Message, to: &str) -> usize {
    let at_once = message.schedule.as_ref().map_or(1, |schedule| schedule.most_at_once());
    let weight = message.weight() - message.address.len() + to.len();
    weight.saturating_mul(at_once)
}

/// Under which name the journal holds it.
const fn place(kind: Kind) -> QueueId {
    match kind {
        Kind::Anycast => QueueId::LATER_TO_QUEUES,
        Kind::Multicast => QueueId::LATER_TO_TOPICS,
    }
}

impl Broker {
    /// The message has a schedule, and its address has been looked at. So much room is kept for it.
    pub(super) fn send_later(
        &mut self,
        from: Option<SessionId>,
        kind: Kind,
        message: Message,
        claim: usize,
    ) -> MessageId {
        let id = self.next_message.take();
        let message = Arc::new(message);
        if message.durable {
            let (queues, message) = (vec![place(kind)], message.clone());
            self.write(Record::Put { id, queues, message }, from);
        }
        self.keep_for_later(id, kind, message, claim);
        id
    }

    fn keep_for_later(&mut self, id: MessageId, kind: Kind, message: Arc<Message>, claim: usize) {
        let wall = message.schedule.as_ref().map_or(0, |schedule| schedule.at.0);
        let weight = message.weight();
        let makes = self.makes_queue(kind, &message.address);
        let waits = Waits {
            at: Mono::from_millis(wall.saturating_sub(self.settings.began)),
            kind,
            stored: message.durable,
            makes,
            message,
            claim,
            seen: Seen::Never,
            is_omitting: false,
        };
        // The journal may say it twice.
        if self.later.insert(id, waits).is_none() {
            self.weigh(weight);
        }
    }

    /// The journal has been read. What was due while the node was there may have been handed out before that was on disk.
    pub(super) fn doubt_later(&mut self, now: Mono) {
        let due = self.later.due.iter().take_while(|(at, _)| *at <= now);
        for (_, id) in due {
            if let Some(waits) = self.later.messages.get_mut(id) {
                waits.seen = Seen::Perhaps;
            }
        }
    }

    /// Those whose time has come.
    pub(super) fn later_due(&mut self, now: Mono) {
        let mut part = Part::default();
        let due = self.later.due.iter().take_while(|(at, _)| *at <= now);
        let due = due.map(|(_, id)| *id).take_while(|id| {
            let waits = self.later.messages.get(id);
            part.takes(waits.map_or(0, |waits| waits.message.weight()))
        });
        let due: Vec<MessageId> = due.collect();
        for id in due {
            let Some(waits) = self.later.messages.get(&id) else {
                continue;
            };
            let Some(schedule) = waits.message.schedule.as_deref() else {
                self.forget_later(id);
                continue;
            };
            let what = schedule.due(self.wall(now));
            match self.held.is_some() && what.goes_on() {
                true => self.postpone(id, now),
                false => self.send_now(id, what, now),
            }
        }
    }

    /// Each series was counted when its crontab came, but one that was held up lasts longer than it should, and the next one
    /// begins beside it.
    fn may_begin_series(&mut self, of: &Waits) -> bool {
        let has_room = self.has_room_for_series(of.message.weight());
        self.later.omitted += u64::from(!has_room);
        if !has_room && !of.is_omitting {
            let address = of.message.address.clone();
            self.outputs.push_back(Output::Omitted { address });
        }
        has_room
    }

    /// That it has been sent, and what waits from now on, is one record.
    fn send_now(&mut self, id: MessageId, due: Due, now: Mono) {
        self.together(None, |broker| {
            let Some(waits) = broker.forget_later(id) else { return };
            let (kind, with) = (waits.kind, |schedule: Option<Schedule>| Message {
                schedule: schedule.map(Box::new),
                ..Message::clone(&waits.message)
            });
            let next = due
                .next
                .map(|next| broker.send_later(None, kind, with(Some(next)), waits.claim));
            if let Some(series) = due.begins {
                let has_room = broker.may_begin_series(&waits);
                if has_room {
                    // Its crontab has room for it.
                    broker.send_later(None, kind, with(Some(series)), 0);
                }
                if let Some(next) = next.and_then(|next| broker.later.messages.get_mut(&next)) {
                    next.is_omitting = !has_room;
                }
            }
            if due.is_sent {
                let to = Target {
                    address: (*waits.message.address).into(),
                    kind,
                };
                let message = begins_now(with(None), broker.wall(now));
                // Its sender was told long ago that it is safe.
                broker.publish(None, &to, message, (Room::Assured, waits.seen), now);
            }
        });
    }

    fn postpone(&mut self, id: MessageId, now: Mono) {
        if let Some(waits) = self.later.remove(id) {
            let at = now + PAUSE;
            self.later.insert(id, Waits { at, ..waits });
        }
    }

    fn forget_later(&mut self, id: MessageId) -> Option<Waits> {
        let waits = self.later.remove(id)?;
        self.unweigh(waits.message.weight());
        if waits.stored {
            let queue = place(waits.kind);
            self.write(Record::Gone { queue, id }, None);
        }
        Some(waits)
    }

    /// From the journal. False for a queue like any other.
    pub(super) fn replay_later(&mut self, queue: QueueId, id: MessageId, message: &Arc<Message>) -> bool {
        let kind = match queue {
            QueueId::LATER_TO_QUEUES => Kind::Anycast,
            QueueId::LATER_TO_TOPICS => Kind::Multicast,
            _ => return false,
        };
        // What a crontab has begun is not told from others any more: too much room is better than too little.
        let claim = claim(message, &message.address);
        self.keep_for_later(id, kind, message.clone(), claim);
        true
    }

    /// The same of what is gone.
    pub(super) fn replay_later_gone(&mut self, queue: QueueId, id: MessageId) -> bool {
        let is_later = queue.is_later();
        if is_later {
            self.forget_later(id);
        }
        is_later
    }
}

/// Its life, and its time in a queue, do not pass while it waits. Where the end is said once more, it is the same.
fn begins_now(mut message: Message, now: WallMillis) -> Message {
    let waited = now.0.saturating_sub(message.sent.0);
    message.expires = message.expires.map(|at| WallMillis(at.0.saturating_add(waited)));
    for (name, value) in &mut message.properties {
        if &**name == property::EXPIRY
            && let Typed::Timestamp(at) = value.to_typed()
        {
            let mut out = BytesMut::new();
            Typed::Timestamp(at.saturating_add_unsigned(waited)).write(&mut out);
            *value = Value::Typed(out.freeze());
        }
    }
    message.sent = now;
    message
}

#[cfg(test)]
mod tests;
