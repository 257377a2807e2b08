//! `static-rr`: the map of the map-based hash, walked by the ticket instead of hashed into.

use super::hash_map::HashMap;
use super::pool::Pool;
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
        let member = &pool.members()[self.map.at(r.ticket)];
        if member.may_take(r, loads) {
            Some(member.idx)
        } else {
            pool.substitute(r, loads)
        }
    }
}
