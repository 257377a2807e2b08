//! The map of the map-based algorithms: an array in which each server appears as often as its weight says.
//!
//! Fast and perfectly even, but any change of who is usable lays the whole array anew, and most clients move. The order is
//! HAProxy's, so that both send a client to the same server: for each slot every server's score grows by its weight; the
//! first of those with the most whole rounds in its score gets the slot and pays one round, the sum of all weights.

use super::pool::{Pool, SIXTEENTHS};
use super::roundrobin::gcd;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HashMap {
    /// Places in the pool.
    slots: Vec<u32>,
}

impl HashMap {
    pub(super) fn build(pool: &Pool) -> HashMap {
        // In units of weight: slow start does not apply to a map, whose every change would move most clients.
        let weights = pool.members().iter().map(|m| m.weight.div_ceil(SIXTEENTHS));
        let divisor = weights.clone().fold(0, gcd).max(1);
        // At most 256, the heaviest weight.
        let shares: Vec<i32> = weights.map(|w| (w / divisor) as i32).collect();
        HashMap {
            slots: interleave(&shares),
        }
    }

    /// The place in the pool that the number `n` falls on. The pool is not empty.
    pub(super) fn at(&self, n: u64) -> usize {
        self.slots[self.slot(n).0] as usize
    }

    /// The slot that the number `n` falls on, and how many there are.
    pub(super) fn slot(&self, n: u64) -> (usize, usize) {
        let slots = self.slots.len();
        // Less than the number of slots, which is a usize.
        ((n % slots as u64) as usize, slots)
    }
}

fn interleave(shares: &[i32]) -> Vec<u32> {
    let round: i32 = shares.iter().sum();
    let mut scores = vec![0i32; shares.len()];
    (0..round).map(|_| next_slot(&mut scores, shares, round)).collect()
}

fn next_slot(scores: &mut [i32], shares: &[i32], round: i32) -> u32 {
    let (mut best, mut most) = (0, i32::MIN);
    for (place, (score, share)) in scores.iter_mut().zip(shares).enumerate() {
        *score += share;
        let rounds = score.div_euclid(round);
        if rounds > most {
            (best, most) = (place, rounds);
        }
    }
    scores[best] -= round;
    best as u32
}
