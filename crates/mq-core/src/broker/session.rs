//! What a session holds: consumers, open transactions, and what it waits to hear of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::broker::{Outcome, Target};
use crate::queue::{Entry, Place};
use crate::{ConsumerId, DeliveryId, Lsn, Message, QueueId, TransactionId};

#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) consumers: BTreeSet<ConsumerId>,
    pub(super) transactions: BTreeMap<TransactionId, Vec<Step>>,
    /// The last record that was written for it.
    pub(super) written: Lsn,
}

/// What a transaction will do when it commits.
#[derive(Debug)]
pub(super) enum Step {
    Send(Target, Arc<Message>),
    Settle(DeliveryId, Outcome),
}

#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) queue: QueueId,
    pub(super) credit: u32,
    /// What it was handed and has not settled, oldest first.
    pub(super) in_flight: BTreeMap<DeliveryId, Held>,
    /// Looks only; and how far it has looked.
    pub(super) browse: Option<Browse>,
}

/// A message in a consumer's hands.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) place: Place,
    pub(super) entry: Entry,
    /// A transaction has settled it; it stays here until that commits or aborts.
    pub(super) settled_by: Option<TransactionId>,
}

#[derive(Debug, Default)]
pub(super) struct Browse {
    pub(super) seen: Option<Place>,
    pub(super) done: bool,
}
