//! `static-rr`: the map of the map-based hash, walked by the ticket instead of hashed into.

use super::hash_map::HashMap;
use super::pool::{Member, Pool};
use super::{Loads, Request};
use crate::ServerIdx;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StaticRr {
    map: HashMap,
}

impl StaticRr {
    pub(super) fn new(map: HashMap) -> StaticRr {
        StaticRr { map }
    }

    pub(super) fn pick(&self, pool: &Pool, r: &Request, loads: &impl Loads) -> Option<ServerIdx> {
        let member = self.member(pool, r);
        if member.may_take(r, loads) {
            Some(member.idx)
        } else {
            pool.substitute(r, loads)
        }
    }

    /// The slot of the map, and how many there are.
    pub(super) fn turn(&self, r: &Request) -> (usize, usize) {
        self.map.slot(r.ticket)
    }

    pub(super) fn whose(&self, pool: &Pool, r: &Request) -> ServerIdx {
        self.member(pool, r).idx
    }

    fn member<'p>(&self, pool: &'p Pool, r: &Request) -> &'p Member {
        &pool.members()[self.map.at(r.ticket)]
    }
}
