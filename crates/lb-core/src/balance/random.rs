//! `random`: some draws by weight, and the least loaded for its weight of those drawn.
//!
//! Two draws are enough to be close to `leastconn`, and several balancers in front of the same servers do not run to the
//! same one at once. HAProxy draws on its ring of the consistent hash; a draw on the sums of the weights is as fair with
//! nothing to build.

use super::pool::{Member, Pool};
use super::{Loads, Request, Why};
use crate::ServerIdx;
use tandem_time::Seed;

/// How often is drawn again for one that has less than its bound.
const PATIENCE: u32 = 64;

/// With its place in the pool.
type Drawn<'p> = (usize, &'p Member);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Random {
    draws: u32,
    balance_factor: u32,
    /// For each member of the pool, the weight of all up to and including it.
    sums: Vec<u64>,
}

impl Random {
    pub(super) fn build(draws: u32, balance_factor: u32, pool: &Pool) -> Random {
        let mut sum = 0;
        let sums = pool.members().iter().map(|m| {
            sum += u64::from(m.weight);
            sum
        });
        Random {
            draws: draws.max(1),
            balance_factor,
            sums: sums.collect(),
        }
    }

    pub(super) fn why(&self) -> Why {
        Why::Drawn { draws: self.draws }
    }

    pub(super) fn pick(&self, pool: &Pool, r: &Request, loads: &impl Loads) -> Option<ServerIdx> {
        let mut seed = Seed::new(Seed::mix(r.ticket));
        let total = self.sums.last().copied().unwrap_or(0);
        let mut draw = || {
            let drawn = seed.below(total);
            let place = self.sums.partition_point(|&sum| sum <= drawn);
            (place, &pool.members()[place])
        };
        let first = draw();
        let best = (1..self.draws).fold(first, |best, _| lighter(best, draw(), loads));
        let below = (self.balance_factor > 0).then(|| pool.below_bound(self.balance_factor, loads));
        let is_below = |drawn: &Drawn<'_>| below.as_ref().is_none_or(|below| below[drawn.0]);
        // Whoever is the lightest of those drawn and has too much nevertheless gives way to the first that has not.
        let (_, best) = match is_below(&best) {
            true => best,
            false => (0..PATIENCE).map(|_| draw()).find(is_below).unwrap_or(best),
        };
        if best.may_take(r, loads) {
            Some(best.idx)
        } else {
            pool.substitute(r, loads)
        }
    }
}

/// The later of two equals, so that a draw is never wasted on a tie.
fn lighter<'p>(best: Drawn<'p>, drawn: Drawn<'p>, loads: &impl Loads) -> Drawn<'p> {
    let load = |of: &Member, other: &Member| u64::from(loads.served(of.idx)) * u64::from(other.weight);
    if load(drawn.1, best.1) > load(best.1, drawn.1) {
        best
    } else {
        drawn
    }
}
