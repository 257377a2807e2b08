//! What the broker is told.

use crate::{ConsumerId, DeliveryId, Kind, Lsn, Message, SessionId, Token, TransactionId};

/// One thing that happened.
#[derive(Debug)]
pub enum Input {
    Opened {
        session: SessionId,
    },
    /// Everything the session held returns to the queues; its transactions never were.
    Closed {
        session: SessionId,
    },
    Send {
        session: SessionId,
        transaction: Option<TransactionId>,
        to: Target,
        message: Message,
    },
    Subscribe {
        consumer: ConsumerId,
        to: Target,
        options: Subscription,
    },
    Unsubscribe {
        consumer: ConsumerId,
    },
    /// A durable subscription is wanted no more.
    Forget {
        session: SessionId,
        name: Box<str>,
    },
    /// So many more messages may be handed to the consumer.
    Credit {
        consumer: ConsumerId,
        more: u32,
    },
    Settle {
        session: SessionId,
        transaction: Option<TransactionId>,
        delivery: DeliveryId,
        outcome: Outcome,
    },
    Begin {
        session: SessionId,
        transaction: TransactionId,
    },
    Commit {
        session: SessionId,
        transaction: TransactionId,
    },
    Abort {
        session: SessionId,
        transaction: TransactionId,
    },
    /// Say this token once everything that the session did until now is safe.
    Sync {
        session: SessionId,
        token: Token,
    },
    /// The journal is on disk up to here.
    Stored {
        upto: Lsn,
    },
}

/// Where a message goes, or where a consumer listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub address: Box<str>,
    pub kind: Kind,
}

/// How a consumer wants its messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscription {
    /// How many it takes before it has settled the first.
    pub credit: u32,
    /// A subscription to a topic that outlives its session, by this name.
    pub durable: Option<Box<str>>,
    /// Looks and takes nothing.
    pub browse: bool,
}

/// What a consumer made of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Accepted,
    /// Not tried: it goes back as it was.
    Released,
    /// Tried in vain: it goes back, and counts against the most attempts.
    Failed,
    /// Nobody should try again.
    Rejected,
}
