//! What a session holds: consumers, open transactions, and what it waits to hear of.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::broker::{Outcome, Publish, Target};
use crate::queue::{Entry, Place};
use crate::{ConsumerId, DeliveryId, Lsn, Message, QueueId, Selector, TransactionId};

#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) consumers: BTreeSet<ConsumerId>,
    pub(super) transactions: BTreeMap<TransactionId, Transaction>,
    /// The last record that was written for it.
    pub(super) written: Lsn,
    /// How many inputs it has given.
    pub(super) requests: u64,
    /// It made a mistake, and nothing is done for it any more.
    pub(super) ended: bool,
    /// The client whose name it came with.
    pub(super) client: Option<Arc<str>>,
    /// Exclusive queues, which go with it.
    pub(super) queues: BTreeSet<QueueId>,
    pub(super) pool: Pool,
}

/// As good as no limit for all consumers together.
pub(super) const UNLIMITED: i64 = i64::MAX / 4;

/// The credit of all consumers of a session together. It may have been lowered below what is out.
/// Only consumers that are `pooled` share it.
#[derive(Debug, Default)]
pub(super) struct Pool {
    pub(super) credit: i64,
    /// Queues that had something for it when there was none.
    pub(super) starved: VecDeque<QueueId>,
}

/// Why a consumer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Unsubscribed,
    Closed,
}

/// What waits for its commit.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    pub(super) steps: Vec<Step>,
    pub(super) weight: usize,
}

/// What a transaction will do when it commits.
#[derive(Debug)]
pub(super) enum Step {
    Send {
        to: Target,
        message: Message,
        once: Option<u16>,
    },
    Publish(Publish),
    Settle(DeliveryId, Outcome),
}

impl Step {
    /// What of it must find room on the disk, in bytes.
    pub(super) fn on_disk(&self) -> usize {
        match self {
            Step::Send { message, .. } | Step::Publish(Publish { message, .. }) if message.durable => message.weight(),
            _ => 0,
        }
    }
}

/// How long a consumer is there. It is handed nothing any more after the first of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stays {
    Listening,
    /// Until its client has settled what it holds.
    UntilSettled,
    /// Until the transactions are over in which its client has settled that. What they do not settle is not the client's any
    /// more.
    UntilCommitted,
}

#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) queue: QueueId,
    pub(super) credit: u32,
    /// It has no limit of its own.
    pub(super) unlimited: bool,
    /// But it holds at most so many, because the policy of its queue says so.
    pub(super) most: Option<u32>,
    /// The session's limit counts for it.
    pub(super) pooled: bool,
    pub(super) stays: Stays,
    /// Its queue is among the starved.
    pub(super) starves: bool,
    /// Takes only these.
    pub(super) selector: Option<Selector>,
    /// What it was handed and has not settled, oldest first.
    pub(super) in_flight: BTreeMap<DeliveryId, Held>,
    /// Looks only; and how far it has looked.
    pub(super) browse: Option<Browse>,
}

impl Consumer {
    pub(super) fn new(queue: QueueId, credit: u32, browse: Option<Browse>) -> Consumer {
        Consumer {
            queue,
            credit,
            unlimited: false,
            most: None,
            pooled: false,
            stays: Stays::Listening,
            starves: false,
            selector: None,
            in_flight: BTreeMap::new(),
            browse,
        }
    }

    /// How many more it may be handed; `None` where nothing of its own limits it.
    pub(super) fn room(&self) -> Option<u32> {
        let held = u32::try_from(self.in_flight.len()).unwrap_or(u32::MAX);
        match self.unlimited {
            true => self.most.map(|most| most.saturating_sub(held)),
            false => Some(self.credit),
        }
    }

    pub(super) fn wants(&self, message: &Message) -> bool {
        self.selector.as_ref().is_none_or(|selector| selector.selects(message))
    }

    pub(super) fn pooled(queue: QueueId) -> Consumer {
        Consumer {
            unlimited: true,
            pooled: true,
            ..Consumer::new(queue, 0, None)
        }
    }
}

/// A message in a consumer's hands.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) place: Place,
    pub(super) entry: Entry,
    /// A transaction has settled it; it stays here until that commits or aborts.
    pub(super) settled_by: Option<TransactionId>,
    pub(super) packet: Option<Packet>,
}

/// How a client speaks of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    pub(super) number: u16,
    pub(super) once: bool,
}

#[derive(Debug, Default)]
pub(super) struct Browse {
    pub(super) seen: Option<Place>,
    pub(super) done: bool,
}
