//! The algorithms that send a client where its address hashes to: what is hashed, and where the hash is looked up.

use super::hash_function::avalanche;
use super::hash_map::HashMap;
use super::hash_ring::HashRing;
use super::pool::Pool;
use super::{Algorithm, HashFunction, HashMethod, Policy, Request, Why, hash_src, source};
use crate::ServerIdx;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hashed {
    key: Key,
    avalanche: bool,
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
        };
        Hashed {
            key,
            avalanche: policy.hash.avalanche,
            lookup,
        }
    }

    /// The map takes no notice of the server to avoid, as in HAProxy: its next slot would say nothing about where this
    /// client belongs. Without an address (a unix socket), or without a
    /// value of the expression, clients go round.
    pub(super) fn pick(&self, pool: &Pool, r: &Request) -> ServerIdx {
        let hash = self.hash(r);
        let member = match &self.lookup {
            Lookup::Map(map) => &pool.members()[map.at(hash.map_or(r.ticket, u64::from))],
            // Cutting the ticket is fine: it only has to differ from the last ones.
            Lookup::Ring(ring) => ring.at(hash.unwrap_or_else(|| avalanche(r.ticket as u32)), r.avoid, pool),
        };
        member.idx
    }

    pub(super) fn why(&self, r: &Request) -> Why {
        let Some(hash) = self.hash(r) else {
            return Why::NoAddress;
        };
        match &self.lookup {
            Lookup::Map(map) => {
                let (slot, slots) = map.slot(u64::from(hash));
                Why::Slot {
                    hash,
                    slot: slot + 1,
                    slots,
                }
            }
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
