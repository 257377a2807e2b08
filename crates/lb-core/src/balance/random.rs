//! `random`: some draws on the ring, and the least loaded for its weight of those drawn.
//!
//! Two draws are enough to be close to `leastconn`, and several balancers in front of the same servers do not run to the
//! same one at once. The ring makes a draw as likely as the weight says.

use super::hash_ring::HashRing;
use super::pool::{Member, Pool};
use super::{Loads, Request};
use crate::ServerIdx;
use tandem_time::Seed;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Random {
    draws: u32,
    ring: HashRing,
}

impl Random {
    pub(super) fn build(draws: u32, pool: &Pool) -> Random {
        Random {
            draws: draws.max(1),
            ring: HashRing::build(pool),
        }
    }

    pub(super) fn pick(&self, pool: &Pool, r: &Request, loads: &impl Loads) -> Option<ServerIdx> {
        let mut seed = Seed::new(Seed::mix(r.ticket));
        let mut draw = || self.ring.at((seed.next_u64() >> 32) as u32, r.avoid, pool);
        let first = draw();
        let best = (1..self.draws).fold(first, |best, _| lighter(best, draw(), loads));
        if best.has_room(loads) {
            Some(best.idx)
        } else {
            pool.substitute(r, loads)
        }
    }
}

/// The later of two equals, so that a draw is never wasted on a tie.
fn lighter<'p>(best: &'p Member, drawn: &'p Member, loads: &impl Loads) -> &'p Member {
    let load = |of: &Member, other: &Member| u64::from(loads.served(of.idx)) * u64::from(other.weight);
    if load(drawn, best) > load(best, drawn) {
        best
    } else {
        drawn
    }
}
