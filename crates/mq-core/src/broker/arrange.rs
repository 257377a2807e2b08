//! What AMQP 0-9-1 and operators ask for beside messages: exchanges, queues with arguments, bindings, and ways to take messages
//! that leave what is not acknowledged where it is. Each request has one answer, or is refused.

mod exchanges;
mod moving;
mod queues;
mod same;

use tandem_time::Mono;

use super::declared::Declared;
use super::session::{Consumer, Stays};
use super::{Broker, Output, Refusal, Thing};
use crate::{ConsumerId, ExchangeRecord, MessageId, PolicyRecord, QueueId, SessionId, Value};

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
    /// By a name that only we give: it is there already, or nowhere.
    SameQueue {
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
    /// From one queue to another, as an operator has it; the answer is a [`Count`](Arranged::Count). What one request moves is
    /// bounded, so there may be more.
    Move {
        from: Box<str>,
        to: Box<str>,
        which: Which,
    },
    /// What waits for its time is not sent any more.
    CancelLater(MessageId),
    /// What an operator decides for addresses.
    SetPolicy(PolicyRecord),
    DropPolicy(Box<str>),
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
            Arrangement::Queue { declared, .. } | Arrangement::SameQueue { declared, .. } => Some(&declared.arguments),
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

/// Which of the messages that wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those that had come when this was the newest.
    Upto(MessageId),
    /// Those of these that are still there.
    These(Vec<MessageId>),
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
            Arrangement::SameQueue { name, declared } => match self.open_queue(session, &name) {
                Ok(_) => self.declare_queue(session, &name, declared, now),
                Err(reason) => Err(reason),
            },
            Arrangement::FindQueue(name) => self.open_queue(session, &name).map(|id| self.view(id)),
            Arrangement::DropQueue {
                name,
                if_unused,
                if_empty,
            } => self.drop_queue(session, &name, if_unused, if_empty),
            Arrangement::Purge(name) => self.purge(session, &name),
            Arrangement::Move { from, to, which } => self.shift(session, &from, &to, &which, now),
            Arrangement::CancelLater(id) => self.cancel_later(session, id),
            Arrangement::SetPolicy(record) => self.set_policy(session, record),
            Arrangement::DropPolicy(name) => self.drop_policy(session, &name),
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
        let usual = queue.policy.prefetch;
        queue.exclusive = consume.exclusive;
        queue.subscribe(consumer, false);
        self.ends_at(id, None);
        let mut state = Consumer::new(id, 0, None);
        state.credit = consume.credit.unwrap_or(u32::MAX);
        state.unlimited = consume.credit.is_none();
        state.most = usual;
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
        let Some((place, entry)) = queue.take_next(&mut self.sums) else {
            self.answer(session, Arranged::Nothing);
            return Ok(());
        };
        queue.went_out(&entry, &mut self.sums);
        let left = queue.depth();
        self.answer(session, Arranged::Got { left });
        let consumer = ConsumerId { session, number };
        let mut state = Consumer::new(id, 1, None);
        state.stays = Stays::UntilSettled;
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
        known.stays = Stays::UntilSettled;
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
        known.stays = Stays::UntilSettled;
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
            .is_some_and(|known| known.stays != Stays::Listening && known.in_flight.is_empty());
        if done {
            self.forget_consumer(consumer);
        }
    }
}
