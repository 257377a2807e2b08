//! `leastconn`: the server with the least to do for its weight; an idle one of any weight comes before a busy one.

use super::pool::{HEAVIEST, Member, Pool};
use super::{Loads, Request};
use crate::ServerIdx;

/// Equals take turns by the ticket, so that short connections, which leave all servers idle, are spread too.
pub(super) fn pick(pool: &Pool, r: &Request, loads: &impl Loads) -> Option<ServerIdx> {
    let open = || pool.members().iter().filter(|m| m.may_take(r, loads));
    let Some(least) = open().map(|m| burden(m, loads)).min() else {
        return pool.avoided(r, loads);
    };
    let equals = || open().filter(|m| burden(m, loads) <= least);
    // The loads are live and may have moved since the first look.
    match equals().count() as u64 {
        0 => pool.substitute(r, loads),
        n => equals()
            .nth((r.ticket % n) as usize)
            .map(|m| m.idx)
            .or_else(|| pool.substitute(r, loads)),
    }
}

/// What the server has to do, the newcomer included, for its weight; in whole numbers, like HAProxy's, so that near equals
/// take turns.
fn burden(m: &Member, loads: &impl Loads) -> u64 {
    match u64::from(loads.served(m.idx)) + u64::from(loads.queued(m.idx)) {
        0 => 0,
        busy => (busy + 1) * u64::from(HEAVIEST) / u64::from(m.weight),
    }
}
