//! The balancing table of one backend: who shares the load, and the algorithm that picks among them.

use super::first::First;
use super::hash_map::HashMap;
use super::hashed::Hashed;
use super::maglev::Maglev;
use super::pool::{Candidate, Pool};
use super::random::Random;
use super::roundrobin::RoundRobin;
use super::static_rr::StaticRr;
use super::{Algorithm, Policy, Why, leastconn};
use crate::ServerIdx;
use std::net::IpAddr;

/// What moves between two picks; asked only by the algorithms that need it.
pub trait Loads {
    /// Connections that the server has now.
    fn served(&self, s: ServerIdx) -> u32;

    /// Connections that wait for the server.
    fn queued(&self, _s: ServerIdx) -> u32 {
        0
    }

    /// How many a server may have now that has from `least` to `most`, by what its backend has to do ([`dynamic_limit`]).
    fn limit(&self, _least: u32, most: u32) -> u32 {
        most
    }
}

/// The limit of a server that has from `least` to `most` connections when its backend has `load` of `full`: in proportion,
/// so that a few clients do not wait for one server while it has hardly anything to do (`minconn`, `fullconn`).
pub fn dynamic_limit((least, most): (u32, u32), load: u32, full: u32) -> u32 {
    if load >= full {
        return most;
    }
    // Less than `most`, as `load` is less than `full`.
    let part = u64::from(load) * u64::from(most) / u64::from(full);
    least.max(part as u32)
}

/// One connection that wants a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The client's address as the kernel gave it: an IPv4 address mapped into IPv6 hashes as IPv6, as in HAProxy.
    pub source: Option<IpAddr>,
    /// The hash of what an expression gave for this connection, before the avalanche: for [`Algorithm::Hash`].
    pub key: Option<u32>,
    /// Grows by one with each pick of this backend, over all workers. Where it starts decides what `random` draws: two
    /// balancers should not start at the same number.
    pub ticket: u64,
    /// The server that just failed this connection.
    pub avoid: Option<ServerIdx>,
}

/// Picks servers without changing itself; built anew when a candidate changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pool: Pool,
    chooser: Chooser,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Chooser {
    RoundRobin(RoundRobin),
    StaticRr(StaticRr),
    LeastConn,
    First(First),
    Hashed(Hashed),
    Random(Random),
}

impl Table {
    pub fn build(policy: &Policy, candidates: &[Candidate]) -> Table {
        let pool = Pool::gather(policy, candidates);
        let chooser = match policy.algorithm {
            Algorithm::RoundRobin => Chooser::RoundRobin(RoundRobin::build(&pool)),
            Algorithm::StaticRr => Chooser::StaticRr(StaticRr::new(HashMap::build(&pool))),
            Algorithm::LeastConn => Chooser::LeastConn,
            Algorithm::First => Chooser::First(First::build(&pool)),
            Algorithm::Source | Algorithm::HashSrc | Algorithm::Hash => Chooser::Hashed(Hashed::build(policy, &pool)),
            Algorithm::Random { draws } => Chooser::Random(Random::build(draws, policy.balance_factor, &pool)),
        };
        Table { pool, chooser }
    }

    /// The server for this connection. `None` when no server is usable, or, with `active() + backups() > 0`, when all that
    /// share the load are full and the connection has to wait for one of them.
    ///
    /// The hash algorithms do not look at `maxconn`: their connections wait for the one server that the hash names.
    pub fn pick(&self, r: &Request, loads: &impl Loads) -> Option<ServerIdx> {
        if self.pool.members().is_empty() {
            return None;
        }
        match &self.chooser {
            Chooser::RoundRobin(c) => c.pick(&self.pool, r, loads),
            Chooser::StaticRr(c) => c.pick(&self.pool, r, loads),
            Chooser::LeastConn => leastconn::pick(&self.pool, r, loads),
            Chooser::First(c) => c.pick(&self.pool, r, loads),
            Chooser::Hashed(c) => Some(c.pick(&self.pool, r, loads)),
            Chooser::Random(c) => c.pick(&self.pool, r, loads),
        }
    }

    /// Why `server` was picked for this connection.
    pub(super) fn why(&self, server: ServerIdx, r: &Request, loads: &impl Loads) -> Why {
        let turn = |(turn, turns): (usize, usize), whose: ServerIdx| match whose == server {
            true => Why::Turn { turn: turn + 1, turns },
            false => Why::StandsIn,
        };
        match &self.chooser {
            Chooser::RoundRobin(c) => turn(c.turn(r), c.whose(&self.pool, r)),
            Chooser::StaticRr(c) => turn(c.turn(r), c.whose(&self.pool, r)),
            Chooser::LeastConn => Why::LeastBusy {
                sessions: loads.served(server),
            },
            Chooser::First(_) => Why::LowestId,
            Chooser::Hashed(c) => c.why(r),
            Chooser::Random(c) => c.why(),
        }
    }

    /// The servers that share the load, spread over so many buckets (a prime) as Maglev does it; `None` is nobody. Only
    /// those count that will do.
    pub fn buckets(&self, most: u32, seed: u32, will_do: impl Fn(ServerIdx) -> bool) -> Vec<Option<ServerIdx>> {
        let pool = self.pool.only(will_do);
        if pool.members().is_empty() {
            return vec![None; most as usize];
        }
        Maglev::build(&pool.shuffled(seed), most)
            .owners(&pool)
            .map(Some)
            .collect()
    }

    /// Servers that may take new connections and are no backups.
    pub fn active(&self) -> usize {
        self.pool.active()
    }

    /// Backups that may take new connections when no active server can.
    pub fn backups(&self) -> usize {
        self.pool.backups()
    }

    /// No active server is left and the backups carry the load.
    pub fn on_backup(&self) -> bool {
        self.active() == 0 && self.backups() > 0
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
