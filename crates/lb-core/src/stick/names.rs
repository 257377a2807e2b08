//! The names of servers that entries hold: each is kept once, and entries hold its number.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Numbers count from 1; 0 is no name.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    names: Vec<Arc<str>>,
    numbers: BTreeMap<Arc<str>, u32>,
}

/// Nobody has so many servers; peers may send whatever they like.
const MOST: usize = 65_536;
/// Of these no more come from peers, so that there is room for the servers here.
const MOST_LEARNED: usize = 4_096;
const LONGEST_LEARNED: usize = 255;

impl Names {
    /// 0 when there is no room for another one.
    pub(super) fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        if self.names.len() >= MOST {
            return 0;
        }
        let name: Arc<str> = name.into();
        self.names.push(name.clone());
        let number = u32::try_from(self.names.len()).unwrap_or(0);
        self.numbers.insert(name, number);
        number
    }

    /// Whether a peer may have this name kept.
    pub(super) fn takes(&self, name: &str) -> bool {
        self.numbers.contains_key(name) || name.len() <= LONGEST_LEARNED && self.names.len() < MOST_LEARNED
    }

    pub(super) fn name(&self, number: u32) -> Option<&Arc<str>> {
        self.names.get((number as usize).checked_sub(1)?)
    }
}
