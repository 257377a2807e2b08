//! Why the balancing picks a server, and whom it would pick if that one were not there.
//!
//! The pick itself is asked, so what is said here can say nothing else; only the reason is put together again.

use std::fmt;

use super::{Candidate, Loads, Policy, Request, Table};
use crate::ServerIdx;

/// A server that was picked, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    pub server: ServerIdx,
    pub why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The hash of the address falls on a slot of the map.
    Slot { hash: u32, slot: usize, slots: usize },
    /// The server owns the point of the ring that is nearest to the hash of the address.
    Nearest { hash: u32, point: u32 },
    /// A client without an address takes its turn.
    NoAddress,
    /// It is the server's turn in the cycle.
    Turn { turn: usize, turns: usize },
    /// It has the least to do for its weight; so many have as little.
    LeastBusy { sessions: u32 },
    /// The lowest id that has room.
    LowestId,
    /// Drawn by weight, the least busy of those drawn.
    Drawn { draws: u32 },
    /// The server whose turn it was has no room.
    StandsIn,
}

impl Table {
    /// What [`Table::pick`] answers, with its reason.
    pub fn explain(&self, r: &Request, loads: &impl Loads) -> Option<Choice> {
        let server = self.pick(r, loads)?;
        let why = self.why(server, r, loads);
        Some(Choice { server, why })
    }
}

/// The servers that would be picked one after the other if each one before were not there; no more than `most`.
pub fn in_order(
    policy: &Policy,
    candidates: &[Candidate],
    r: &Request,
    loads: &impl Loads,
    most: usize,
) -> Vec<Choice> {
    let mut left = candidates.to_vec();
    let mut order = Vec::new();
    while order.len() < most
        && let Some(choice) = Table::build(policy, &left).explain(r, loads)
    {
        order.push(choice);
        left.retain(|candidate| candidate.place != choice.server);
    }
    order
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Slot { hash, slot, slots } => write!(f, "hash {hash:08x} is on slot {slot} of {slots}"),
            Why::Nearest { hash, point } => write!(f, "hash {hash:08x} is nearest to its point {point:08x}"),
            Why::NoAddress => f.write_str("without an address clients take turns"),
            Why::Turn { turn, turns } => write!(f, "turn {turn} of {turns}"),
            Why::LeastBusy { sessions } => write!(f, "the least to do for its weight, with {sessions} sessions"),
            Why::LowestId => f.write_str("the lowest id that has room"),
            Why::Drawn { draws } => write!(f, "the least busy of {draws} drawn by weight"),
            Why::StandsIn => f.write_str("in place of one that has no room"),
        }
    }
}

#[cfg(test)]
mod tests;
