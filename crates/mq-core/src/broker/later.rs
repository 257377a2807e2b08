//! Messages that are held until their time. They weigh what others weigh, and those that survive a restart are in the
//! journal as if they were in a queue.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tandem_mq_wire::amqp10::Value as Typed;
use tandem_time::Mono;

use super::room::Room;
use super::{Broker, Output, Target};
use crate::message::property;
use crate::schedule::{Due, Schedule};
use crate::{Kind, Message, MessageId, QueueId, Record, SessionId, Value, WallMillis};

/// What comes again and again waits so long while there is too little room: nobody would hold it back otherwise.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Later {
    messages: BTreeMap<MessageId, Waits>,
    due: BTreeSet<(Mono, MessageId)>,
    weight: usize,
    /// What all of it may weigh at its worst: each crontab with all its series.
    claimed: usize,
    /// Times of a crontab that began no series, because there was no room.
    pub(super) omitted: u64,
    /// The last one was such a time, and it has been said.
    is_omitting: bool,
}

#[derive(Debug)]
struct Waits {
    message: Arc<Message>,
    kind: Kind,
    at: Mono,
    stored: bool,
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

    fn insert(&mut self, id: MessageId, waits: Waits) -> Option<Waits> {
        self.due.insert((waits.at, id));
        self.weight += waits.message.weight();
        self.claimed += claim(&waits.message);
        let before = self.messages.insert(id, waits);
        if let Some(before) = &before {
            self.weight -= before.message.weight();
            self.claimed -= claim(&before.message);
            if before.at != self.messages[&id].at {
                self.due.remove(&(before.at, id));
            }
        }
        before
    }

    fn remove(&mut self, id: MessageId) -> Option<Waits> {
        let waits = self.messages.remove(&id)?;
        self.due.remove(&(waits.at, id));
        self.weight -= waits.message.weight();
        self.claimed -= claim(&waits.message);
        Some(waits)
    }
}

/// What it may weigh at its worst until it is gone.
pub(super) fn claim(message: &Message) -> usize {
    let at_once = message.schedule.as_ref().map_or(1, |schedule| schedule.most_at_once());
    message.weight().saturating_mul(at_once)
}

/// Under which name the journal holds it.
const fn place(kind: Kind) -> QueueId {
    match kind {
        Kind::Anycast => QueueId::LATER_TO_QUEUES,
        Kind::Multicast => QueueId::LATER_TO_TOPICS,
    }
}

impl Broker {
    /// Nobody takes what waits: half of the memory is for what can go on. `more` is a [`claim`].
    pub(super) fn has_room_later(&self, more: usize) -> bool {
        self.later.claimed.saturating_add(more) <= self.settings.memory / 2
    }

    /// What holds back those who send. What waits is no more of that than its half: if it is more nevertheless, because the
    /// memory was larger once, nothing would ever make it less.
    pub(super) fn holding_weight(&self) -> usize {
        let later = self.later.weight();
        self.weight.saturating_sub(later) + later.min(self.settings.memory / 2)
    }

    /// The message has a schedule, and its address has been looked at.
    pub(super) fn send_later(&mut self, from: Option<SessionId>, kind: Kind, message: Message) {
        let id = self.next_message.take();
        let message = Arc::new(message);
        if message.durable {
            let (queues, message) = (vec![place(kind)], message.clone());
            self.write(Record::Put { id, queues, message }, from);
        }
        self.keep_for_later(id, kind, message);
    }

    fn keep_for_later(&mut self, id: MessageId, kind: Kind, message: Arc<Message>) {
        let wall = message.schedule.as_ref().map_or(0, |schedule| schedule.at.0);
        let weight = message.weight();
        let waits = Waits {
            at: Mono::from_millis(wall.saturating_sub(self.settings.began)),
            kind,
            stored: message.durable,
            message,
        };
        // The journal may say it twice.
        if self.later.insert(id, waits).is_none() {
            self.weigh(weight);
        }
    }

    /// Those whose time has come.
    pub(super) fn later_due(&mut self, now: Mono) {
        let due: Vec<MessageId> = {
            let due = self.later.due.iter().take_while(|(at, _)| *at <= now);
            due.map(|(_, id)| *id).collect()
        };
        for id in due {
            let Some(waits) = self.later.messages.get(&id) else {
                continue;
            };
            let (message, kind) = (waits.message.clone(), waits.kind);
            let Some(schedule) = message.schedule.as_deref() else {
                self.forget_later(id);
                continue;
            };
            let what = schedule.due(self.wall(now));
            match self.held.is_some() && what.goes_on() {
                true => self.postpone(id, now),
                false => self.send_now(id, kind, &message, what, now),
            }
        }
    }

    /// Each series was counted when its crontab came, but one that was held up lasts longer than it should, and the next one
    /// begins beside it.
    fn has_room_for_series(&mut self, message: &Message) -> bool {
        let omits = self.later.weight + message.weight() > self.settings.memory / 2;
        self.later.omitted += u64::from(omits);
        if omits && !self.later.is_omitting {
            let address = message.address.clone();
            self.outputs.push_back(Output::Omitted { address });
        }
        self.later.is_omitting = omits;
        !omits
    }

    /// That it has been sent, and what waits from now on, is one record.
    fn send_now(&mut self, id: MessageId, kind: Kind, message: &Message, due: Due, now: Mono) {
        self.together(None, |broker| {
            broker.forget_later(id);
            let with = |schedule: Option<Schedule>| Message {
                schedule: schedule.map(Box::new),
                ..message.clone()
            };
            if let Some(next) = due.next {
                broker.send_later(None, kind, with(Some(next)));
            }
            if let Some(series) = due.begins
                && broker.has_room_for_series(message)
            {
                broker.send_later(None, kind, with(Some(series)));
            }
            if due.is_sent {
                let to = Target {
                    address: (*message.address).into(),
                    kind,
                };
                let message = begins_now(with(None), broker.wall(now));
                // Its sender was told long ago that it is safe.
                broker.publish(None, &to, message, Room::Assured, now);
            }
        });
    }

    fn postpone(&mut self, id: MessageId, now: Mono) {
        if let Some(waits) = self.later.remove(id) {
            let at = now + PAUSE;
            self.later.insert(id, Waits { at, ..waits });
        }
    }

    fn forget_later(&mut self, id: MessageId) {
        let Some(waits) = self.later.remove(id) else {
            return;
        };
        self.unweigh(waits.message.weight());
        if waits.stored {
            let queue = place(waits.kind);
            self.write(Record::Gone { queue, id }, None);
        }
    }

    /// From the journal. False for a queue like any other.
    pub(super) fn replay_later(&mut self, queue: QueueId, id: MessageId, message: &Arc<Message>) -> bool {
        let kind = match queue {
            QueueId::LATER_TO_QUEUES => Kind::Anycast,
            QueueId::LATER_TO_TOPICS => Kind::Multicast,
            _ => return false,
        };
        self.keep_for_later(id, kind, message.clone());
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
