//! What the journal keeps: enough to stand where we stood, in the order in which it happened.

use std::sync::Arc;

use crate::{Kind, Message, MessageId, QueueId};

/// One entry of the journal. A record is there as a whole or not at all.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    QueueMade(QueueRecord),
    QueueGone(QueueId),
    /// A message, and the queues that hold it.
    Put {
        id: MessageId,
        queues: Vec<QueueId>,
        message: Arc<Message>,
    },
    /// A queue is done with a message.
    Gone {
        queue: QueueId,
        id: MessageId,
    },
    /// What belongs together: a transaction.
    All(Vec<Record>),
    /// Numbers below these have been given away.
    Numbers {
        message: MessageId,
        queue: QueueId,
    },
}

/// A durable queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueRecord {
    pub id: QueueId,
    pub name: Box<str>,
    pub address: Box<str>,
    pub kind: Kind,
}
