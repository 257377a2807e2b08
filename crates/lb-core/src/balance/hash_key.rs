//! What places a server among hashes: its points on the ring, its order of slots.
//!
//! With the usual one, its id, two balancers agree when they number their servers alike. With an address they agree
//! whatever the order of their files is, and with a guid wherever their servers are (`hash-key`, of HAProxy 3.0).

use super::hash_function::avalanche;
use super::pool::HEAVIEST;
use crate::ServerId;
use std::net::{IpAddr, SocketAddr};
use twox_hash::XxHash32;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HashKey {
    #[default]
    Id,
    /// The whole id, spread over 32 bits.
    Id32,
    /// What `guid` says.
    Guid,
    Addr,
    AddrPort,
}

impl HashKey {
    /// The number that stands for a server. One that has not what is asked for, or whose address is not known, is placed
    /// by its id.
    pub fn of(self, id: ServerId, at: Option<SocketAddr>, guid: Option<&str>) -> u32 {
        let known = match self {
            HashKey::Id => None,
            HashKey::Id32 => Some(avalanche(id.0)),
            HashKey::Guid => guid.map(|guid| XxHash32::oneshot(0, guid.as_bytes())),
            HashKey::Addr => at.map(|at| of_address(0, at.ip())),
            HashKey::AddrPort => at.map(|at| of_address(avalanche(at.port().into()), at.ip())),
        };
        known.unwrap_or_else(|| HashKey::of_id(id))
    }

    /// Ids are a full weight apart, so that no two servers with ids below 2^20 share a point.
    fn of_id(id: ServerId) -> u32 {
        id.0.wrapping_mul(HEAVIEST)
    }
}

/// An IPv4 address as the processor sees the bytes of the network, which is what HAProxy hashes.
fn of_address(port: u32, ip: IpAddr) -> u32 {
    match ip {
        IpAddr::V4(ip) => avalanche(port.wrapping_add(u32::from_le_bytes(ip.octets()))),
        IpAddr::V6(ip) => XxHash32::oneshot(port, &ip.octets()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_for_a_place() {
        let at = |text: &str| text.parse().ok();
        let key = |kind: HashKey, id, text| kind.of(ServerId(id), at(text), None);
        let named = |id, guid| HashKey::Guid.of(ServerId(id), at("10.0.0.1:1"), guid);
        assert_eq!(named(1, Some("a")), named(2, Some("a")));
        assert_ne!(named(1, Some("a")), named(1, Some("b")));
        assert_eq!(named(3, None), 3 * HEAVIEST, "it has none");
        // Two ids that a multiple of 2^32 in points lies between are one place, but not with all of their bits.
        let far = 1 + (1 << 20);
        assert_eq!(key(HashKey::Id, 1, ""), key(HashKey::Id, far, ""));
        assert_ne!(key(HashKey::Id32, 1, ""), key(HashKey::Id32, far, ""));
        assert_eq!(key(HashKey::Id, 3, "10.0.0.1:1"), 3 * HEAVIEST);
        assert_eq!(key(HashKey::Addr, 1, "10.0.0.1:1"), key(HashKey::Addr, 2, "10.0.0.1:2"));
        assert_ne!(key(HashKey::Addr, 1, "10.0.0.1:1"), key(HashKey::Addr, 1, "10.0.0.2:1"));
        assert_ne!(
            key(HashKey::AddrPort, 1, "10.0.0.1:1"),
            key(HashKey::AddrPort, 1, "10.0.0.1:2")
        );
        assert_ne!(
            key(HashKey::Addr, 1, "[2001:db8::1]:1"),
            key(HashKey::Addr, 1, "[2001:db8::2]:1")
        );
        assert_eq!(HashKey::Addr.of(ServerId(4), None, None), 4 * HEAVIEST);
    }
}
