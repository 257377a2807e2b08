//! Whether whoever asks for something may have it: asked before anything of it is done, here and nowhere else.
//!
//! What a right means follows RabbitMQ, with one name for one thing: the exchange without a name is the queue that the key
//! names, and `amq.topic` is the topic that it names, because that is what clients of the other protocols call them.

use std::borrow::Cow;
use std::sync::Arc;

use super::exchange::TOPICS;
use super::route::is_topic;
use super::{Arrangement, Binding, Broker, Declared, Input, Publish, Refusal, Target, Thing, To};
use crate::destination::is_ours;
use crate::rights::Scope;
use crate::{ExchangeRecord, Kind, Pattern, PolicyRecord, QueueId, Right, Rights, SessionId};

impl Broker {
    /// What a connection may do from now on. Whoever is never admitted may do everything.
    pub(super) fn admit(&mut self, connection: SessionId, rights: Arc<Rights>) {
        if rights.include(&Rights::everything()) {
            self.admitted.remove(&connection);
            return;
        }
        if self.has_will_without(connection, &rights) {
            self.denied += 1;
            self.leave(connection, false, None);
        }
        self.admitted.insert(connection, rights);
    }

    /// Whether the client that is here has a will that it might not have with these.
    fn has_will_without(&self, connection: SessionId, rights: &Rights) -> bool {
        let will = self.will_of(connection);
        will.is_some_and(|will| !rights.allow(Right::Write, &Scope::Name(will.address.as_ref().into())))
    }

    /// Whether the connection may take from an address, however it came to that.
    pub(super) fn may_read(&self, session: SessionId, queue: QueueId) -> bool {
        let Some(rights) = self.admitted.get(&session.connection()) else {
            return true;
        };
        let address = self.queues.get(&queue).map(|queue| Pattern::new(&queue.address));
        address.is_none_or(|address| rights.allow(Right::Read, &Scope::Names(address)))
    }

    pub(super) fn forbidden(&self, input: &Input) -> Option<Refusal> {
        let connection = input.session()?.connection();
        let mut needs = Needs {
            broker: self,
            connection,
            rights: self.admitted.get(&connection)?,
            missing: None,
        };
        needs.of(input);
        needs.missing
    }

    /// What may not be done: where more may follow that counts on it, nothing more is done.
    pub(super) fn deny(&mut self, input: &Input, why: Refusal) {
        let Some(session) = input.session() else { return };
        self.denied += 1;
        match input {
            Input::Publish { .. }
            | Input::Arrange { .. }
            | Input::Send {
                transaction: Some(_), ..
            } => self.refuse_and_end(session, why),
            _ => self.refuse(session, why),
        }
    }
}

/// Looks at one need after the other. A message from one who may send it allocates nothing here.
struct Needs<'a> {
    broker: &'a Broker,
    connection: SessionId,
    rights: &'a Rights,
    /// The first that it has not.
    missing: Option<Refusal>,
}

impl<'a> Needs<'a> {
    fn of(&mut self, input: &'a Input) {
        match input {
            Input::Send { to, .. } | Input::Aim { to, .. } => self.send(to),
            Input::Publish { publish, .. } => self.publish(publish),
            Input::Arrange { what, .. } => self.arrange(what),
            Input::Subscribe { to, options, .. } => {
                match (to.kind, options.browse) {
                    (Kind::Anycast, true) => self.queue(Right::Read, &to.address),
                    (Kind::Anycast, false) => self.queue_or_new(Right::Read, &to.address),
                    (Kind::Multicast, _) => self.topics(&to.address),
                }
                // The one of this name that is for something else would go.
                self.subscription(options.durable.as_deref());
            }
            Input::Forget { name, .. } => self.subscription(Some(name)),
            Input::Listen(listen) => self.topics(&listen.address),
            Input::Attach(attach) => {
                if let Some(will) = &attach.will {
                    self.name(Right::Write, Thing::Topic, &will.address);
                }
            }
            // What it holds already, how it goes, and what only lets it have more of what it may have.
            Input::Admit { .. }
            | Input::Opened { .. }
            | Input::Closed { .. }
            | Input::Leave { .. }
            | Input::Finish { .. }
            | Input::Unsubscribe { .. }
            | Input::Unlisten { .. }
            | Input::Credit { .. }
            | Input::Drain { .. }
            | Input::Window { .. }
            | Input::Name { .. }
            | Input::Release { .. }
            | Input::Free { .. }
            | Input::Settle { .. }
            | Input::Begin { .. }
            | Input::Commit { .. }
            | Input::Abort { .. }
            | Input::Sync { .. }
            | Input::Disk { .. }
            | Input::Stored { .. } => {}
        }
    }

    fn need(&mut self, right: Right, thing: Thing, scope: &Scope<'_>) {
        if self.missing.is_none() && !self.rights.allow(right, scope) {
            let name = match scope {
                Scope::Name(name) => name.chars().take(64).collect(),
                Scope::Names(names) => names.to_string().chars().take(64).collect(),
            };
            self.missing = Some(Refusal::Denied { right, thing, name });
        }
    }

    fn name(&mut self, right: Right, thing: Thing, name: &'a str) {
        self.said(right, thing, name.into());
    }

    fn said(&mut self, right: Right, thing: Thing, name: Cow<'_, str>) {
        self.need(right, thing, &Scope::Name(name));
    }

    fn names(&mut self, right: Right, thing: Thing, names: Pattern) {
        self.need(right, thing, &Scope::Names(names));
    }

    fn topics(&mut self, address: &str) {
        self.names(Right::Read, Thing::Topic, Pattern::new(address));
    }

    fn queue(&mut self, right: Right, name: &'a str) {
        self.said_queue(right, name.into());
    }

    fn said_queue(&mut self, right: Right, name: Cow<'_, str>) {
        let known = self.broker.names.find(Kind::Anycast, &name);
        self.known_queue(right, known, name);
    }

    /// Whose own a queue is may do with it what he likes.
    fn known_queue(&mut self, right: Right, known: Option<QueueId>, name: Cow<'_, str>) {
        let owner = known.and_then(|id| self.broker.queues.get(&id)?.owner);
        if owner != Some(self.connection) {
            self.said(right, Thing::Queue, name);
        }
    }

    /// The first who uses a queue makes it.
    fn queue_or_new(&mut self, right: Right, name: &'a str) {
        let known = self.broker.names.find(Kind::Anycast, name);
        self.known_queue(right, known, name.into());
        // What is sent to one that is gone makes none.
        if known.is_none() && !(right == Right::Write && is_ours(name)) {
            self.name(Right::Configure, Thing::Queue, name);
        }
    }

    fn send(&mut self, to: &'a Target) {
        match to.kind {
            Kind::Anycast => self.queue_or_new(Right::Write, &to.address),
            Kind::Multicast => self.name(Right::Write, Thing::Topic, &to.address),
        }
    }

    fn subscription(&mut self, name: Option<&str>) {
        let known = name.and_then(|name| self.broker.names.find(Kind::Multicast, name));
        if let Some(queue) = known.and_then(|id| self.broker.queues.get(&id)) {
            self.topics(&queue.address);
        }
    }

    fn publish(&mut self, publish: &'a Publish) {
        match &*publish.exchange {
            "" => self.queue(Right::Write, &publish.key),
            TOPICS if is_topic(&publish.key) => self.name(Right::Write, Thing::Topic, &publish.key),
            exchange => self.name(Right::Write, Thing::Exchange, exchange),
        }
    }

    /// Messages will go there by themselves: with this key, or with whichever they have.
    fn lead_to(&mut self, exchange: Cow<'_, str>, key: Option<Box<str>>) {
        match (&*exchange, key) {
            ("", Some(key)) => self.said_queue(Right::Write, String::from(key).into()),
            (TOPICS, Some(key)) => self.said(Right::Write, Thing::Topic, String::from(key).into()),
            ("", None) => self.names(Right::Write, Thing::Queue, Pattern::new("#")),
            (TOPICS, None) => self.names(Right::Write, Thing::Topic, Pattern::new("#")),
            _ => self.said(Right::Write, Thing::Exchange, exchange),
        }
    }

    fn arrange(&mut self, what: &'a Arrangement) {
        match what {
            Arrangement::Exchange(record) => self.exchange(record),
            Arrangement::DropExchange { name, .. } => self.name(Right::Configure, Thing::Exchange, name),
            Arrangement::Queue { name, declared } | Arrangement::SameQueue { name, declared } => {
                self.declare(name, declared);
            }
            Arrangement::DropQueue { name, .. } => self.queue(Right::Configure, name),
            Arrangement::Purge(name) | Arrangement::Get { queue: name, .. } => self.queue(Right::Read, name),
            Arrangement::Move { from, to, .. } => {
                self.queue(Right::Read, from);
                self.queue_or_new(Right::Write, to);
            }
            Arrangement::Consume(consume) => self.queue(Right::Read, &consume.queue),
            // As if it were there already; who may not read that hears no more than of one that is not there.
            Arrangement::CancelLater(id) => {
                let to = self.broker.later_to(*id);
                if to.is_some_and(|address| !self.rights.may(Right::Read, address)) {
                    self.missing = Some(Refusal::Missing(Thing::Schedule, id.0.to_string().into()));
                }
            }
            Arrangement::SetPolicy(record) => self.policy(record),
            Arrangement::DropPolicy(name) => self.known_policy(name),
            Arrangement::Bind(binding) | Arrangement::Unbind(binding) => self.bind(binding),
            // Whether it is there everybody may know.
            Arrangement::FindExchange(_)
            | Arrangement::FindQueue(_)
            | Arrangement::Cancel { .. }
            | Arrangement::Limit(_) => {}
        }
    }

    fn exchange(&mut self, record: &'a ExchangeRecord) {
        self.name(Right::Configure, Thing::Exchange, &record.name);
        if let Some(alternate) = record.alternate() {
            self.name(Right::Read, Thing::Exchange, &record.name);
            self.lead_to(alternate.into(), None);
        }
    }

    fn declare(&mut self, name: &'a str, declared: &'a Declared) {
        // Nobody has to be allowed to make those.
        let is_ours = declared.exclusive && is_ours(name);
        if !is_ours {
            self.queue(Right::Configure, name);
        }
        // What cannot be read is refused by whoever makes it.
        let arguments = declared.arguments().unwrap_or_default();
        if let Some(exchange) = arguments.dead_letter_exchange {
            if !is_ours {
                self.queue(Right::Read, name);
            }
            self.lead_to(String::from(exchange).into(), arguments.dead_letter_key);
        }
    }

    /// What becomes of messages of these addresses, and where they go.
    fn policy(&mut self, record: &'a PolicyRecord) {
        self.names(Right::Configure, Thing::Queue, Pattern::new(&record.pattern));
        self.known_policy(&record.name);
        let places = [&record.dead_letter, &record.expiry];
        for place in places.into_iter().flatten().filter(|place| !place.is_empty()) {
            // As by the argument of a queue: what goes there could be read there.
            self.names(Right::Read, Thing::Queue, Pattern::new(&record.pattern));
            self.queue_or_new(Right::Write, place);
        }
    }

    fn known_policy(&mut self, name: &str) {
        if let Some(pattern) = self.broker.policies.pattern_of(name) {
            self.names(Right::Configure, Thing::Queue, pattern);
        }
    }

    fn bind(&mut self, binding: &'a Binding) {
        match &binding.to {
            To::Queue(queue) => self.queue(Right::Write, queue),
            To::Exchange(exchange) => self.lead_to((&**exchange).into(), None),
        }
        match &*binding.source {
            TOPICS => self.names(Right::Read, Thing::Topic, Pattern::binding(&binding.key)),
            source => self.name(Right::Read, Thing::Exchange, source),
        }
    }
}

#[cfg(test)]
mod tests;
