//! `hash src`: the bytes of the address through the hash function of the hash type.

use super::HashFunction;
use std::net::IpAddr;

pub(super) fn hash(source: IpAddr, function: HashFunction) -> u32 {
    match source {
        IpAddr::V4(a) => function.apply(&a.octets()),
        IpAddr::V6(a) => function.apply(&a.octets()),
    }
}
