//! From an address to its queues.

use std::sync::Arc;

use tandem_time::Mono;

use super::dead::Death;
use super::exchange::TOPICS;
use super::later::claim;
use super::part::Part;
use super::room::{Room, Seen};
use super::session::Step;
use super::{Address, Broker, Output, Overflow, Publish, Refusal, Slow, Target, Thing};
use crate::destination::is_ours;
use crate::queue::{Entry, Queue, Terms};
use crate::{Kind, Message, Pattern, QueueId, QueueRecord, Record, Retain, Routed, SessionId, TransactionId};

/// Longer names are somebody's mistake, and would be kept for each queue.
const LONGEST_NAME: usize = 1024;

impl Broker {
    /// Gives a message to whom it is for. An anycast address that nobody has used yet gets its queue. False when it was refused,
    /// or nobody can ever have it.
    pub(super) fn publish(
        &mut self,
        from: Option<SessionId>,
        to: &Target,
        mut message: Message,
        (room, seen): (Room, Seen),
        now: Mono,
    ) -> bool {
        if let Err(reason) = check_target(to) {
            if let Some(session) = from {
                self.refuse(session, reason);
            }
            return false;
        }
        message.address = Arc::from(&*to.address);
        if message.schedule.is_some() {
            let claim = claim(&message, &to.address);
            if let Some(session) = from.filter(|_| room == Room::Asked)
                && let Err(reason) = self.may_wait(to, claim)
            {
                self.refuse(session, reason);
                return false;
            }
            self.send_later(from, to.kind, message, claim);
            return true;
        }
        let message = Arc::new(message);
        let mut queues = match to.kind {
            // Whoever wanted an answer is gone.
            Kind::Anycast if is_ours(&to.address) && self.names.find(to.kind, &to.address).is_none() => return false,
            Kind::Anycast => {
                // What was safe long ago, and what the dead are kept in, finds its place also when there are too many.
                let limited = from.is_some() && room == Room::Asked;
                let turn = match self.turn_of(&to.address, limited, now) {
                    Ok(queue) => queue,
                    Err(reason) => {
                        if let Some(session) = from {
                            self.refuse(session, reason);
                        }
                        return false;
                    }
                };
                let mut queues = vec![turn];
                if room == Room::Asked {
                    queues = self.with_room(queues, &message, now);
                }
                if queues.is_empty() {
                    if let Some(session) = from {
                        self.refuse(session, Refusal::Full);
                    }
                    return false;
                }
                queues
            }
            // A topic is not full because one of those is that it is for.
            Kind::Multicast => {
                let mut queues = self.audience(&message, from);
                queues.extend(self.bound(TOPICS, &message.address, &message));
                self.with_room(queues, &message, now)
            }
        };
        if message.retain != Retain::Asked || to.kind == Kind::Anycast {
            self.deliver_to(from, queues, message, seen, now);
            return true;
        }
        // That the last one is gone and that this one is there is one record.
        self.together(from, |broker| {
            match message.body.is_empty() {
                true => broker.retain_nothing(&message.address, from),
                false => queues.push(QueueId::RETAINED),
            }
            broker.deliver_to(from, queues, message, seen, now);
        });
        true
    }

    /// By an exchange. That the exchange is there is known at once, also in a transaction.
    pub(super) fn publish_by(&mut self, session: SessionId, in_: Option<TransactionId>, publish: Publish, now: Mono) {
        if !publish.exchange.is_empty() {
            match self.exchanges.find(&publish.exchange) {
                None => return self.refuse_and_end(session, Refusal::Missing(Thing::Exchange, publish.exchange)),
                Some(known) if known.internal => {
                    return self.refuse_and_end(session, Refusal::Internal(publish.exchange));
                }
                Some(_) => {}
            }
        }
        self.do_or_defer(session, in_, Step::Publish(publish), now);
    }

    /// False when it was refused, or nobody can ever have it.
    pub(super) fn route_out(&mut self, session: SessionId, publish: Publish, room: Room, now: Mono) -> bool {
        let Publish {
            exchange,
            key,
            mandatory,
            mut message,
        } = publish;
        let mut queues = self.reached(&exchange, &key, &mut message, Some(session));
        if queues.is_empty() {
            if mandatory {
                self.outputs.push_back(Output::Returned {
                    session,
                    exchange,
                    key,
                    message: Box::new(message),
                });
            }
            return false;
        }
        let mut is_taken = true;
        if room == Room::Asked {
            let wanted = queues.len();
            queues = self.with_room(queues, &message, now);
            if queues.len() < wanted {
                self.refuse(session, Refusal::Full);
                is_taken = false;
            }
        }
        self.deliver_to(Some(session), queues, Arc::new(message), Seen::Never, now);
        is_taken
    }

    /// Without those that are full and reject what they have no room for.
    fn with_room(&mut self, mut queues: Vec<QueueId>, message: &Message, now: Mono) -> Vec<QueueId> {
        let rejects = |id: &QueueId| Some((*id, self.rejects(id, message)?));
        let full: Vec<(QueueId, Overflow)> = queues.iter().filter_map(rejects).collect();
        if !full.is_empty() {
            queues.retain(|id| full.iter().all(|(full, _)| full != id));
        }
        for (id, _) in full.iter().filter(|(_, what)| *what == Overflow::RejectPublishDlx) {
            self.forward_dead(*id, message, Death::Maxlen, Seen::Never, now);
        }
        queues
    }

    /// The queues behind an exchange. The message says from now on how it came.
    pub(super) fn reached(
        &self,
        exchange: &str,
        key: &str,
        message: &mut Message,
        from: Option<SessionId>,
    ) -> Vec<QueueId> {
        let mut queues = self.bound(exchange, key, message);
        if exchange.is_empty() {
            message.routed = None;
            message.address = Arc::from(key);
            return queues;
        }
        message.address = Arc::default();
        message.routed = Some(Box::new(Routed {
            exchange: Arc::from(exchange),
            key: Arc::from(key),
        }));
        // The topics of the other protocols, where they have a name for it.
        if exchange == TOPICS && is_topic(key) {
            message.address = Arc::from(key);
            queues.extend(self.audience(message, from));
        }
        queues
    }

    /// The queues that were declared, and that an exchange finds. The one without a name finds the queue that is named like
    /// the key.
    pub(super) fn bound(&self, exchange: &str, key: &str, message: &Message) -> Vec<QueueId> {
        match exchange {
            "" => self.names.find(Kind::Anycast, key).into_iter().collect(),
            exchange => self.exchanges.route(exchange, key, message).into_iter().collect(),
        }
    }

    /// Writes it down for those who need that, and puts it into each.
    pub(super) fn deliver_to(
        &mut self,
        from: Option<SessionId>,
        mut queues: Vec<QueueId>,
        message: Arc<Message>,
        seen: Seen,
        now: Mono,
    ) {
        if !message.durable {
            queues.retain(|id| self.queues.get(id).is_none_or(|queue| !queue.ignores_passing()));
        }
        let id = self.next_message.take();
        let replaced = self.replaced(&queues, &message);
        let durable = |id: &QueueId| self.queues.get(id).is_some_and(|queue| queue.durable);
        // What survives gives way to nothing that does not.
        let outlives = |id: &QueueId| {
            replaced
                .iter()
                .any(|(queue, place)| queue == id && self.is_stored(*queue, *place))
        };
        let kept = |id: &QueueId| *id == QueueId::RETAINED || message.durable && durable(id) || outlives(id);
        let kept: Vec<QueueId> = queues.iter().copied().filter(kept).collect();
        let put = (!kept.is_empty()).then(|| {
            let (queues, message) = (kept.clone(), message.clone());
            Record::Put { id, queues, message }
        });
        match replaced.is_empty() {
            true => put.into_iter().for_each(|put| self.write(put, from)),
            false => self.replace(from, replaced, put),
        }
        for queue in queues {
            let stored = kept.contains(&queue);
            let again = seen == Seen::Perhaps;
            let entry = Entry {
                stored,
                again,
                recovered: again,
                ..Entry::new(id, message.clone())
            };
            match queue == QueueId::RETAINED {
                true => self.retain(entry, from, now),
                false => self.enqueue(queue, entry, now),
            }
            self.dispatch_new(queue);
            self.shorten(queue);
        }
    }

    /// Takes a place; nobody is told yet.
    pub(super) fn enqueue(&mut self, queue: QueueId, mut entry: Entry, now: Mono) {
        let Some(into) = self.queues.get_mut(&queue) else {
            return;
        };
        into.used = now;
        entry.expires = over_at(&entry.message, into.ttl(), self.settings.began, now);
        let (expires, weight) = (entry.expires, entry.message.weight());
        let Some(place) = into.push(entry, &mut self.sums) else {
            return;
        };
        into.count(&mut self.sums, |counts| &mut counts.added);
        if let Some(at) = expires {
            self.expiries.insert((at, queue, place));
        }
        self.weigh(weight);
    }

    /// The same where no queue says how long it may wait.
    pub(super) fn deadline(&self, message: &Message, now: Mono) -> Option<Mono> {
        over_at(message, None, self.settings.began, now)
    }

    /// The oldest go when a subscription has more than it may.
    fn shorten(&mut self, id: QueueId) {
        // What a policy leaves no room for since it came goes with the messages that follow.
        let mut part = Part::default();
        while part.takes(0) {
            let room = self.room_for_passing();
            let Some(queue) = self.queues.get_mut(&id) else {
                return;
            };
            let too_slow = queue.is_too_slow(room);
            if too_slow && queue.slow == Some(Slow::Disconnect) {
                return self.remove_queue(id);
            }
            if !too_slow && !queue.is_over() {
                return;
            }
            let Some((place, entry)) = queue.take_first(&mut self.sums) else {
                return;
            };
            queue.count(&mut self.sums, |counts| &mut counts.dropped);
            if let Some(at) = entry.expires {
                self.expiries.remove(&(at, id, place));
            }
            match self.queues.get(&id).is_some_and(|queue| queue.terms.is_some()) {
                true => self.dropped.push_back((id, entry)),
                false => self.drop_entry(None, id, &entry),
            }
        }
    }

    /// One after the other, also what these drive out of where they go: queues may stand in a long row.
    pub(super) fn bury_dropped(&mut self, now: Mono) {
        while let Some((queue, entry)) = self.dropped.pop_front() {
            self.dead_letter(None, queue, &entry, Death::Maxlen, now);
        }
    }

    /// The anycast queue whose turn it is; the first message makes it.
    fn turn_of(&mut self, address: &str, limited: bool, now: Mono) -> Result<QueueId, Refusal> {
        if let Some(known) = self.addresses.get_mut(address)
            && let Some(turn) = known.after(1)
        {
            known.turn = turn;
            return Ok(known.anycast[turn]);
        }
        if limited && self.is_new_queue(Kind::Anycast, address) {
            self.may_make_queues(1)?;
        }
        let id = self.make_queue(address, address, Kind::Anycast, true);
        self.touch(id, now);
        Ok(id)
    }

    /// Every subscription to an address, also those with holes in their name.
    fn audience(&self, message: &Message, from: Option<SessionId>) -> Vec<QueueId> {
        let address = &*message.address;
        let sender = from.and_then(|from| self.sessions.get(&from)?.client.as_deref());
        let wants = |id: &QueueId| {
            let Some(queue) = self.queues.get(id) else { return false };
            let not_from = queue.rules.not_from.as_deref();
            let selected = queue.filter.as_ref().is_none_or(|filter| filter.selects(message));
            selected && (not_from.is_none() || not_from != sender)
        };
        let named = self.addresses.get(address).map_or(&[][..], |known| &known.multicast);
        let all = named.iter().copied().chain(self.open.matching(address));
        all.filter(wants).collect()
    }

    /// One that [may be](Broker::may_make_queues).
    pub(super) fn make_queue(&mut self, name: &str, address: &str, kind: Kind, durable: bool) -> QueueId {
        let id = self.next_queue.take();
        self.add_queue(Queue::new(id, name, address, kind, false));
        if durable {
            self.make_durable(id);
        }
        id
    }

    /// From now on what it takes is written down.
    pub(super) fn make_durable(&mut self, id: QueueId) {
        let Some(queue) = self.queues.get_mut(&id).filter(|queue| !queue.durable) else {
            return;
        };
        queue.durable = true;
        let record = QueueRecord {
            id,
            name: queue.name.clone(),
            address: (*queue.address).into(),
            kind: queue.kind,
            filter: queue.filter.as_ref().map(|filter| filter.as_str().into()),
            declared: queue.terms.as_ref().map(|terms| terms.declared.clone()),
        };
        self.write(Record::QueueMade(record), None);
    }

    pub(super) fn add_queue(&mut self, mut queue: Queue) {
        queue.policy = self.policies.of(&queue.address);
        let (id, kind) = (queue.id, queue.kind);
        let pattern = Pattern::new(&queue.address);
        if kind == Kind::Multicast && pattern.is_open() {
            self.open.insert(&pattern, id);
        } else {
            let address = self.addresses.entry(queue.address.clone()).or_default();
            match kind {
                Kind::Anycast => address.anycast.push(id),
                Kind::Multicast => address.multicast.push(id),
            }
        }
        self.names.insert(kind, queue.name.clone(), id);
        self.queues.insert(id, queue);
        self.look_for_room();
    }

    /// What a queue was declared with; it never changes.
    pub(super) fn set_terms(&mut self, id: QueueId, terms: Terms) {
        if let Some(queue) = self.queues.get_mut(&id) {
            queue.terms = Some(Box::new(terms));
            self.rejecting += usize::from(queue.rejects().is_some());
        }
    }

    /// The last consumer of a queue has left.
    pub(super) fn abandoned(&mut self, id: QueueId, now: Mono) {
        let Some(queue) = self.queues.get_mut(&id) else {
            return;
        };
        queue.exclusive = false;
        match queue.terms.as_ref().is_some_and(|terms| terms.declared.auto_delete) {
            true => self.remove_by(id, None),
            false => self.touch(id, now),
        }
    }

    /// The same as [`remove_queue`](Broker::remove_queue), and whoever asked hears of it when it is safe.
    pub(super) fn remove_by(&mut self, id: QueueId, by: Option<SessionId>) {
        self.together(by, |broker| {
            let lasted = broker.queues.get(&id).is_some_and(|queue| queue.durable);
            broker.unbind_queue(id, lasted, by);
            broker.remove_queue(id);
        });
    }

    /// The queue and all it holds are gone.
    pub(super) fn remove_queue(&mut self, id: QueueId) {
        let Some(mut queue) = self.queues.remove(&id) else {
            return;
        };
        self.rejecting -= usize::from(queue.rejects().is_some());
        for consumer in queue.consumers() {
            self.outputs.push_back(Output::Abandoned { consumer: *consumer });
            self.outlive(*consumer, queue.rules.of_client);
        }
        if let Some(at) = queue.ends_at {
            self.queues_due.remove(&(at, id));
        }
        if let Some(at) = queue.rouses_at {
            self.rousing.remove(&(at, id));
        }
        if let Some(owner) = queue.owner.and_then(|owner| self.sessions.get_mut(&owner)) {
            owner.queues.remove(&id);
        }
        self.names.remove(queue.kind, &queue.name);
        if queue.kind == Kind::Multicast {
            self.open.remove(&Pattern::new(&queue.address), id);
        }
        if let Some(address) = self.addresses.get_mut(&*queue.address) {
            address.anycast.retain(|q| *q != id);
            address.multicast.retain(|q| *q != id);
            if address.is_unused() {
                self.addresses.remove(&*queue.address);
            }
        }
        let (weight, all) = (queue.weight(), queue.end(&mut self.sums));
        self.unweigh(weight);
        self.together(None, |broker| {
            broker.clear(id, all, None);
            if queue.durable {
                broker.write(Record::QueueGone(id), None);
            }
        });
    }
}

impl Address {
    fn is_unused(&self) -> bool {
        self.anycast.is_empty() && self.multicast.is_empty()
    }

    /// Which of its anycast queues has its turn after so many messages.
    pub(super) fn after(&self, messages: usize) -> Option<usize> {
        (self.turn + messages).checked_rem(self.anycast.len())
    }
}

/// When a message is over by our clock that began then, by its own word and by its queue's, whose time counts from when it came,
/// also over a restart. What is over already is over now, not in the past: a deadline is never before its cause.
pub(super) fn over_at(message: &Message, ttl: Option<u64>, began: u64, now: Mono) -> Option<Mono> {
    let limit = ttl.map(|ttl| message.sent.0.saturating_add(ttl));
    let wall = message.expires.map(|at| at.0).into_iter().chain(limit).min();
    wall.map(|wall| Mono::from_millis(wall.saturating_sub(began)).max(now))
}

pub(super) fn check_target(to: &Target) -> Result<(), Refusal> {
    check_name(&to.address)?;
    match to.kind {
        Kind::Anycast => Ok(()),
        Kind::Multicast => check_topic(&to.address),
    }
}

/// A message is for one name. MQTT has no word for a name with one of these in it (docs/mapping.md).
fn check_topic(name: &str) -> Result<(), Refusal> {
    let hole = name.contains(['*', '#']) || name.split('.').any(|word| word == ">");
    match hole {
        true => Err(Refusal::Name(
            name.chars().take(64).collect(),
            "a message to a topic cannot have *, # or the word > in its name",
        )),
        false => Ok(()),
    }
}

/// Whether the key of an exchange is a name that the other protocols have for a topic.
pub(super) fn is_topic(key: &str) -> bool {
    check_name(key).and_then(|()| check_topic(key)).is_ok()
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
