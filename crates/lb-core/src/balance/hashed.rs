//! The algorithms that send a client where its address hashes to: what is hashed, and where the hash is looked up.

use super::hash_function::avalanche;
use super::hash_map::HashMap;
use super::hash_ring::HashRing;
use super::maglev::{Maglev, SLOTS};
use super::pool::Pool;
use super::{Algorithm, HashFunction, HashMethod, Loads, Policy, Request, Why, hash_src, source};
use crate::ServerIdx;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hashed {
    key: Key,
    avalanche: bool,
    balance_factor: u32,
    lookup: Lookup,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Source,
    HashSrc(HashFunction),
    /// Hashed already.
    Given,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Lookup {
    Map(HashMap),
    Ring(HashRing),
    Maglev(Maglev),
}

impl Hashed {
    pub(super) fn build(policy: &Policy, pool: &Pool) -> Hashed {
        let key = match policy.algorithm {
            Algorithm::HashSrc => Key::HashSrc(policy.hash.function),
            Algorithm::Hash => Key::Given,
            _ => Key::Source,
        };
        let lookup = match policy.hash.method {
            HashMethod::MapBased => Lookup::Map(HashMap::build(pool)),
            HashMethod::Consistent => Lookup::Ring(HashRing::build(pool)),
            HashMethod::Maglev => Lookup::Maglev(Maglev::build(pool, SLOTS)),
        };
        Hashed {
            key,
            avalanche: policy.hash.avalanche,
            balance_factor: policy.balance_factor,
            lookup,
        }
    }

    /// The map takes no notice of the server to avoid, as in HAProxy: its next slot would say nothing about where this
    /// client belongs. Without an address (a unix socket), or without a
    /// value of the expression, clients go round.
    pub(super) fn pick(&self, pool: &Pool, r: &Request, loads: &impl Loads) -> ServerIdx {
        let hash = self.hash(r);
        let able = self.able(pool, r, loads);
        let will_do = |place: usize| able.as_ref().is_none_or(|able| able[place]);
        // Cutting the ticket is fine: it only has to differ from the last ones.
        let any = || hash.unwrap_or_else(|| avalanche(r.ticket as u32));
        let member = match &self.lookup {
            Lookup::Map(map) => &pool.members()[map.at(hash.map_or(r.ticket, u64::from))],
            Lookup::Ring(ring) => ring.at(any(), pool, will_do),
            Lookup::Maglev(map) => map.at(any(), pool, will_do),
        };
        member.idx
    }

    /// Which members will do: not the one to avoid, and of the others those below their bound, if there are any. `None`
    /// when nothing is asked of them.
    fn able(&self, pool: &Pool, r: &Request, loads: &impl Loads) -> Option<Vec<bool>> {
        if matches!(self.lookup, Lookup::Map(_)) || (self.balance_factor == 0 && r.avoid.is_none()) {
            return None;
        }
        let with = |factor| {
            let mut able = pool.below_bound(factor, loads);
            for (able, member) in able.iter_mut().zip(pool.members()) {
                *able &= r.avoid != Some(member.idx);
            }
            able.contains(&true).then_some(able)
        };
        with(self.balance_factor).or_else(|| with(0))
    }

    pub(super) fn why(&self, r: &Request) -> Why {
        let Some(hash) = self.hash(r) else {
            return Why::NoAddress;
        };
        match &self.lookup {
            Lookup::Map(map) => on_slot(hash, map.slot(u64::from(hash))),
            Lookup::Maglev(map) => on_slot(hash, map.slot(hash)),
            Lookup::Ring(ring) => Why::Nearest {
                hash,
                point: ring.point(hash),
            },
        }
    }

    fn hash(&self, r: &Request) -> Option<u32> {
        let hash = match self.key {
            Key::Source => source::hash(r.source?),
            Key::HashSrc(function) => hash_src::hash(r.source?, function),
            Key::Given => r.key?,
        };
        Some(if self.avalanche { avalanche(hash) } else { hash })
    }
}

fn on_slot(hash: u32, (slot, slots): (usize, usize)) -> Why {
    Why::Slot {
        hash,
        slot: slot + 1,
        slots,
    }
}
