//! What was tried in vain is left alone for a while, and what is behind it goes first.
//!
//! It stays in its queue, where it is found, moved, purged and over as before; only nobody is handed it. How often it was
//! tried, and until when it rests, is in the journal where the message is.

use tandem_time::Mono;

use super::Broker;
use super::part::Part;
use crate::queue::{Entry, Place};
use crate::{MessageId, QueueId, Record, SessionId, WallMillis};

impl Broker {
    /// Back to its queue, for another attempt.
    pub(super) fn try_again(&mut self, by: Option<SessionId>, id: QueueId, (place, entry): (Place, Entry), now: Mono) {
        let known = self.queues.get(&id).filter(|_| !entry.outdated);
        let Some(after) = known.and_then(|queue| queue.rest_after(entry.attempts)) else {
            return self.put_back(id, place, entry, now);
        };
        let at = now + after;
        if entry.stored {
            let record = Record::Tried {
                queue: id,
                id: entry.id,
                attempts: entry.attempts,
                until: self.wall(at),
            };
            self.write(record, by);
        }
        let rests = Some(at);
        self.put_back(id, place, Entry { rests, ..entry }, now);
        self.rouse_at(id, at);
    }

    /// One time for a queue is enough: the first.
    fn rouse_at(&mut self, id: QueueId, at: Mono) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        if queue.rouses_at.is_some_and(|before| before <= at) {
            return;
        }
        if let Some(before) = queue.rouses_at.replace(at) {
            self.rousing.remove(&(before, id));
        }
        self.rousing.insert((at, id));
    }

    /// What has rested is handed out, so much of it at a time that others are heard.
    pub(super) fn rouse_due(&mut self, now: Mono) {
        let mut left = Part::MOST;
        while left > 0
            && let Some((at, id)) = self.rousing.first().copied().filter(|(at, _)| *at <= now)
        {
            self.rousing.remove(&(at, id));
            let Some(queue) = self.queues.get_mut(&id) else {
                continue;
            };
            queue.rouses_at = None;
            left = left.saturating_sub(queue.rouse(now, left).max(1));
            if let Some(next) = queue.rests_until() {
                self.rouse_at(id, next);
            }
            self.dispatch(id);
        }
    }

    /// From the journal, behind the message.
    pub(super) fn replay_tried(&mut self, queue: QueueId, id: MessageId, attempts: u32, until: WallMillis) {
        let at = Mono::from_millis(until.0.saturating_sub(self.settings.began));
        let Some(known) = self.queues.get_mut(&queue) else {
            return;
        };
        let Some((place, entry)) = known.take_by_id(id, &mut self.sums) else {
            return;
        };
        let tried = Entry {
            attempts,
            rests: Some(at),
            ..entry
        };
        known.put_back(place, tried, &mut self.sums);
        self.rouse_at(queue, at);
    }

    /// The journal has been read, and the policies are those that count now.
    pub(super) fn rest_anew(&mut self, now: Mono) {
        let resting: Vec<QueueId> = self.rousing.iter().map(|(_, id)| *id).collect();
        for id in resting {
            let Some(queue) = self.queues.get_mut(&id) else {
                continue;
            };
            queue.rest_anew(now);
            if let Some(at) = queue.rests_until() {
                self.rouse_at(id, at);
            }
        }
    }
}

#[cfg(test)]
mod tests;
