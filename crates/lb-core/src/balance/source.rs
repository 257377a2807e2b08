//! `source`: the hash is the address itself, folded to 32 bits; no hash function is applied, only the avalanche if asked.

use super::hash_function::fold;
use std::net::IpAddr;

pub(super) fn hash(source: IpAddr) -> u32 {
    match source {
        IpAddr::V4(a) => fold(&a.octets()),
        IpAddr::V6(a) => fold(&a.octets()),
    }
}
