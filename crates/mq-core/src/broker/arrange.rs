//! What AMQP 0-9-1 asks for beside messages: exchanges, queues with arguments, bindings, and ways to take messages that leave
//! what is not acknowledged where it is. Each request has one answer, or is refused.

use tandem_time::Mono;

use super::declared::{Declared, Overflow};
use super::route::check_name;
use super::session::Consumer;
use super::{Broker, Output, Refusal, Thing};
use crate::queue::{Queue, Terms};
use crate::{BindingRecord, ConsumerId, Destination, ExchangeRecord, Kind, QueueId, Record, SessionId, Value};

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrangement {
    Exchange(ExchangeRecord),
    FindExchange(Box<str>),
    DropExchange {
        name: Box<str>,
        if_unused: bool,
    },
    Queue {
        name: Box<str>,
        declared: Declared,
    },
    FindQueue(Box<str>),
    DropQueue {
        name: Box<str>,
        if_unused: bool,
        if_empty: bool,
    },
    Purge(Box<str>),
    Bind(Binding),
    Unbind(Binding),
    Consume(Consume),
    /// What it holds stays with the session.
    Cancel {
        number: u64,
    },
    /// One message, now or not at all.
    Get {
        number: u64,
        queue: Box<str>,
    },
    /// How many messages all consumers together may hold.
    Limit(Option<u32>),
}

impl Arrangement {
    /// What would be kept with what it makes.
    fn arguments(&self) -> Option<&[(Box<str>, Value)]> {
        match self {
            Arrangement::Exchange(record) => Some(&record.arguments),
            Arrangement::Queue { declared, .. } => Some(&declared.arguments),
            Arrangement::Bind(binding) => Some(&binding.arguments),
            _ => None,
        }
    }
}

/// There may be very many things, and all are kept in memory and in each segment of the journal.
const MOST_ARGUMENTS: usize = 4096;

fn too_large(arguments: &[(Box<str>, Value)]) -> bool {
    let one = |(name, value): &(Box<str>, Value)| name.len() + value.len() + size_of::<Value>();
    arguments.iter().map(one).sum::<usize>() > MOST_ARGUMENTS
}

/// A way from an exchange to a queue or another exchange, by their names.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    pub source: Box<str>,
    pub to: To,
    pub key: Box<str>,
    pub arguments: Vec<(Box<str>, Value)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    Queue(Box<str>),
    Exchange(Box<str>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consume {
    pub number: u64,
    pub queue: Box<str>,
    /// How many messages it may hold; `None` is no limit of its own.
    pub credit: Option<u32>,
    /// Whether the session's limit counts for it, too.
    pub limited: bool,
    /// Nobody else.
    pub exclusive: bool,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arranged {
    Done,
    Queue {
        messages: usize,
        consumers: usize,
    },
    /// So many messages are gone.
    Count(usize),
    /// The message follows; so many wait behind it.
    Got {
        left: usize,
    },
    Nothing,
}

type Answer = Result<Arranged, Refusal>;

impl Broker {
    pub(super) fn arrange(&mut self, session: SessionId, what: Arrangement, now: Mono) {
        if what.arguments().is_some_and(too_large) {
            return self.refuse_and_end(session, Refusal::Arguments);
        }
        let answer = match what {
            Arrangement::Exchange(record) => self.declare_exchange(session, record),
            Arrangement::FindExchange(name) => self.find_exchange(&name).map(|_| Arranged::Done),
            Arrangement::DropExchange { name, if_unused } => self.drop_exchange(session, &name, if_unused),
            Arrangement::Queue { name, declared } => self.declare_queue(session, &name, declared, now),
            Arrangement::FindQueue(name) => self.open_queue(session, &name).map(|id| self.view(id)),
            Arrangement::DropQueue {
                name,
                if_unused,
                if_empty,
            } => self.drop_queue(session, &name, if_unused, if_empty),
            Arrangement::Purge(name) => self.purge(session, &name),
            Arrangement::Bind(binding) => self.bind(session, binding),
            Arrangement::Unbind(binding) => self.unbind(session, binding),
            // These answer before the first message follows.
            Arrangement::Consume(consume) => match self.start(session, &consume) {
                Ok(queue) => {
                    self.answer(session, Arranged::Done);
                    return self.dispatch(queue);
                }
                Err(reason) => Err(reason),
            },
            Arrangement::Get { number, queue } => match self.get(session, number, &queue, now) {
                Ok(()) => return,
                Err(reason) => Err(reason),
            },
            Arrangement::Cancel { number } => {
                self.cancel(ConsumerId { session, number }, now);
                Ok(Arranged::Done)
            }
            Arrangement::Limit(most) => {
                self.limit(session, most);
                Ok(Arranged::Done)
            }
        };
        match answer {
            Ok(answer) => self.answer(session, answer),
            Err(reason) => self.refuse_and_end(session, reason),
        }
    }

    fn answer(&mut self, session: SessionId, answer: Arranged) {
        let request = self.sessions.get(&session).map_or(0, |known| known.requests);
        self.outputs.push_back(Output::Arranged {
            session,
            request,
            answer,
        });
    }

    fn find_exchange(&self, name: &str) -> Result<&ExchangeRecord, Refusal> {
        self.exchanges
            .find(name)
            .ok_or_else(|| Refusal::Missing(Thing::Exchange, name.into()))
    }

    fn declare_exchange(&mut self, session: SessionId, record: ExchangeRecord) -> Answer {
        if let Some(known) = self.exchanges.find(&record.name) {
            return same_exchange(known, &record).map(|()| Arranged::Done);
        }
        check_name(&record.name)?;
        if self.exchanges.count() >= super::MOST_THINGS {
            return Err(Refusal::TooMany(Thing::Exchange));
        }
        self.exchanges.make(record.clone());
        if record.durable {
            self.write(Record::ExchangeMade(record), Some(session));
        }
        Ok(Arranged::Done)
    }

    fn drop_exchange(&mut self, session: SessionId, name: &str, if_unused: bool) -> Answer {
        // Deleting what is not there is no error in RabbitMQ.
        if self.exchanges.find(name).is_none() {
            return Ok(Arranged::Done);
        }
        if if_unused && self.exchanges.is_used(name) {
            return Err(Refusal::InUse(Thing::Exchange, name.into()));
        }
        self.together(Some(session), |broker| broker.remove_exchange(name, Some(session)));
        Ok(Arranged::Done)
    }

    /// With all bindings from and to it, and the exchanges that go with their last one. These may stand in a long row.
    fn remove_exchange(&mut self, name: &str, by: Option<SessionId>) {
        let mut ending: Vec<Box<str>> = vec![name.into()];
        while let Some(name) = ending.pop() {
            let durable = self.exchanges.find(&name).is_some_and(|record| record.durable);
            if durable {
                self.write(Record::ExchangeGone(name.clone()), by);
            }
            let sources = self.exchanges.remove(&name).into_iter().map(|binding| binding.source);
            ending.extend(sources.filter(|source| self.exchanges.ends(source)));
        }
    }

    /// An exchange that goes with its last binding.
    fn maybe_remove_exchange(&mut self, name: &str, by: Option<SessionId>) {
        if self.exchanges.ends(name) {
            self.remove_exchange(name, by);
        }
    }

    /// Whether a binding survives a restart: when both its ends do.
    fn lasts(&self, binding: &BindingRecord) -> bool {
        let to = match &binding.destination {
            Destination::Queue(queue) => self.queues.get(queue).is_some_and(|queue| queue.durable),
            Destination::Exchange(name) => self.exchanges.find(name).is_some_and(|exchange| exchange.durable),
        };
        to && self.exchanges.find(&binding.source).is_some_and(|from| from.durable)
    }

    /// The queue by that name, if this connection may use it.
    fn open_queue(&mut self, session: SessionId, name: &str) -> Result<QueueId, Refusal> {
        let id = self.names.get(&(Kind::Anycast, name.into())).copied();
        let known = id.and_then(|id| self.queues.get(&id));
        let Some(queue) = known else {
            return Err(Refusal::Missing(Thing::Queue, name.into()));
        };
        match queue.owner {
            Some(owner) if owner != session.connection() => Err(Refusal::Locked(name.into())),
            _ => Ok(queue.id),
        }
    }

    fn view(&self, id: QueueId) -> Arranged {
        let queue = self.queues.get(&id);
        Arranged::Queue {
            messages: queue.map_or(0, Queue::depth),
            consumers: queue.map_or(0, |queue| queue.consumers().len()),
        }
    }

    fn declare_queue(&mut self, session: SessionId, name: &str, declared: Declared, now: Mono) -> Answer {
        let arguments = declared
            .arguments()
            .map_err(|bad| Refusal::BadArgument(bad.name, bad.why, name.into()))?;
        if self.names.contains_key(&(Kind::Anycast, name.into())) {
            let id = self.open_queue(session, name)?;
            if let Some(queue) = self.queues.get(&id) {
                same_queue(queue, &declared)?;
            }
            self.touch(id, now);
            return Ok(self.view(id));
        }
        check_name(name)?;
        if self.queues.len() >= super::MOST_THINGS {
            return Err(Refusal::TooMany(Thing::Queue));
        }
        let id = self.make_queue(name, name, Kind::Anycast, false);
        let lasts = declared.durable && !declared.exclusive;
        let owner = declared.exclusive.then(|| session.connection());
        if let Some(queue) = self.queues.get_mut(&id) {
            queue.owner = owner;
            queue.terms = Some(Box::new(Terms { declared, arguments }));
        }
        if let Some(owner) = owner.and_then(|owner| self.sessions.get_mut(&owner)) {
            owner.queues.insert(id);
        }
        if lasts {
            self.together(Some(session), |broker| broker.make_durable(id));
        }
        self.touch(id, now);
        Ok(self.view(id))
    }

    fn drop_queue(&mut self, session: SessionId, name: &str, if_unused: bool, if_empty: bool) -> Answer {
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

    fn purge(&mut self, session: SessionId, name: &str) -> Answer {
        let id = self.open_queue(session, name)?;
        let all = self.queues.get_mut(&id).map(Queue::take_all).unwrap_or_default();
        let count = all.len();
        self.together(Some(session), |broker| {
            for (place, entry) in all {
                if let Some(at) = entry.expires {
                    broker.expiries.remove(&(at, id, place));
                }
                broker.drop_entry(Some(session), id, &entry);
            }
        });
        Ok(Arranged::Count(count))
    }

    fn resolve(&mut self, session: SessionId, binding: Binding) -> Result<BindingRecord, Refusal> {
        let destination = match &binding.to {
            To::Queue(name) => Destination::Queue(self.open_queue(session, name)?),
            To::Exchange(name) => {
                self.find_exchange(name)?;
                Destination::Exchange(name.clone())
            }
        };
        self.find_exchange(&binding.source)?;
        Ok(BindingRecord {
            source: binding.source,
            destination,
            key: binding.key,
            arguments: binding.arguments,
        })
    }

    fn bind(&mut self, session: SessionId, binding: Binding) -> Answer {
        let record = self.resolve(session, binding)?;
        if self.exchanges.bindings() >= super::MOST_THINGS {
            return Err(Refusal::TooMany(Thing::Binding));
        }
        if self.exchanges.bind(record.clone()) && self.lasts(&record) {
            self.write(Record::Bound(record), Some(session));
        }
        Ok(Arranged::Done)
    }

    fn unbind(&mut self, session: SessionId, binding: Binding) -> Answer {
        // Neither is it an error to undo what is not there.
        let record = match self.resolve(session, binding) {
            Err(Refusal::Missing(..)) => return Ok(Arranged::Done),
            resolved => resolved?,
        };
        let lasts = self.lasts(&record);
        self.together(Some(session), |broker| {
            if broker.exchanges.unbind(&record) {
                if lasts {
                    broker.write(Record::Unbound(record.clone()), Some(session));
                }
                broker.maybe_remove_exchange(&record.source, Some(session));
            }
        });
        Ok(Arranged::Done)
    }

    /// A queue goes, and all ways to it.
    pub(super) fn unbind_queue(&mut self, id: QueueId, lasted: bool, by: Option<SessionId>) {
        for binding in self.exchanges.to_queue(id) {
            let lasts = lasted && self.exchanges.find(&binding.source).is_some_and(|from| from.durable);
            self.exchanges.unbind(&binding);
            if lasts {
                self.write(Record::Unbound(binding.clone()), by);
            }
            self.maybe_remove_exchange(&binding.source, by);
        }
    }

    fn start(&mut self, session: SessionId, consume: &Consume) -> Result<QueueId, Refusal> {
        let id = self.open_queue(session, &consume.queue)?;
        let consumer = ConsumerId {
            session,
            number: consume.number,
        };
        let Some(queue) = self.queues.get_mut(&id) else {
            return Err(Refusal::Missing(Thing::Queue, consume.queue.clone()));
        };
        if queue.exclusive || consume.exclusive && !queue.consumers().is_empty() {
            return Err(Refusal::ExclusiveUse(consume.queue.clone()));
        }
        queue.exclusive = consume.exclusive;
        queue.subscribe(consumer, false);
        self.ends_at(id, None);
        let mut state = Consumer::new(id, 0, None);
        state.credit = consume.credit.unwrap_or(u32::MAX);
        state.unlimited = consume.credit.is_none();
        state.pooled = consume.limited;
        self.consumers.insert(consumer, state);
        if let Some(known) = self.sessions.get_mut(&session) {
            known.consumers.insert(consumer);
        }
        Ok(id)
    }

    fn get(&mut self, session: SessionId, number: u64, name: &str, now: Mono) -> Result<(), Refusal> {
        let id = self.open_queue(session, name)?;
        self.touch(id, now);
        let Some(queue) = self.queues.get_mut(&id) else {
            return Err(Refusal::Missing(Thing::Queue, name.into()));
        };
        let first = queue.first().and_then(|place| Some((place, queue.take(place)?)));
        let Some((place, entry)) = first else {
            self.answer(session, Arranged::Nothing);
            return Ok(());
        };
        queue.in_flight += 1;
        let left = queue.depth();
        self.answer(session, Arranged::Got { left });
        let consumer = ConsumerId { session, number };
        let mut state = Consumer::new(id, 1, None);
        state.lingers = true;
        self.consumers.insert(consumer, state);
        if let Some(known) = self.sessions.get_mut(&session) {
            known.consumers.insert(consumer);
        }
        self.hand_out(id, consumer, place, entry, None);
        Ok(())
    }

    /// It gets no more. What it holds is still to be settled.
    fn cancel(&mut self, consumer: ConsumerId, now: Mono) {
        let Some(known) = self.consumers.get_mut(&consumer) else {
            return;
        };
        known.lingers = true;
        let (id, empty) = (known.queue, known.in_flight.is_empty());
        if empty {
            self.forget_consumer(consumer);
        }
        self.left(id, consumer, now);
    }

    /// Its queue is gone. Whom it was for knows that, and settles what it holds.
    pub(super) fn outlive(&mut self, consumer: ConsumerId, of_client: bool) {
        // A client's subscriptions end in a way of their own.
        let Some(known) = self.consumers.get_mut(&consumer).filter(|_| !of_client) else {
            return;
        };
        known.lingers = true;
        self.end_lingering(consumer);
    }

    pub(super) fn forget_consumer(&mut self, consumer: ConsumerId) {
        self.consumers.remove(&consumer);
        if let Some(known) = self.sessions.get_mut(&consumer.session) {
            known.consumers.remove(&consumer);
        }
    }

    /// A queue has a consumer less, and may end with that.
    pub(super) fn left(&mut self, id: QueueId, consumer: ConsumerId, now: Mono) {
        let Some(queue) = self.queues.get_mut(&id) else {
            return;
        };
        let was = queue.consumers().contains(&consumer);
        queue.unsubscribe(consumer);
        if !was || !queue.consumers().is_empty() {
            return self.dispatch(id);
        }
        self.abandoned(id, now);
    }

    /// It is used: whoever wants it gone when it is not has to wait again.
    pub(super) fn touch(&mut self, id: QueueId, now: Mono) {
        let Some(queue) = self.queues.get(&id).filter(|queue| queue.consumers().is_empty()) else {
            return;
        };
        let Some(expires) = queue.terms.as_ref().and_then(|terms| terms.arguments.expires) else {
            return;
        };
        self.ends_at(id, Some(now + std::time::Duration::from_millis(expires)));
    }

    /// When it goes if nobody uses it; what was known before counts no more.
    pub(super) fn ends_at(&mut self, id: QueueId, at: Option<Mono>) {
        let Some(queue) = self.queues.get_mut(&id) else {
            return;
        };
        if let Some(before) = std::mem::replace(&mut queue.ends_at, at) {
            self.queues_due.remove(&(before, id));
        }
        self.queues_due.extend(at.map(|at| (at, id)));
    }

    pub(super) fn queues_due(&mut self, now: Mono) {
        while let Some((at, id)) = self.queues_due.first().copied().filter(|(at, _)| *at <= now) {
            self.queues_due.remove(&(at, id));
            if self.queues.get(&id).is_some_and(|queue| queue.ends_at == Some(at)) {
                self.remove_by(id, None);
            }
        }
    }

    /// All consumers of the session together hold at most so many.
    fn limit(&mut self, session: SessionId, most: Option<u32>) {
        let Some(known) = self.sessions.get_mut(&session) else {
            return;
        };
        let pooled = known
            .consumers
            .iter()
            .filter_map(|consumer| self.consumers.get(consumer));
        let out: usize = pooled
            .filter(|c| c.pooled)
            .map(|consumer| consumer.in_flight.len())
            .sum();
        let out = i64::try_from(out).unwrap_or(i64::MAX);
        known.pool.credit = most.map_or(super::session::UNLIMITED, i64::from) - out;
        self.window(session, 0);
    }

    /// Its exclusive queues go with a connection.
    pub(super) fn close_connection(&mut self, session: SessionId, now: Mono) {
        let last = SessionId(session.0 | SessionId::PARTS);
        let parts: Vec<SessionId> = self.sessions.range(session..=last).map(|(id, _)| *id).collect();
        for part in parts.into_iter().rev() {
            let queues = self
                .sessions
                .get_mut(&part)
                .map(|known| std::mem::take(&mut known.queues));
            for queue in queues.into_iter().flatten() {
                self.remove_by(queue, None);
            }
            self.close(part, now);
        }
    }

    pub(super) fn end_lingering(&mut self, consumer: ConsumerId) {
        let done = self
            .consumers
            .get(&consumer)
            .is_some_and(|known| known.lingers && known.in_flight.is_empty());
        if done {
            self.forget_consumer(consumer);
        }
    }

    /// Whether a queue takes no more, and what becomes of what is sent to it.
    pub(super) fn rejects(&self, id: &QueueId) -> Option<Overflow> {
        let queue = self.queues.get(id)?;
        let terms = queue.terms.as_ref()?;
        (terms.arguments.overflow != Overflow::DropHead && queue.is_full()).then_some(terms.arguments.overflow)
    }
}

fn same_exchange(known: &ExchangeRecord, wanted: &ExchangeRecord) -> Result<(), Refusal> {
    let name = || (Thing::Exchange, known.name.clone());
    let different = |argument: &str, received: String, current: String| {
        let (thing, name) = name();
        Err(Refusal::Different {
            thing,
            name,
            argument: argument.into(),
            received: format!("received '{received}'").into(),
            current: format!("'{current}'").into(),
        })
    };
    if known.kind != wanted.kind {
        return different("type", wanted.kind.name().into(), known.kind.name().into());
    }
    for (argument, received, current) in [
        ("durable", wanted.durable, known.durable),
        ("auto_delete", wanted.auto_delete, known.auto_delete),
        ("internal", wanted.internal, known.internal),
    ] {
        if received != current {
            return different(argument, received.to_string(), current.to_string());
        }
    }
    let of = |record: &ExchangeRecord| record.alternate().map(|text| Value::Text(text.into()));
    same_argument("alternate-exchange", of(wanted).as_ref(), of(known).as_ref(), name)
}

fn same_queue(queue: &Queue, wanted: &Declared) -> Result<(), Refusal> {
    let name = || (Thing::Queue, queue.name.clone());
    let usual = Declared {
        durable: true,
        ..Declared::default()
    };
    let known = queue.terms.as_ref().map_or(&usual, |terms| &terms.declared);
    for (argument, received, current) in [
        ("durable", wanted.durable, known.durable),
        ("auto_delete", wanted.auto_delete, known.auto_delete),
    ] {
        if received != current {
            return Err(Refusal::Different {
                thing: Thing::Queue,
                name: queue.name.clone(),
                argument: argument.into(),
                received: format!("received '{received}'").into(),
                current: format!("'{current}'").into(),
            });
        }
    }
    if wanted.exclusive != known.exclusive {
        return Err(Refusal::Locked(queue.name.clone()));
    }
    let names = known.arguments.iter().chain(&wanted.arguments).map(|(name, _)| name);
    for argument in names.filter(|name| name.starts_with("x-")) {
        same_argument(argument, wanted.argument(argument), known.argument(argument), name)?;
    }
    Ok(())
}

fn same_argument(
    argument: &str,
    wanted: Option<&Value>,
    known: Option<&Value>,
    name: impl Fn() -> (Thing, Box<str>),
) -> Result<(), Refusal> {
    if wanted == known {
        return Ok(());
    }
    let (thing, name) = name();
    Err(Refusal::Different {
        thing,
        name,
        argument: argument.into(),
        received: match wanted {
            Some(value) => format!("received {}", described(Some(value))).into(),
            None => "received none".into(),
        },
        current: described(known).into(),
    })
}

fn described(value: Option<&Value>) -> String {
    let Some(value) = value else {
        return "none".to_owned();
    };
    let kind = match value {
        Value::Text(_) => "longstr",
        Value::Int(_) => "signedint",
        Value::Float(_) => "double",
        Value::Bool(_) => "bool",
        Value::Bytes(_) => "binary",
        Value::Other(_) => "table",
    };
    format!("the value '{}' of type '{kind}'", value.to_text())
}
