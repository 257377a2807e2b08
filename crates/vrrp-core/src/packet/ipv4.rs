//! The IPv4 header around an advert, for a socket that wants it included, as Keepalived builds it.

use std::net::Ipv4Addr;

use super::{PROTOCOL, TOS, checksum::checksum};

/// What varies in the header of an advert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv4Header {
    pub source: Ipv4Addr,
    pub destination: Ipv4Addr,
    /// The sender's own counter; never 0.
    pub id: u16,
    pub ttl: u8,
}

impl Ipv4Header {
    pub const LEN: usize = 20;

    /// The whole packet: no options, DF clear.
    pub fn wrap(&self, message: &[u8]) -> Vec<u8> {
        let total = u16::try_from(Self::LEN + message.len()).unwrap_or(u16::MAX);
        let mut packet = Vec::with_capacity(Self::LEN + message.len());
        packet.extend([0x45, TOS]);
        packet.extend(total.to_be_bytes());
        packet.extend(self.id.to_be_bytes());
        packet.extend([0, 0, self.ttl, PROTOCOL, 0, 0]);
        packet.extend(self.source.octets());
        packet.extend(self.destination.octets());
        let sum = checksum(&packet, None);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
        packet.extend(message);
        packet
    }
}
