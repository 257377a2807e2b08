//! ARP over Ethernet (RFC 826, RFC 5227 section 3).

use std::net::Ipv4Addr;

use pnet_packet::Packet;
use pnet_packet::arp::{ArpHardwareTypes, ArpOperation as Operation, ArpOperations, ArpPacket, MutableArpPacket};
use pnet_packet::ethernet::{EtherTypes, EthernetPacket, MutableEthernetPacket};

use crate::netlink::Mac;

const ETHERNET_HEADER: usize = 14;
const FRAME: usize = 42;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArpOperation {
    Request,
    Reply,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arp {
    pub operation: ArpOperation,
    pub sender_mac: Mac,
    pub sender: Ipv4Addr,
    pub target_mac: Mac,
    pub target: Ipv4Addr,
}

impl Arp {
    /// The announcement that an address now lives at this hardware address, in the form Keepalived gives it: a request with
    /// all ones as the target's hardware address.
    pub fn announce(mac: Mac, ip: Ipv4Addr) -> Self {
        Self {
            operation: ArpOperation::Request,
            sender_mac: mac,
            sender: ip,
            target_mac: Mac::BROADCAST,
            target: ip,
        }
    }

    /// The question who has an address, in the form that no cache learns from (RFC 5227 section 2.1.1).
    pub fn probe(mac: Mac, ip: Ipv4Addr) -> Self {
        Self::question(mac, Ipv4Addr::UNSPECIFIED, ip)
    }

    /// The ordinary question: whoever is asked learns where the sender is.
    pub fn question(mac: Mac, sender: Ipv4Addr, target: Ipv4Addr) -> Self {
        Self {
            operation: ArpOperation::Request,
            sender_mac: mac,
            sender,
            target_mac: Mac::default(),
            target,
        }
    }

    /// Whether it tells everybody where an address lives, in either form.
    pub fn is_announcement(&self) -> bool {
        self.sender == self.target
    }

    /// The whole frame, to everybody.
    pub fn broadcast_frame(&self) -> [u8; FRAME] {
        self.frame(Mac::BROADCAST)
    }

    /// The whole frame, to one hardware address or group.
    pub fn frame(&self, to: Mac) -> [u8; FRAME] {
        let mut frame = [0; FRAME];
        let (header, body) = frame.split_at_mut(ETHERNET_HEADER);
        // Both views exist: the pieces have exactly the sizes that the formats demand.
        if let Some(mut ethernet) = MutableEthernetPacket::new(header) {
            ethernet.set_destination(to.0.into());
            ethernet.set_source(self.sender_mac.0.into());
            ethernet.set_ethertype(EtherTypes::Arp);
        }
        if let Some(mut arp) = MutableArpPacket::new(body) {
            arp.set_hardware_type(ArpHardwareTypes::Ethernet);
            arp.set_protocol_type(EtherTypes::Ipv4);
            arp.set_hw_addr_len(6);
            arp.set_proto_addr_len(4);
            arp.set_operation(self.operation.number());
            arp.set_sender_hw_addr(self.sender_mac.0.into());
            arp.set_sender_proto_addr(self.sender);
            arp.set_target_hw_addr(self.target_mac.0.into());
            arp.set_target_proto_addr(self.target);
        }
        frame
    }

    /// Reads a frame; anything but ARP for IPv4 over Ethernet is none.
    pub fn read(frame: &[u8]) -> Option<Self> {
        let ethernet = EthernetPacket::new(frame).filter(|ethernet| ethernet.get_ethertype() == EtherTypes::Arp)?;
        let arp = ArpPacket::new(ethernet.payload())?;
        let sizes = (arp.get_hw_addr_len(), arp.get_proto_addr_len());
        if arp.get_hardware_type() != ArpHardwareTypes::Ethernet
            || arp.get_protocol_type() != EtherTypes::Ipv4
            || sizes != (6, 4)
        {
            return None;
        }
        Some(Self {
            operation: ArpOperation::read(arp.get_operation())?,
            sender_mac: Mac(arp.get_sender_hw_addr().octets()),
            sender: arp.get_sender_proto_addr(),
            target_mac: Mac(arp.get_target_hw_addr().octets()),
            target: arp.get_target_proto_addr(),
        })
    }
}

impl ArpOperation {
    fn number(self) -> Operation {
        match self {
            Self::Request => ArpOperations::Request,
            Self::Reply => ArpOperations::Reply,
        }
    }

    fn read(number: Operation) -> Option<Self> {
        match number {
            ArpOperations::Request => Some(Self::Request),
            ArpOperations::Reply => Some(Self::Reply),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::frame_like;
    use super::*;

    const MAC: Mac = Mac([0x02, 0x11, 0x22, 0x33, 0x44, 0x55]);
    const VIP: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 100);

    #[test]
    fn an_announcement_byte_for_byte() {
        let expected = [
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 0x08, 0x06, // Ethernet
            0, 1, 0x08, 0, 6, 4, 0, 1, // a request for IPv4 over Ethernet
            0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 10, 9, 0, 100, // sender
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 10, 9, 0, 100, // target
        ];
        assert_eq!(Arp::announce(MAC, VIP).broadcast_frame(), expected);
    }

    #[test]
    fn a_probe_byte_for_byte() {
        let expected = [
            0x01, 0x00, 0x5e, 0x00, 0x00, 0x12, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 0x08, 0x06, // Ethernet
            0, 1, 0x08, 0, 6, 4, 0, 1, // a request for IPv4 over Ethernet
            0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 0, 0, 0, 0, // sender: a hardware address and nobody
            0, 0, 0, 0, 0, 0, 10, 9, 0, 100, // target
        ];
        let group = Mac([0x01, 0x00, 0x5e, 0x00, 0x00, 0x12]);
        assert_eq!(Arp::probe(MAC, VIP).frame(group), expected);
        assert!(!Arp::probe(MAC, VIP).is_announcement());
    }

    #[test]
    fn reads_what_it_writes_and_nothing_shorter() {
        let arp = Arp {
            target: Ipv4Addr::new(10, 9, 0, 1),
            target_mac: Mac::default(),
            ..Arp::announce(MAC, VIP)
        };
        let frame = arp.broadcast_frame();
        assert_eq!(Arp::read(&frame), Some(arp));
        assert!(!arp.is_announcement() && Arp::announce(MAC, VIP).is_announcement());
        for length in 0..FRAME {
            assert_eq!(Arp::read(&frame[..length]), None, "of {length} bytes");
        }
    }

    #[test]
    fn another_protocol_is_none() {
        for (at, byte) in [(12, 0x86), (15, 6), (16, 0x86), (18, 8), (19, 16), (21, 3)] {
            let mut frame = Arp::announce(MAC, VIP).broadcast_frame();
            frame[at] = byte;
            assert_eq!(Arp::read(&frame), None, "byte {at}");
        }
    }
    proptest! {
        /// Strangers may send anything. What is understood says the same when it is written.
        #[test]
        fn any_frame_is_read_or_none(mut frame in frame_like(&Arp::announce(MAC, VIP).broadcast_frame())) {
            if let Some(arp) = Arp::read(&frame) {
                prop_assert_eq!(Arp::read(&arp.broadcast_frame()), Some(arp));
            }
            frame.truncate(FRAME - 1);
            prop_assert_eq!(Arp::read(&frame), None);
        }
    }
}
