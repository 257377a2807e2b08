//! Who takes from a queue, and whose turn it is.

use std::collections::BTreeSet;

use super::groups::{Group, Owners};
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
    owners: Owners,
}

/// Who could take a message.
pub(crate) struct Able<W, M> {
    /// Whether a consumer would like it at all.
    pub(crate) wants: W,
    /// And whether it may have it now.
    pub(crate) may: M,
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
        self.owners.left(consumer);
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

    /// Who gets a message of a group: the one who has the group, if that is there and may.
    fn choose_of_group(
        &mut self,
        single: bool,
        group: Group,
        able: &Able<impl Fn(ConsumerId) -> bool, impl Fn(ConsumerId) -> bool>,
    ) -> Option<ConsumerId> {
        let active = self.active(single);
        // All have been there since they had it; but one may want all for itself now.
        let is_active = |owner: &ConsumerId| active.len() > 1 || active == [*owner];
        let owner = self.owners.of(group).filter(is_active);
        let chosen = match owner.filter(|owner| (able.wants)(*owner)) {
            Some(owner) => Some(owner).filter(|owner| (able.may)(*owner))?,
            None => self.choose_in_turn(single, &able.may)?,
        };
        // Who chooses its messages and does not want this one keeps the group.
        if owner.is_none_or(|owner| owner == chosen) {
            self.owners.goes_to(group, chosen);
        }
        Some(chosen)
    }

    pub(super) fn choose(
        &mut self,
        single: bool,
        group: Option<Group>,
        able: &Able<impl Fn(ConsumerId) -> bool, impl Fn(ConsumerId) -> bool>,
    ) -> Option<ConsumerId> {
        match group {
            Some(group) => self.choose_of_group(single, group, able),
            None => self.choose_in_turn(single, &able.may),
        }
    }

    /// The next in turn that `may`, and the turn moves on.
    fn choose_in_turn(&mut self, single: bool, may: &impl Fn(ConsumerId) -> bool) -> Option<ConsumerId> {
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
