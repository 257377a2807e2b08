//! Queues: made, looked at, emptied, and gone.

use tandem_time::Mono;

use super::same::same_queue;
use super::{Answer, Arranged};
use crate::broker::declared::{Declared, Overflow};
use crate::broker::route::check_name;
use crate::broker::{Broker, MOST_THINGS, Refusal, Thing};
use crate::queue::{Filling, Queue, Terms};
use crate::{Kind, QueueId, SessionId};

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
        if self.queues.len() >= MOST_THINGS {
            return Err(Refusal::TooMany(Thing::Queue));
        }
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
        let all = queue.take_all();
        self.unweigh(weight);
        self.clear(id, all, Some(session));
        Ok(Arranged::Count(count))
    }

    /// It is used: whoever wants it gone when it is not has to wait again.
    pub(in crate::broker) fn touch(&mut self, id: QueueId, now: Mono) {
        let Some(queue) = self.queues.get(&id).filter(|queue| queue.consumers().is_empty()) else {
            return;
        };
        let Some(expires) = queue.terms.as_ref().and_then(|terms| terms.arguments.expires) else {
            return;
        };
        self.ends_at(id, Some(now + std::time::Duration::from_millis(expires)));
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
        while let Some((at, id)) = self.queues_due.first().copied().filter(|(at, _)| *at <= now) {
            self.queues_due.remove(&(at, id));
            if self.queues.get(&id).is_some_and(|queue| queue.ends_at == Some(at)) {
                self.remove_by(id, None);
            }
        }
    }

    /// Whether a queue takes no more, and what becomes of what is sent to it.
    pub(in crate::broker) fn rejects(&self, id: &QueueId) -> Option<Overflow> {
        let queue = self.queues.get(id)?;
        queue.rejects().filter(|_| queue.is_full(&Filling::default()))
    }
}
