//! Patterns of addresses. Lists may be long (whole countries), so the networks are kept as sorted ranges that do not
//! touch, and one search among them answers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One pattern. A mask need not be contiguous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    V4 { address: u32, mask: u32 },
    V6 { address: u128, mask: u128 },
}

/// Many of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
    /// Masks with holes are no ranges.
    odd: Vec<Network>,
}

impl Network {
    pub fn v4(address: Ipv4Addr, mask: u32) -> Network {
        Network::V4 {
            address: u32::from(address) & mask,
            mask,
        }
    }

    pub fn v6(address: Ipv6Addr, mask: u128) -> Network {
        Network::V6 {
            address: u128::from(address) & mask,
            mask,
        }
    }

    /// Patterns of the other family are tried on the form that the address has there: an IPv6 address may hold an IPv4
    /// one (mapped, compatible, or of 6to4), and an IPv4 address has a mapped form.
    pub fn contains(self, ip: IpAddr) -> bool {
        match (self, ip) {
            (Network::V4 { address, mask }, IpAddr::V4(ip)) => u32::from(ip) & mask == address,
            (Network::V6 { address, mask }, IpAddr::V6(ip)) => u128::from(ip) & mask == address,
            (Network::V4 { .. }, IpAddr::V6(ip)) => held_v4(ip).is_some_and(|v4| self.contains(v4.into())),
            (Network::V6 { .. }, IpAddr::V4(ip)) => {
                self.contains(ip.to_ipv6_mapped().into()) || self.contains(six_to_four(ip).into())
            }
        }
    }
}

impl Network {
    /// How many bits count.
    pub(super) fn width(self) -> u32 {
        match self {
            Network::V4 { mask, .. } => mask.count_ones(),
            Network::V6 { mask, .. } => mask.count_ones(),
        }
    }

    /// Whether its addresses stand side by side.
    pub(super) fn is_range(self) -> bool {
        match self {
            Network::V4 { mask, .. } => mask.leading_ones() == mask.count_ones(),
            Network::V6 { mask, .. } => mask.leading_ones() == mask.count_ones(),
        }
    }

    /// Whether it is of this address's family.
    pub(super) fn is_of(self, ip: Option<IpAddr>) -> bool {
        matches!(
            (self, ip),
            (Network::V4 { .. }, Some(IpAddr::V4(_))) | (Network::V6 { .. }, Some(IpAddr::V6(_)))
        )
    }
}

impl Addresses {
    pub fn of(networks: impl IntoIterator<Item = Network>) -> Addresses {
        let mut all = Addresses::default();
        for network in networks {
            match network {
                Network::V4 { address, mask } if network.is_range() => {
                    all.v4.push((address, address | !mask));
                }
                Network::V6 { address, mask } if network.is_range() => {
                    all.v6.push((address, address | !mask));
                }
                odd => all.odd.push(odd),
            }
        }
        all.v4 = merged(all.v4);
        all.v6 = merged(all.v6);
        all
    }

    pub fn contains(&self, ip: IpAddr) -> bool {
        let (v4, v6) = (
            |ip| within(&self.v4, u32::from(ip)),
            |ip| within(&self.v6, u128::from(ip)),
        );
        let in_ranges = match ip {
            IpAddr::V4(ip) => v4(ip) || !self.v6.is_empty() && (v6(ip.to_ipv6_mapped()) || v6(six_to_four(ip))),
            IpAddr::V6(ip) => v6(ip) || held_v4(ip).is_some_and(v4),
        };
        in_ranges || self.odd.iter().any(|network| network.contains(ip))
    }
}

fn within<T: Ord + Copy>(ranges: &[(T, T)], n: T) -> bool {
    let after = ranges.partition_point(|(low, _)| *low <= n);
    after.checked_sub(1).is_some_and(|at| n <= ranges[at].1)
}

fn merged<T: Ord + Copy>(mut ranges: Vec<(T, T)>) -> Vec<(T, T)> {
    ranges.sort_unstable();
    let mut merged: Vec<(T, T)> = Vec::with_capacity(ranges.len());
    for (low, high) in ranges {
        match merged.last_mut() {
            Some(last) if low <= last.1 => last.1 = last.1.max(high),
            _ => merged.push((low, high)),
        }
    }
    merged
}

pub(super) fn held_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = ip.segments();
    match s {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => Some(two(high, low)),
        [0x2002, high, low, ..] => Some(two(high, low)),
        _ => None,
    }
}

fn two(high: u16, low: u16) -> Ipv4Addr {
    (u32::from(high) << 16 | u32::from(low)).into()
}

/// The network that belongs to an IPv4 address (RFC 3056 section 2).
pub(super) fn six_to_four(ip: Ipv4Addr) -> Ipv6Addr {
    let [a, b, c, d] = ip.octets();
    let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 0)
}
