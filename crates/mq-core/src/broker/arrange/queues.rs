//! Queues: made, looked at, emptied, and gone.

use std::time::Duration;

use tandem_time::Mono;

use super::same::same_queue;
use super::{Answer, Arranged};
use crate::broker::declared::{Declared, Overflow};
use crate::broker::part::Part;
use crate::broker::route::check_name;
use crate::broker::{Broker, Refusal, Thing};
use crate::queue::{Queue, Terms};
use crate::{Kind, Message, QueueId, SessionId};

impl Broker {
    /// The queue by that name, if this connection may use it.
    pub(super) fn open_queue(&mut self, session: SessionId, name: &str) -> Result<QueueId, Refusal> {
        let id = self.names.find(Kind::Anycast, name);
        let known = id.and_then(|id| self.queues.get(&id));
        let Some(queue) = known else {
            return Err(Refusal::Missing(Thing::Queue, name.into()));
        };
        match queue.owner {
            Some(owner) if owner != session.connection() => Err(Refusal::Locked(name.into())),
            _ => Ok(queue.id),
        }
    }

    pub(super) fn view(&self, id: QueueId) -> Arranged {
        let queue = self.queues.get(&id);
        Arranged::Queue {
            messages: queue.map_or(0, Queue::depth),
            consumers: queue.map_or(0, |queue| queue.consumers().len()),
        }
    }

    pub(super) fn declare_queue(&mut self, session: SessionId, name: &str, declared: Declared, now: Mono) -> Answer {
        let arguments = declared
            .arguments()
            .map_err(|bad| Refusal::BadArgument(bad.name, bad.why, name.into()))?;
        if self.names.find(Kind::Anycast, name).is_some() {
            let id = self.open_queue(session, name)?;
            if let Some(queue) = self.queues.get(&id) {
                same_queue(queue, &declared)?;
            }
            self.touch(id, now);
            return Ok(self.view(id));
        }
        check_name(name)?;
        self.may_make_queues(1)?;
        let id = self.make_queue(name, name, Kind::Anycast, false);
        let lasts = declared.durable && !declared.exclusive;
        let owner = declared.exclusive.then(|| session.connection());
        if let Some(queue) = self.queues.get_mut(&id) {
            queue.owner = owner;
        }
        self.set_terms(id, Terms { declared, arguments });
        if let Some(owner) = owner.and_then(|owner| self.sessions.get_mut(&owner)) {
            owner.queues.insert(id);
        }
        if lasts {
            self.together(Some(session), |broker| broker.make_durable(id));
        }
        self.touch(id, now);
        Ok(self.view(id))
    }

    pub(super) fn drop_queue(&mut self, session: SessionId, name: &str, if_unused: bool, if_empty: bool) -> Answer {
        // Deleting what is not there is no error in RabbitMQ.
        let id = match self.open_queue(session, name) {
            Err(Refusal::Missing(..)) => return Ok(Arranged::Count(0)),
            found => found?,
        };
        let Some(queue) = self.queues.get(&id) else {
            return Ok(Arranged::Count(0));
        };
        if if_unused && !queue.consumers().is_empty() {
            return Err(Refusal::InUse(Thing::Queue, name.into()));
        }
        if if_empty && queue.depth() > 0 {
            return Err(Refusal::NotEmpty(name.into()));
        }
        let count = queue.depth();
        self.remove_by(id, Some(session));
        Ok(Arranged::Count(count))
    }

    pub(super) fn purge(&mut self, session: SessionId, name: &str) -> Answer {
        let id = self.open_queue(session, name)?;
        let Some(queue) = self.queues.get_mut(&id) else {
            return Ok(Arranged::Count(0));
        };
        let (count, weight) = (queue.depth(), queue.weight());
        let all = queue.take_all(&mut self.sums);
        self.unweigh(weight);
        self.clear(id, all, Some(session));
        Ok(Arranged::Count(count))
    }

    /// It is used: whoever wants it gone when it is not has to wait again.
    pub(in crate::broker) fn touch(&mut self, id: QueueId, now: Mono) {
        let Some(queue) = self.queues.get(&id).filter(|queue| queue.consumers().is_empty()) else {
            return;
        };
        if let Some(after) = self.ends_after(queue) {
            self.ends_at(id, Some(now + after));
        }
    }

    /// How long nobody uses it before it goes.
    fn ends_after(&self, queue: &Queue) -> Option<Duration> {
        match &queue.terms {
            Some(terms) => terms.arguments.expires.map(Duration::from_millis),
            None if queue.is_by_use() => self.settings.queue_idle,
            None => None,
        }
    }

    /// When it goes if nobody uses it; what was known before counts no more.
    pub(in crate::broker) fn ends_at(&mut self, id: QueueId, at: Option<Mono>) {
        let Some(queue) = self.queues.get_mut(&id) else {
            return;
        };
        if let Some(before) = std::mem::replace(&mut queue.ends_at, at) {
            self.queues_due.remove(&(before, id));
        }
        self.queues_due.extend(at.map(|at| (at, id)));
    }

    pub(in crate::broker) fn queues_due(&mut self, now: Mono) {
        let mut part = Part::default();
        while let Some((at, id)) = self.queues_due.first().copied().filter(|(at, _)| *at <= now) {
            if !part.takes(0) {
                return;
            }
            self.queues_due.remove(&(at, id));
            let Some(queue) = self.queues.get(&id).filter(|queue| queue.ends_at == Some(at)) else {
                continue;
            };
            match self.stays_until(queue, now).filter(|at| *at > now) {
                Some(at) => self.ends_at(id, Some(at)),
                None => self.remove_by(id, None),
            }
        }
    }

    /// What was declared ends when its time has come. What is there by use has been used, perhaps, by those who only send.
    fn stays_until(&self, queue: &Queue, now: Mono) -> Option<Mono> {
        let after = self.ends_after(queue).filter(|_| queue.is_by_use())?;
        let holds = queue.depth() > 0 || queue.in_flight() > 0;
        let is_used = holds || self.exchanges.leads_to(queue.id);
        let since = if is_used { now } else { queue.used };
        Some(since + after)
    }

    /// Whether a queue takes no more, and what becomes of what is sent to it.
    pub(in crate::broker) fn rejects(&self, id: &QueueId, message: &Message) -> Option<Overflow> {
        let queue = self.queues.get(id)?;
        queue.rejects().filter(|_| !queue.has_room_for(message))
    }
}
