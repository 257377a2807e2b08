//! The internet checksum (RFC 1071) and the pseudo-header that implementations disagree about.

use std::net::{IpAddr, Ipv4Addr};

use super::PROTOCOL;
use crate::settings::ChecksumPolicy;

/// Source and destination of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoints {
    pub source: IpAddr,
    pub destination: IpAddr,
}

/// How a peer computes the checksum of version 3 over IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dialect {
    /// With a pseudo-header: Keepalived, FRR.
    With,
    /// Over the message alone: RFC 9568, Cisco, Juniper, Arista, holo.
    Without,
    /// With a pseudo-header that names 224.0.0.18 although the packet is unicast: Keepalived before 1.3.7, FRR.
    WithGroup,
}

impl Dialect {
    pub const ALL: [Dialect; 3] = [Dialect::With, Dialect::Without, Dialect::WithGroup];

    /// Whether a policy lets this dialect in.
    pub const fn allowed(self, policy: ChecksumPolicy) -> bool {
        match policy {
            ChecksumPolicy::Auto | ChecksumPolicy::OldFirst => true,
            ChecksumPolicy::NeverOld => !matches!(self, Dialect::WithGroup),
            ChecksumPolicy::With => !matches!(self, Dialect::Without),
            ChecksumPolicy::Without => matches!(self, Dialect::Without),
        }
    }

    /// The first word to a peer not heard yet.
    pub const fn first(policy: ChecksumPolicy) -> Dialect {
        match policy {
            ChecksumPolicy::Auto | ChecksumPolicy::With | ChecksumPolicy::NeverOld => Dialect::With,
            ChecksumPolicy::OldFirst => Dialect::WithGroup,
            ChecksumPolicy::Without => Dialect::Without,
        }
    }

    /// The endpoints that the pseudo-header names in this dialect.
    pub(super) const fn pseudo(self, ends: Endpoints) -> Option<Endpoints> {
        match self {
            Dialect::With => Some(ends),
            Dialect::Without => None,
            Dialect::WithGroup => {
                let destination = IpAddr::V4(Ipv4Addr::new(224, 0, 0, 18));
                Some(Endpoints {
                    source: ends.source,
                    destination,
                })
            }
        }
    }
}

/// The ones' complement sum; of a message that carries its right checksum it is 0.
pub(super) fn checksum(message: &[u8], pseudo: Option<Endpoints>) -> u16 {
    let length = u64::try_from(message.len()).unwrap_or(u64::MAX);
    let header = pseudo.map_or(0, |ends| {
        add(&ends.source) + add(&ends.destination) + u64::from(PROTOCOL) + length
    });
    fold(header + words(message))
}

fn add(address: &IpAddr) -> u64 {
    match address {
        IpAddr::V4(a) => words(&a.octets()),
        IpAddr::V6(a) => words(&a.octets()),
    }
}

fn words(bytes: &[u8]) -> u64 {
    bytes
        .chunks(2)
        .map(|pair| u64::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)])))
        .sum()
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_1071() {
        assert_eq!(
            checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7], None),
            !0xddf2
        );
    }

    #[test]
    fn an_odd_byte_counts_as_a_word() {
        assert_eq!(checksum(&[0x12], None), !0x1200);
    }
}
