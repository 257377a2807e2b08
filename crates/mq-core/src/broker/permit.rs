//! Whether whoever asks for something may have it: asked before anything of it is done, here and nowhere else.
//!
//! What a right means follows RabbitMQ, with one name for one thing: the exchange without a name is the queue that the key
//! names, and `amq.topic` is the topic that it names, because that is what clients of the other protocols call them.

use std::borrow::Cow;
use std::sync::Arc;

use super::exchange::TOPICS;
use super::route::check_target;
use super::{Arrangement, Binding, Broker, Declared, Input, Publish, Refusal, Target, Thing, To};
use crate::rights::Scope;
use crate::{ExchangeRecord, Kind, Pattern, QueueId, Right, Rights, SessionId};

/// Queues that we have named, for one connection alone: nobody has to be allowed to make those.
const OURS: [&str; 2] = ["amq.gen-", "amqp.dynamic-"];

/// One right that is needed.
struct Need<'a> {
    right: Right,
    thing: Thing,
    scope: Scope<'a>,
}

impl Broker {
    /// What a connection may do from now on. Whoever is never admitted may do everything.
    pub(super) fn admit(&mut self, connection: SessionId, rights: Arc<Rights>) {
        match *rights == Rights::everything() {
            true => drop(self.admitted.remove(&connection)),
            false => drop(self.admitted.insert(connection, rights)),
        }
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
        let session = input.session()?;
        let rights = self.admitted.get(&session.connection())?;
        let needs = Needs {
            broker: self,
            connection: session.connection(),
            all: Vec::new(),
        };
        let missing = |need: &Need<'_>| !rights.allow(need.right, &need.scope);
        needs.of(input).into_iter().find(missing).map(Refusal::from)
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

impl From<Need<'_>> for Refusal {
    fn from(need: Need<'_>) -> Refusal {
        Refusal::Denied {
            right: need.right,
            thing: need.thing,
            name: match need.scope {
                Scope::Name(name) => name.chars().take(64).collect(),
                Scope::Names(names) => names.to_string().chars().take(64).collect(),
            },
        }
    }
}

struct Needs<'a> {
    broker: &'a Broker,
    connection: SessionId,
    all: Vec<Need<'a>>,
}

impl<'a> Needs<'a> {
    fn of(mut self, input: &'a Input) -> Vec<Need<'a>> {
        match input {
            Input::Send { to, .. } | Input::Aim { to, .. } => self.send(to),
            Input::Publish { publish, .. } => self.publish(publish),
            Input::Arrange { what, .. } => self.arrange(what),
            Input::Subscribe { to, options, .. } => {
                self.take(to);
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
        self.all
    }

    fn name(&mut self, right: Right, thing: Thing, name: &'a str) {
        self.said(right, thing, name.into());
    }

    fn said(&mut self, right: Right, thing: Thing, name: Cow<'a, str>) {
        let scope = Scope::Name(name);
        self.all.push(Need { right, thing, scope });
    }

    fn names(&mut self, right: Right, thing: Thing, names: Pattern) {
        let scope = Scope::Names(names);
        self.all.push(Need { right, thing, scope });
    }

    fn topics(&mut self, address: &str) {
        self.names(Right::Read, Thing::Topic, Pattern::new(address));
    }

    fn queue(&mut self, right: Right, name: &'a str) {
        self.said_queue(right, name.into());
    }

    /// Whose own a queue is may do with it what he likes.
    fn said_queue(&mut self, right: Right, name: Cow<'a, str>) {
        let known = self.broker.names.get(&(Kind::Anycast, (*name).into()));
        let owner = known.and_then(|id| self.broker.queues.get(id)?.owner);
        if owner != Some(self.connection) {
            self.said(right, Thing::Queue, name);
        }
    }

    /// The first who uses a queue makes it.
    fn queue_or_new(&mut self, right: Right, name: &'a str) {
        self.queue(right, name);
        if !self.broker.names.contains_key(&(Kind::Anycast, name.into())) {
            self.name(Right::Configure, Thing::Queue, name);
        }
    }

    fn send(&mut self, to: &'a Target) {
        match to.kind {
            Kind::Anycast => self.queue_or_new(Right::Write, &to.address),
            Kind::Multicast => self.name(Right::Write, Thing::Topic, &to.address),
        }
    }

    fn take(&mut self, to: &'a Target) {
        match to.kind {
            Kind::Anycast => self.queue_or_new(Right::Read, &to.address),
            Kind::Multicast => self.topics(&to.address),
        }
    }

    fn subscription(&mut self, name: Option<&str>) {
        let known = name.and_then(|name| self.broker.names.get(&(Kind::Multicast, name.into())));
        if let Some(queue) = known.and_then(|id| self.broker.queues.get(id)) {
            self.topics(&queue.address);
        }
    }

    fn publish(&mut self, publish: &'a Publish) {
        let topic = || Target {
            address: publish.key.clone(),
            kind: Kind::Multicast,
        };
        match &*publish.exchange {
            "" => self.queue(Right::Write, &publish.key),
            TOPICS if check_target(&topic()).is_ok() => self.name(Right::Write, Thing::Topic, &publish.key),
            exchange => self.name(Right::Write, Thing::Exchange, exchange),
        }
    }

    /// Messages will go there by themselves: with this key, or with whichever they have.
    fn lead_to(&mut self, exchange: Cow<'a, str>, key: Option<Box<str>>) {
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
            Arrangement::Queue { name, declared } => self.declare(name, declared),
            Arrangement::DropQueue { name, .. } => self.queue(Right::Configure, name),
            Arrangement::Purge(name) | Arrangement::Get { queue: name, .. } => self.queue(Right::Read, name),
            Arrangement::Consume(consume) => self.queue(Right::Read, &consume.queue),
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
        let is_ours = declared.exclusive && OURS.iter().any(|prefix| name.starts_with(prefix));
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
