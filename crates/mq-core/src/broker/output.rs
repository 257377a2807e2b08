//! What the broker wants done.

use std::sync::Arc;

use crate::{ConsumerId, DeliveryId, Lsn, Message, MessageId, Record, SessionId, Token, TransactionId};

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
    /// Everything before the token is safe.
    Synced {
        session: SessionId,
        token: Token,
    },
    /// A session asked for something that is not there or not allowed. What it is goes to the session, which ends it or not.
    Refused {
        session: SessionId,
        reason: Refusal,
    },
    /// Memory is full (`true`), or has room again: whoever sends is to be held back.
    Hold(bool),
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
    #[error("this delivery is settled, or never was")]
    NoDelivery,
}
