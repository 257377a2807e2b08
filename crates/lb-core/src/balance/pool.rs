//! The servers that share the load now: every usable active one, or the backups when no active one is left.
//!
//! A server that cannot take a connection is left out here once, so no algorithm has to ask again.

use super::hash_function::avalanche;
use super::{Loads, Policy, Request};
use crate::{ServerId, ServerIdx};
use tandem_time::Seed;

/// One unit of a server's weight, in the parts that slow start moves by.
pub(super) const SIXTEENTHS: u32 = 16;

/// The heaviest server: weight 256. Heavier ones count as this, which bounds every table.
pub(super) const HEAVIEST: u32 = 256 * SIXTEENTHS;

/// One server as the balancing sees it. The order of a list of them is that of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub place: ServerIdx,
    pub id: ServerId,
    /// What places it among hashes: [`super::HashKey`].
    pub key: u32,
    /// In sixteenths: 16 is weight 1. With 0 it takes no new connections.
    pub weight: u32,
    pub backup: bool,
    /// Up, and neither in maintenance nor draining.
    pub usable: bool,
    /// Connections at a time; 0 is no limit.
    pub maxconn: u32,
    /// As many as it may have while its backend has little to do, growing to `maxconn`; 0 is always `maxconn`.
    pub minconn: u32,
}

impl Candidate {
    fn takes_connections(&self) -> bool {
        self.usable && self.weight > 0
    }
}

/// A candidate that shares the load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) idx: ServerIdx,
    pub(super) id: ServerId,
    pub(super) key: u32,
    /// In sixteenths, between 1 and [`HEAVIEST`].
    pub(super) weight: u32,
    maxconn: u32,
    minconn: u32,
}

impl Member {
    pub(super) fn has_room(&self, loads: &impl Loads) -> bool {
        if self.maxconn == 0 {
            return true;
        }
        let most = match self.minconn {
            0 => self.maxconn,
            least => loads.limit(least, self.maxconn),
        };
        loads.queued(self.idx) == 0 && loads.served(self.idx) < most
    }

    pub(super) fn may_take(&self, r: &Request, loads: &impl Loads) -> bool {
        r.avoid != Some(self.idx) && self.has_room(loads)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pool {
    members: Vec<Member>,
    active: usize,
    backups: usize,
}

impl Pool {
    pub(super) fn gather(policy: &Policy, candidates: &[Candidate]) -> Pool {
        let (backups, active): (Vec<Member>, Vec<Member>) = {
            let able = candidates.iter().filter(|c| c.takes_connections());
            let (b, a): (Vec<_>, Vec<_>) = able.partition(|c| c.backup);
            (b.into_iter().map(member).collect(), a.into_iter().map(member).collect())
        };
        let (active_count, backup_count) = (active.len(), backups.len());
        let mut members = if active.is_empty() { backups } else { active };
        if active_count == 0 && !policy.all_backups {
            members.truncate(1);
        }
        Pool {
            members,
            active: active_count,
            backups: backup_count,
        }
    }

    /// Usable servers that are not backups.
    pub(super) fn active(&self) -> usize {
        self.active
    }

    pub(super) fn backups(&self) -> usize {
        self.backups
    }

    /// Whether members may have one more, where none may have more than `factor` percent of the average: its part by
    /// weight of what all of them have, rounded so that the parts make up the whole, and one at least.
    /// For each member in turn; all may where `factor` is 0.
    pub(super) fn below_bound(&self, factor: u32, loads: &impl Loads) -> Vec<bool> {
        if factor == 0 {
            return vec![true; self.members.len()];
        }
        let served: u64 = self.members.iter().map(|m| u64::from(loads.served(m.idx))).sum();
        let total: u64 = self.members.iter().map(|m| u64::from(m.weight)).sum();
        let slots = ((served + 1) * u64::from(factor)).div_ceil(100);
        let (each, rest) = (slots / total, slots % total);
        let mut before = 0;
        let is_below = |m: &Member| {
            let own = u64::from(m.weight);
            let part = own * each + (before + own) * rest / total - before * rest / total;
            before += own;
            u64::from(loads.served(m.idx)) < part.max(1)
        };
        self.members.iter().map(is_below).collect()
    }

    /// Those of them that will do.
    pub(super) fn only(&self, will_do: impl Fn(ServerIdx) -> bool) -> Pool {
        let mut pool = self.clone();
        pool.members.retain(|member| will_do(member.idx));
        pool
    }

    /// The same members with other keys: whoever knows no `seed` cannot foresee who comes where.
    pub(super) fn shuffled(&self, seed: u32) -> Pool {
        let mut pool = self.clone();
        pool.members.iter_mut().for_each(|member| member.key ^= avalanche(seed));
        pool
    }

    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    /// A server in place of one that is full or to be avoided: drawn by weight among those with room, so that the load of
    /// the missing one does not fall on a single neighbour. The avoided one comes last; `None` when all are full.
    pub(super) fn substitute(&self, r: &Request, loads: &impl Loads) -> Option<ServerIdx> {
        let open: u64 = self
            .members
            .iter()
            .filter(|m| m.may_take(r, loads))
            .map(|m| u64::from(m.weight))
            .sum();
        let mut left = Seed::new(r.ticket).below(open);
        let mut last = None;
        for m in self.members.iter().filter(|m| m.may_take(r, loads)) {
            last = Some(m.idx);
            match left.checked_sub(u64::from(m.weight)) {
                Some(rest) => left = rest,
                None => break,
            }
        }
        last.or_else(|| self.avoided(r, loads))
    }

    /// The server to avoid, when it shares the load and has room: better than none.
    pub(super) fn avoided(&self, r: &Request, loads: &impl Loads) -> Option<ServerIdx> {
        self.members
            .iter()
            .find(|m| r.avoid == Some(m.idx) && m.has_room(loads))
            .map(|m| m.idx)
    }
}

fn member(candidate: &Candidate) -> Member {
    Member {
        idx: candidate.place,
        id: candidate.id,
        key: candidate.key,
        weight: candidate.weight.min(HEAVIEST),
        maxconn: candidate.maxconn,
        minconn: candidate.minconn,
    }
}
