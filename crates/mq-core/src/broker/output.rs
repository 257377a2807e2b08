//! What the broker wants done.

use std::sync::Arc;

use super::{Arranged, Listening};
use crate::{ConsumerId, DeliveryId, Lsn, Message, MessageId, Record, Right, SessionId, Token, TransactionId};

/// One effect, to be carried out in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Append to the journal; say [`Stored`](super::Input::Stored) when it is on disk.
    Write {
        lsn: Lsn,
        record: Record,
    },
    Deliver(Delivery),
    /// A browser has seen all there is.
    Browsed {
        consumer: ConsumerId,
    },
    /// A consumer's credit is gone; so much of it was not used.
    Drained {
        consumer: ConsumerId,
        left: u32,
    },
    /// Everything before the token is safe.
    Synced {
        session: SessionId,
        token: Token,
    },
    /// A session asked for something that is not there or not allowed. What it is goes to the session, which ends it or not.
    Refused {
        session: SessionId,
        reason: Refusal,
        /// Which of the session's inputs it was, from 1 on.
        request: u64,
        /// The broker does nothing more for the session, so the client must hear of it.
        ends: bool,
    },
    /// The answer to [`Attach`](super::Attach), before anything is delivered.
    Attached {
        session: SessionId,
        known: Option<Box<Known>>,
    },
    /// Another connection has come for the same client; this session is over.
    Taken {
        session: SessionId,
    },
    /// The answer to an [`Arrangement`](super::Arrangement).
    Arranged {
        session: SessionId,
        /// Which of the session's inputs it was.
        request: u64,
        answer: Arranged,
    },
    /// Nothing is bound for a message whose sender wants to know.
    Returned {
        session: SessionId,
        exchange: Box<str>,
        key: Box<str>,
        message: Box<Message>,
    },
    /// The queue of a consumer is gone.
    Abandoned {
        consumer: ConsumerId,
    },
    /// There is too little of this, or enough of all again: whoever sends is to be held back as long.
    Hold(Option<Scarce>),
    /// A crontab began no series, because what waits has no room for it; said once until one begins again.
    Omitted {
        address: Arc<str>,
    },
}

impl Output {
    /// Whom it is for; `None` for what is for the node.
    pub fn session(&self) -> Option<SessionId> {
        Some(match self {
            Output::Write { .. } | Output::Hold(_) | Output::Omitted { .. } => return None,
            Output::Deliver(delivery) => delivery.consumer.session,
            Output::Browsed { consumer } | Output::Abandoned { consumer } | Output::Drained { consumer, .. } => {
                consumer.session
            }
            Output::Synced { session, .. }
            | Output::Refused { session, .. }
            | Output::Attached { session, .. }
            | Output::Taken { session }
            | Output::Arranged { session, .. }
            | Output::Returned { session, .. } => *session,
        })
    }
}

/// What was known of a client that has come back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    /// Its subscriptions, each with its consumer's number, from 1 on.
    pub listens: Vec<(u64, Box<str>, Listening)>,
    /// What it has sent and may send again.
    pub received: Vec<u16>,
    /// What it has and need only be told that we know.
    pub released: Vec<u16>,
    /// What comes again by these numbers.
    pub named: Vec<u16>,
}

/// One message on its way to one consumer.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    pub consumer: ConsumerId,
    pub delivery: DeliveryId,
    pub id: MessageId,
    pub address: Arc<str>,
    pub message: Arc<Message>,
    /// How often it was tried in vain.
    pub attempts: u32,
    /// Somebody may have seen it before.
    pub redelivered: bool,
    /// The client knows it by this number.
    pub packet: Option<u16>,
}

/// What there can be too little of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scarce {
    Memory,
    Disk,
    /// The disk is slower than what is sent.
    Bandwidth,
}

impl std::fmt::Display for Scarce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Scarce::Memory => "memory",
            Scarce::Disk => "disk",
            Scarce::Bandwidth => "disk bandwidth",
        })
    }
}

/// What a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    Queue,
    Exchange,
    Binding,
    Topic,
    Policy,
    Schedule,
}

impl std::fmt::Display for Thing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Thing::Queue => "queue",
            Thing::Exchange => "exchange",
            Thing::Binding => "binding",
            Thing::Topic => "topic",
            Thing::Policy => "policy",
            Thing::Schedule => "message that waits for its time,",
        })
    }
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("there is no transaction {}", .0.0)]
    NoTransaction(TransactionId),
    #[error("transaction {} has begun already", .0.0)]
    TransactionExists(TransactionId),
    #[error("there is no consumer {0}")]
    NoConsumer(u64),
    #[error("consumer {0} exists already")]
    ConsumerExists(u64),
    #[error("the subscription {0:?} is in use")]
    SubscriptionInUse(Box<str>),
    #[error("there is no subscription {0:?}")]
    NoSubscription(Box<str>),
    #[error("{0:?} is not a name for an address: {1}")]
    Name(Box<str>, &'static str),
    #[error("only a client with a name can do that")]
    NoName,
    #[error("this delivery is settled, or never was")]
    NoDelivery,
    #[error("no {0} '{1}'")]
    Missing(Thing, Box<str>),
    #[error("queue '{0}' belongs to another connection")]
    Locked(Box<str>),
    #[error("queue '{0}' has an exclusive consumer, or others have it")]
    ExclusiveUse(Box<str>),
    #[error("{0} '{1}' is in use")]
    InUse(Thing, Box<str>),
    #[error("queue '{0}' is not empty")]
    NotEmpty(Box<str>),
    #[error("there are too many of the kind {0}")]
    TooMany(Thing),
    #[error("the argument {0} of queue '{2}' cannot be used: {1}")]
    BadArgument(Box<str>, Box<str>, Box<str>),
    #[error("{thing} '{name}' is there with another {argument}: {received} but current is {current}")]
    Different {
        thing: Thing,
        name: Box<str>,
        argument: Box<str>,
        received: Box<str>,
        current: Box<str>,
    },
    #[error("the arguments are larger than 4096 bytes")]
    Arguments,
    #[error("the disk has no room for a message of this size")]
    TooLarge,
    #[error("the transaction is too large, or all that are open together")]
    TransactionTooLarge,
    #[error("exchange '{0}' takes nothing from clients")]
    Internal(Box<str>),
    /// A queue that rejects what it has no room for.
    #[error("a queue is full")]
    Full,
    #[error("messages that wait for their time take half of the memory: send this one later, or without a schedule")]
    TooMuchLater,
    #[error("this policy cannot be: {0}")]
    Policy(&'static str),
    #[error("{right} access to {thing} '{name}' refused")]
    Denied { right: Right, thing: Thing, name: Box<str> },
}
