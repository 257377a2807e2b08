//! `first`: the lowest id that still has room, so that the last servers may sleep. Without `maxconn` the first takes all.

use super::pool::Pool;
use super::{Loads, Request};
use crate::ServerIdx;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct First {
    /// Places in the pool, by id.
    order: Vec<u32>,
}

impl First {
    pub(super) fn build(pool: &Pool) -> First {
        let mut order: Vec<u32> = (0..).take(pool.members().len()).collect();
        order.sort_by_key(|&place| pool.members()[place as usize].id);
        First { order }
    }

    pub(super) fn pick(&self, pool: &Pool, r: &Request, loads: &impl Loads) -> Option<ServerIdx> {
        let mut by_id = self.order.iter().map(|&place| &pool.members()[place as usize]);
        by_id
            .find(|m| m.may_take(r, loads))
            .map(|m| m.idx)
            .or_else(|| pool.avoided(r, loads))
    }
}
