//! Maglev: a map of hashes of fixed size, which each server has its own order of preference to take slots of.
//!
//! As in Google's load balancer of that name ("Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016,
//! section 3.4): servers take turns, and each takes the first slot of its own order that is free. What order that is
//! follows from the server alone, so two balancers with the same servers build the same map, and a server that comes or
//! goes moves little more than its own share. The shares are more even than those of a ring, and a look-up is one read.
//! Weights here: whoever has half the weight of the heaviest takes every second turn.

use super::hash_function::avalanche;
use super::pool::{Member, Pool};
use crate::ServerIdx;

/// Slots of the map of a proxy: a prime, and a hundred for each of more than 600 servers.
pub(super) const SLOTS: u32 = 65_537;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Maglev {
    /// Places in the pool.
    slots: Vec<u32>,
}

/// The order in which a server wants slots: from one on, always so many further. With a prime number of slots that meets
/// each once.
struct Wishes {
    next: u32,
    step: u32,
    slots: u32,
}

impl Maglev {
    /// `slots` is a prime. The pool is not empty.
    pub(super) fn build(pool: &Pool, slots: u32) -> Maglev {
        const FREE: u32 = u32::MAX;
        let mut taken = vec![FREE; slots as usize];
        let heaviest = pool.members().iter().map(|m| m.weight).max().unwrap_or(1);
        let mut wishes: Vec<Wishes> = pool.members().iter().map(|m| Wishes::of(m, slots)).collect();
        let mut credit = vec![0; wishes.len()];
        // Not in the order of the lines: another balancer may name the same servers in another one.
        let mut turns: Vec<(usize, &Member)> = pool.members().iter().enumerate().collect();
        turns.sort_by_key(|(_, member)| member.key);
        let mut left = slots;
        while left > 0 && !wishes.is_empty() {
            for &(place, member) in &turns {
                credit[place] += member.weight;
                if credit[place] < heaviest || left == 0 {
                    continue;
                }
                credit[place] -= heaviest;
                let free = wishes[place].find(|slot| taken[*slot as usize] == FREE);
                if let Some(slot) = free {
                    // A pool has fewer members than there are numbers.
                    taken[slot as usize] = place as u32;
                    left -= 1;
                }
            }
        }
        Maglev { slots: taken }
    }

    /// Whose each slot is.
    pub(super) fn owners<'p>(&'p self, pool: &'p Pool) -> impl Iterator<Item = ServerIdx> + 'p {
        self.slots.iter().map(|place| pool.members()[*place as usize].idx)
    }

    /// The slot that a hash falls on, and how many there are.
    pub(super) fn slot(&self, hash: u32) -> (usize, usize) {
        (hash as usize % self.slots.len(), self.slots.len())
    }

    /// The member whose slot this hash falls on; if that one will not do, the first in the slots after it that will.
    /// `will_do` is asked about places in the pool.
    pub(super) fn at<'p>(&self, hash: u32, pool: &'p Pool, will_do: impl Fn(usize) -> bool) -> &'p Member {
        let (first, slots) = self.slot(hash);
        let place = |slot: usize| self.slots[slot % slots] as usize;
        let found = (first..first + slots).map(place).find(|place| will_do(*place));
        &pool.members()[found.unwrap_or_else(|| place(first))]
    }
}

impl Wishes {
    fn of(member: &Member, slots: u32) -> Wishes {
        let first = avalanche(member.key);
        Wishes {
            next: first % slots,
            // Not 0, or it would stay where it is.
            step: 1 + avalanche(first ^ member.key.rotate_left(16)) % (slots - 1),
            slots,
        }
    }
}

impl Iterator for Wishes {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let wish = self.next;
        // Both are below the number of slots, and that is small.
        self.next = (wish + self.step) % self.slots;
        Some(wish)
    }
}

#[cfg(test)]
mod tests;
