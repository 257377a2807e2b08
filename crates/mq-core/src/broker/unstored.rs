//! What the journal has been given and has not stored yet. It stays in memory also when no queue holds it any more, so whoever
//! sends is held back when that is too much: when the disk is slower than the network.

use std::collections::VecDeque;

use crate::Lsn;

#[derive(Debug, Default)]
pub(super) struct Unstored {
    records: VecDeque<(Lsn, usize)>,
    weight: usize,
}

impl Unstored {
    pub(super) fn add(&mut self, lsn: Lsn, weight: usize) {
        self.records.push_back((lsn, weight));
        self.weight += weight;
    }

    /// The journal has stored what was written up to here.
    pub(super) fn remove(&mut self, upto: Lsn) {
        while let Some((_, weight)) = self.records.pop_front_if(|(lsn, _)| *lsn <= upto) {
            self.weight -= weight;
        }
    }

    pub(super) fn weight(&self) -> usize {
        self.weight
    }
}
