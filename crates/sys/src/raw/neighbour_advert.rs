//! The unsolicited neighbour advertisement: what ARP's announcement is to IPv4 (RFC 4861, sections 4.4 and 7.2.6).

use std::net::Ipv6Addr;

use pnet_packet::Packet;
use pnet_packet::ethernet::{EtherTypes, EthernetPacket, MutableEthernetPacket};
use pnet_packet::icmpv6::ndp::{MutableNeighborAdvertPacket, NeighborAdvertFlags, NeighborAdvertPacket};
use pnet_packet::icmpv6::{self, Icmpv6Packet, Icmpv6Types};
use pnet_packet::ip::IpNextHeaderProtocols;
use pnet_packet::ipv6::{Ipv6Packet, MutableIpv6Packet};

use crate::netlink::Mac;

const ETHERNET_HEADER: usize = 14;
const IPV6_HEADER: usize = 40;
/// Without options.
const ADVERT: usize = 24;
/// The target's hardware address: type 2, length 1 (of eight bytes).
const OPTION: usize = 8;
const MESSAGE: usize = ADVERT + OPTION;
const FRAME: usize = ETHERNET_HEADER + IPV6_HEADER + MESSAGE;

const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC: Mac = Mac([0x33, 0x33, 0, 0, 0, 1]);

/// That an address lives at a hardware address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NeighbourAdvert {
    pub target: Ipv6Addr,
    pub mac: Mac,
    /// The sender forwards packets; hosts forget it as a router when this is not set.
    pub router: bool,
    /// The answer to a question; else told unasked.
    pub solicited: bool,
}

impl NeighbourAdvert {
    /// The whole frame, to all nodes, sent from the address itself; it overrides what they have learned.
    pub fn frame(&self) -> [u8; FRAME] {
        let mut frame = [0; FRAME];
        let (header, rest) = frame.split_at_mut(ETHERNET_HEADER);
        let (ip, message) = rest.split_at_mut(IPV6_HEADER);
        self.write_message(message);
        // All views exist: the pieces have exactly the sizes that the formats demand.
        if let Some(mut ip) = MutableIpv6Packet::new(ip) {
            ip.set_version(6);
            ip.set_payload_length(MESSAGE as u16);
            ip.set_next_header(IpNextHeaderProtocols::Icmpv6);
            ip.set_hop_limit(255);
            ip.set_source(self.target);
            ip.set_destination(ALL_NODES);
        }
        if let Some(mut ethernet) = MutableEthernetPacket::new(header) {
            ethernet.set_destination(ALL_NODES_MAC.0.into());
            ethernet.set_source(self.mac.0.into());
            ethernet.set_ethertype(EtherTypes::Ipv6);
        }
        frame
    }

    fn write_message(&self, message: &mut [u8]) {
        let router = if self.router { NeighborAdvertFlags::Router } else { 0 };
        if let Some(mut advert) = MutableNeighborAdvertPacket::new(message) {
            advert.set_icmpv6_type(Icmpv6Types::NeighborAdvert);
            let solicited = if self.solicited {
                NeighborAdvertFlags::Solicited
            } else {
                0
            };
            advert.set_flags(NeighborAdvertFlags::Override | router | solicited);
            advert.set_target_addr(self.target);
        }
        message[ADVERT] = 2;
        message[ADVERT + 1] = 1;
        message[ADVERT + 2..MESSAGE].copy_from_slice(&self.mac.0);
        let sum = Icmpv6Packet::new(message).map(|packet| icmpv6::checksum(&packet, &self.target, &ALL_NODES));
        message[2..4].copy_from_slice(&sum.unwrap_or_default().to_be_bytes());
    }

    /// Reads a frame; anything but a neighbour advertisement with the target's hardware address as its first option is none.
    pub fn read(frame: &[u8]) -> Option<Self> {
        let ethernet = EthernetPacket::new(frame).filter(|ethernet| ethernet.get_ethertype() == EtherTypes::Ipv6)?;
        let ip = Ipv6Packet::new(ethernet.payload())?;
        if ip.get_next_header() != IpNextHeaderProtocols::Icmpv6 || ip.get_hop_limit() != 255 {
            return None;
        }
        let message = ip.payload();
        let advert = NeighborAdvertPacket::new(message)?;
        if advert.get_icmpv6_type() != Icmpv6Types::NeighborAdvert {
            return None;
        }
        // The library's own walk over options trusts their lengths.
        let option: &[u8; OPTION] = message.get(ADVERT..MESSAGE)?.try_into().ok()?;
        let [2, 1, mac @ ..] = *option else { return None };
        Some(Self {
            target: advert.get_target_addr(),
            mac: Mac(mac),
            router: advert.get_flags() & NeighborAdvertFlags::Router != 0,
            solicited: advert.get_flags() & NeighborAdvertFlags::Solicited != 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::frame_like;
    use super::*;

    fn advert() -> NeighbourAdvert {
        NeighbourAdvert {
            target: Ipv6Addr::new(0xfd00, 9, 0, 0, 0, 0, 0, 0x100),
            mac: Mac([0x02, 0x11, 0x22, 0x33, 0x44, 0x55]),
            router: false,
            solicited: false,
        }
    }

    /// RFC 1071 over the pseudo-header of RFC 8200, section 8.1: right if everything together gives all ones.
    fn sum(frame: &[u8]) -> u16 {
        let ip = &frame[ETHERNET_HEADER..];
        let length = (ip.len() - IPV6_HEADER) as u32;
        let words = ip[8..]
            .chunks(2)
            .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]));
        let mut sum: u32 = words.sum::<u32>() + length + 58;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum as u16
    }

    #[test]
    fn byte_for_byte_but_for_the_checksum() {
        let mut frame = advert().frame();
        assert_eq!(sum(&frame), 0xffff);
        frame[56..58].fill(0);
        let expected: Vec<u8> = [
            &[0x33, 0x33, 0, 0, 0, 1, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 0x86, 0xdd][..],
            &[0x60, 0, 0, 0, 0, 32, 58, 255],
            &advert().target.octets(),
            &ALL_NODES.octets(),
            &[136, 0, 0, 0, 0x20, 0, 0, 0],
            &advert().target.octets(),
            &[2, 1, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55],
        ]
        .concat();
        assert_eq!(frame.as_slice(), expected);
    }

    #[test]
    fn reads_what_it_writes_and_nothing_shorter() {
        let advert = NeighbourAdvert {
            router: true,
            ..advert()
        };
        let frame = advert.frame();
        assert_eq!(NeighbourAdvert::read(&frame), Some(advert));
        for length in 0..FRAME {
            assert_eq!(NeighbourAdvert::read(&frame[..length]), None, "of {length} bytes");
        }
    }

    #[test]
    fn no_byte_makes_reading_panic() {
        for at in 0..FRAME {
            for byte in 0..=255 {
                let mut frame = advert().frame();
                frame[at] = byte;
                // Whether it is still an advertisement is not the point.
                let _ = NeighbourAdvert::read(&frame);
            }
        }
    }

    #[test]
    fn an_option_without_length_is_none() {
        let mut frame = advert().frame();
        frame[FRAME - OPTION + 1] = 0;
        assert_eq!(NeighbourAdvert::read(&frame), None);
    }
    proptest! {
        #[test]
        fn any_frame_is_read_or_none(mut frame in frame_like(&advert().frame())) {
            if let Some(advert) = NeighbourAdvert::read(&frame) {
                prop_assert_eq!(NeighbourAdvert::read(&advert.frame()), Some(advert));
            }
            frame.truncate(FRAME - 1);
            prop_assert_eq!(NeighbourAdvert::read(&frame), None);
        }
    }
}
