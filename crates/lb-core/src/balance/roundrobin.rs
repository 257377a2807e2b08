//! `roundrobin`: a cycle in which each server appears as often as its weight says, spread as evenly as it goes.
//!
//! The ticket names the place in the cycle, so that workers share one rotation without sharing a lock. Appearance `k` of a
//! server of weight `w` is due at `(k + 1/2) / w` of the cycle; the cycle is all appearances in the order they are due.

use super::pool::{Member, Pool};
use super::{Loads, Request};
use crate::ServerIdx;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// The longest cycle before weights are rounded: 32 servers of weight 256 are still exact.
const LONGEST: u64 = 8192;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RoundRobin {
    /// Places in the pool.
    cycle: Vec<u32>,
}

impl RoundRobin {
    pub(super) fn build(pool: &Pool) -> RoundRobin {
        let shares = shares(pool);
        let total = shares.iter().sum::<u32>() as usize;
        let mut due: BinaryHeap<Reverse<Due>> = shares
            .iter()
            .zip(0..)
            .map(|(&share, place)| {
                Reverse(Due {
                    halves: 1,
                    share,
                    place,
                })
            })
            .collect();
        let mut cycle = Vec::with_capacity(total);
        while cycle.len() < total {
            let Some(mut next) = due.peek_mut() else { break };
            cycle.push(next.0.place);
            next.0.halves += 2;
        }
        RoundRobin { cycle }
    }

    pub(super) fn pick(&self, pool: &Pool, r: &Request, loads: &impl Loads) -> Option<ServerIdx> {
        let member = self.member(pool, r);
        if member.may_take(r, loads) {
            Some(member.idx)
        } else {
            pool.substitute(r, loads)
        }
    }
}

impl RoundRobin {
    /// The place in the cycle, and its length.
    pub(super) fn turn(&self, r: &Request) -> (usize, usize) {
        let turns = self.cycle.len();
        // Less than the length, which is a usize.
        ((r.ticket % turns as u64) as usize, turns)
    }

    pub(super) fn whose(&self, pool: &Pool, r: &Request) -> ServerIdx {
        self.member(pool, r).idx
    }

    fn member<'p>(&self, pool: &'p Pool, r: &Request) -> &'p Member {
        &pool.members()[self.cycle[self.turn(r).0] as usize]
    }
}

/// How often each member appears: its weight without the common divisor, rounded when the cycle would be too long.
fn shares(pool: &Pool) -> Vec<u32> {
    let divisor = pool.members().iter().fold(0, |d, m| gcd(d, m.weight)).max(1);
    let total: u64 = pool.members().iter().map(|m| u64::from(m.weight / divisor)).sum();
    let rounded = |w: u32| match total {
        0..=LONGEST => w,
        // At most the weight itself, so it fits.
        _ => (u64::from(w) * LONGEST / total).max(1) as u32,
    };
    pool.members().iter().map(|m| rounded(m.weight / divisor)).collect()
}

pub(super) fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The next appearance of one member: due at `halves / (2 * share)` of the cycle.
#[derive(Debug, PartialEq, Eq)]
struct Due {
    halves: u32,
    share: u32,
    place: u32,
}

impl Ord for Due {
    fn cmp(&self, other: &Due) -> Ordering {
        let ours = u64::from(self.halves) * u64::from(other.share);
        let theirs = u64::from(other.halves) * u64::from(self.share);
        ours.cmp(&theirs).then(self.place.cmp(&other.place))
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Due) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests;
