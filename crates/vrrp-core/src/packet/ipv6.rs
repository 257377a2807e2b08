//! The IPv6 header around an advert that leaves in a frame of our own.

use std::net::Ipv6Addr;

use super::{PROTOCOL, TOS};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv6Header {
    pub source: Ipv6Addr,
    pub destination: Ipv6Addr,
    pub hop_limit: u8,
}

impl Ipv6Header {
    pub const LEN: usize = 40;

    /// The whole packet; no flow label.
    pub fn wrap(&self, message: &[u8]) -> Vec<u8> {
        let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
        let mut packet = Vec::with_capacity(Self::LEN + message.len());
        packet.extend([0x60 | TOS >> 4, TOS << 4, 0, 0]);
        packet.extend(length.to_be_bytes());
        packet.extend([PROTOCOL, self.hop_limit]);
        packet.extend(self.source.octets());
        packet.extend(self.destination.octets());
        packet.extend(message);
        packet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_for_byte() {
        let header = Ipv6Header {
            source: "fe80::1".parse().expect("well written"),
            destination: "ff02::12".parse().expect("well written"),
            hop_limit: 255,
        };
        let packet = header.wrap(&[1, 2, 3]);
        assert_eq!(packet[..8], [0x6c, 0, 0, 0, 0, 3, 112, 255]);
        assert_eq!((packet[8], packet[23], packet[24], packet[39]), (0xfe, 1, 0xff, 0x12));
        assert_eq!(packet[40..], [1, 2, 3]);
    }
}
