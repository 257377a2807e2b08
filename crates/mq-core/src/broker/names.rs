//! Queues by their names. Queues and subscriptions are called independently of each other.

use std::collections::BTreeMap;

use crate::{Kind, QueueId};

#[derive(Debug, Default)]
pub(super) struct Names {
    queues: BTreeMap<Box<str>, QueueId>,
    subscriptions: BTreeMap<Box<str>, QueueId>,
}

impl Names {
    pub(super) fn find(&self, kind: Kind, name: &str) -> Option<QueueId> {
        match kind {
            Kind::Anycast => self.queues.get(name).copied(),
            Kind::Multicast => self.subscriptions.get(name).copied(),
        }
    }

    pub(super) fn insert(&mut self, kind: Kind, name: Box<str>, id: QueueId) {
        self.of(kind).insert(name, id);
    }

    pub(super) fn remove(&mut self, kind: Kind, name: &str) {
        self.of(kind).remove(name);
    }

    /// Queues first, each kind in the order of the names.
    pub(super) fn all(&self) -> impl Iterator<Item = QueueId> {
        self.queues.values().chain(self.subscriptions.values()).copied()
    }

    fn of(&mut self, kind: Kind) -> &mut BTreeMap<Box<str>, QueueId> {
        match kind {
            Kind::Anycast => &mut self.queues,
            Kind::Multicast => &mut self.subscriptions,
        }
    }
}
