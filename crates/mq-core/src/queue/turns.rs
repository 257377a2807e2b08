//! Who takes from a queue, and whose turn it is.

use std::collections::BTreeSet;

use crate::ConsumerId;

#[derive(Debug, Default)]
pub(super) struct Turns {
    /// In turn.
    consumers: Vec<ConsumerId>,
    next: usize,
    /// Of the consumers, those that want it for themselves: the first has it.
    favoured: Vec<ConsumerId>,
    /// Consumers that do not take every message.
    selective: BTreeSet<ConsumerId>,
}

impl Turns {
    pub(super) fn add(&mut self, consumer: ConsumerId, selective: bool) {
        self.consumers.push(consumer);
        if selective {
            self.selective.insert(consumer);
        }
    }

    pub(super) fn favour(&mut self, consumer: ConsumerId) {
        self.favoured.push(consumer);
    }

    pub(super) fn remove(&mut self, consumer: ConsumerId) {
        let Some(at) = self.consumers.iter().position(|c| *c == consumer) else {
            return;
        };
        self.consumers.remove(at);
        self.selective.remove(&consumer);
        self.favoured.retain(|favoured| *favoured != consumer);
        // Whoever was next stays next.
        if at < self.next {
            self.next -= 1;
        }
    }

    pub(super) fn all(&self) -> &[ConsumerId] {
        &self.consumers
    }

    pub(super) fn is_selective(&self) -> bool {
        !self.selective.is_empty()
    }

    /// Those that are handed something, where one at a time is where that is wanted of the queue.
    pub(super) fn active(&self, single: bool) -> &[ConsumerId] {
        match (single, &self.favoured[..], &self.consumers[..]) {
            (_, [first, ..], _) | (true, _, [first, ..]) => std::slice::from_ref(first),
            (_, _, all) => all,
        }
    }

    /// The next in turn that `may`, and the turn moves on.
    pub(super) fn choose(&mut self, single: bool, may: impl Fn(ConsumerId) -> bool) -> Option<ConsumerId> {
        let active = self.active(single);
        let count = active.len();
        let at = (0..count)
            .map(|i| (self.next + i) % count)
            .find(|at| may(active[*at]))?;
        let chosen = active[at];
        self.next = (at + 1) % count;
        Some(chosen)
    }
}
