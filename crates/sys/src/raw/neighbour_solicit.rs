//! The question who has an IPv6 address (RFC 4861, sections 4.3 and 7.2.2): what an ARP request is to IPv4.

use std::net::Ipv6Addr;

use pnet_packet::ethernet::{EtherTypes, MutableEthernetPacket};
use pnet_packet::icmpv6::ndp::MutableNeighborSolicitPacket;
use pnet_packet::icmpv6::{self, Icmpv6Packet, Icmpv6Types};
use pnet_packet::ip::IpNextHeaderProtocols;
use pnet_packet::ipv6::MutableIpv6Packet;

use crate::netlink::Mac;

const ETHERNET_HEADER: usize = 14;
const IPV6_HEADER: usize = 40;
/// Without options.
const SOLICIT: usize = 24;
/// The sender's hardware address: type 1, length 1 (of eight bytes).
const OPTION: usize = 8;
const MESSAGE: usize = SOLICIT + OPTION;
const FRAME: usize = ETHERNET_HEADER + IPV6_HEADER + MESSAGE;

/// The answer comes to `source` alone: a question from nobody would be answered to everybody, and believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NeighbourSolicit {
    pub source: Ipv6Addr,
    pub mac: Mac,
    pub target: Ipv6Addr,
}

impl NeighbourSolicit {
    /// The whole frame, to the group of those whose address ends like the target.
    pub fn frame(&self) -> [u8; FRAME] {
        let [.., a, b, c] = self.target.octets();
        let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), u16::from_be_bytes([b, c]));
        let mut frame = [0; FRAME];
        let (header, rest) = frame.split_at_mut(ETHERNET_HEADER);
        let (ip, message) = rest.split_at_mut(IPV6_HEADER);
        self.write_message(message, &group);
        // All views exist: the pieces have exactly the sizes that the formats demand.
        if let Some(mut ip) = MutableIpv6Packet::new(ip) {
            ip.set_version(6);
            ip.set_payload_length(MESSAGE as u16);
            ip.set_next_header(IpNextHeaderProtocols::Icmpv6);
            ip.set_hop_limit(255);
            ip.set_source(self.source);
            ip.set_destination(group);
        }
        if let Some(mut ethernet) = MutableEthernetPacket::new(header) {
            ethernet.set_destination([0x33, 0x33, 0xff, a, b, c].into());
            ethernet.set_source(self.mac.0.into());
            ethernet.set_ethertype(EtherTypes::Ipv6);
        }
        frame
    }

    fn write_message(&self, message: &mut [u8], group: &Ipv6Addr) {
        if let Some(mut solicit) = MutableNeighborSolicitPacket::new(message) {
            solicit.set_icmpv6_type(Icmpv6Types::NeighborSolicit);
            solicit.set_target_addr(self.target);
        }
        message[SOLICIT] = 1;
        message[SOLICIT + 1] = 1;
        message[SOLICIT + 2..MESSAGE].copy_from_slice(&self.mac.0);
        let sum = Icmpv6Packet::new(message).map(|packet| icmpv6::checksum(&packet, &self.source, group));
        message[2..4].copy_from_slice(&sum.unwrap_or_default().to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_for_byte() {
        let solicit = NeighbourSolicit {
            source: "fe80::1".parse().expect("well written"),
            mac: Mac([0x02, 0x11, 0x22, 0x33, 0x44, 0x55]),
            target: "fd00:9::1:203".parse().expect("well written"),
        };
        let mut frame = solicit.frame();
        // RFC 1071 over the pseudo-header of RFC 8200, section 8.1: right if everything together gives all ones.
        let words = frame[ETHERNET_HEADER + 8..]
            .chunks(2)
            .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]));
        let sum = words.sum::<u32>() + MESSAGE as u32 + 58;
        assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff);
        frame[56..58].fill(0);
        let group = "ff02::1:ff01:203".parse::<Ipv6Addr>().expect("well written");
        let expected: Vec<u8> = [
            &[
                0x33, 0x33, 0xff, 1, 2, 3, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 0x86, 0xdd,
            ][..],
            &[0x60, 0, 0, 0, 0, 32, 58, 255],
            &solicit.source.octets(),
            &group.octets(),
            &[135, 0, 0, 0, 0, 0, 0, 0],
            &solicit.target.octets(),
            &[1, 1, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55],
        ]
        .concat();
        assert_eq!(frame.as_slice(), expected);
    }
}
