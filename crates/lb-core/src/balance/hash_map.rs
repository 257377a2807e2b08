//! The map of the map-based algorithms: an array in which each server appears as often as its weight says.
//!
//! Fast and perfectly even, but any change of who is usable lays the whole array anew, and most clients move. The order is
//! HAProxy's, so that both send a client to the same server: for each slot every server's score grows by its weight, the
//! first server of the highest class (a score of two rounds or more, one round, less) gets the slot and pays one round.

use super::pool::{Candidate, HEAVIEST, Member, Pool, SIXTEENTHS};
use super::roundrobin::gcd;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HashMap {
    /// Places in the pool.
    slots: Vec<u32>,
}

impl HashMap {
    /// The divisor comes from all candidates, usable or not: an outage must not change the scale.
    pub(super) fn build(pool: &Pool, candidates: &[Candidate]) -> HashMap {
        let divisor = candidates.iter().fold(0, |d, c| gcd(d, whole(c.weight))).max(1);
        let shares: Vec<i32> = pool.members().iter().map(|m| share(m, divisor)).collect();
        HashMap {
            slots: interleave(&shares),
        }
    }

    /// The place in the pool that the number `n` falls on. The pool is not empty.
    pub(super) fn at(&self, n: u64) -> usize {
        self.slots[(n % self.slots.len() as u64) as usize] as usize
    }
}

/// In units of weight: slow start does not apply to a map, whose every change would move most clients.
fn whole(weight: u32) -> u32 {
    weight.min(HEAVIEST).div_ceil(SIXTEENTHS)
}

fn share(m: &Member, divisor: u32) -> i32 {
    // At most 256, see `HEAVIEST`.
    (whole(m.weight) / divisor) as i32
}

fn interleave(shares: &[i32]) -> Vec<u32> {
    let round: i32 = shares.iter().sum();
    let mut scores = vec![0i32; shares.len()];
    (0..round).map(|_| next_slot(&mut scores, shares, round)).collect()
}

fn next_slot(scores: &mut [i32], shares: &[i32], round: i32) -> u32 {
    let (mut best, mut best_class) = (0, i32::MIN);
    for (place, (score, share)) in scores.iter_mut().zip(shares).enumerate() {
        *score += share;
        let class = (*score >= 0) as i32 + (*score >= round) as i32 + (*score >= 2 * round) as i32;
        if class > best_class {
            (best, best_class) = (place, class);
        }
    }
    scores[best] -= round;
    best as u32
}
