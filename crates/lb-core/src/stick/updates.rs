//! What peers have to be told: every entry that changed here, in the order of the changes.

use std::collections::BTreeMap;

use super::StickTable;
use super::slots::Place;

/// Who changed an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Here,
    /// A peer told of it; it is not told again.
    Peer,
}

/// Changes are numbered from 1; an entry is in it once, with its last change.
#[derive(Clone, Debug, Default)]
pub(super) struct Updates {
    last: u64,
    changes: BTreeMap<u64, Place>,
    /// Of each place, the number of its last change; 0 is none.
    numbers: Vec<u64>,
}

impl Updates {
    pub(super) fn note(&mut self, place: Place) {
        self.forget(place);
        let at = place.0 as usize;
        if self.numbers.len() <= at {
            self.numbers.resize(at + 1, 0);
        }
        self.last += 1;
        self.numbers[at] = self.last;
        self.changes.insert(self.last, place);
    }

    pub(super) fn forget(&mut self, place: Place) {
        if let Some(number) = self.numbers.get_mut(place.0 as usize) {
            self.changes.remove(number);
            *number = 0;
        }
    }

    /// The first change behind this number.
    pub(super) fn after(&self, number: u64) -> Option<(u64, Place)> {
        let mut behind = self.changes.range(number + 1..);
        behind.next().map(|(number, place)| (*number, *place))
    }
}

impl StickTable {
    /// The first change behind this number, and its entry; `None` when there is none, or nobody is told.
    pub fn change_after(&self, number: u64) -> Option<(u64, Place)> {
        self.updates.as_ref()?.after(number)
    }

    /// The number of the last change.
    pub fn last_change(&self) -> u64 {
        self.updates.as_ref().map_or(0, |updates| updates.last)
    }
}
