//! Queues by their names. Queues and subscriptions are called independently of each other.

use std::collections::BTreeMap;
use std::ops::Bound;

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

    /// The same from behind one of them on.
    pub(super) fn after(&self, last: Option<(Kind, &str)>) -> impl Iterator<Item = QueueId> {
        let (queue, subscription) = match last {
            None => (Some(None), None),
            Some((Kind::Anycast, name)) => (Some(Some(name)), None),
            Some((Kind::Multicast, name)) => (None, Some(name)),
        };
        let queues = queue.map(|name| self.queues.range::<str, _>(behind(name)));
        let subscriptions = self.subscriptions.range::<str, _>(behind(subscription));
        queues.into_iter().flatten().chain(subscriptions).map(|(_, id)| *id)
    }

    fn of(&mut self, kind: Kind) -> &mut BTreeMap<Box<str>, QueueId> {
        match kind {
            Kind::Anycast => &mut self.queues,
            Kind::Multicast => &mut self.subscriptions,
        }
    }
}

fn behind(name: Option<&str>) -> (Bound<&str>, Bound<&str>) {
    (name.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)
}
