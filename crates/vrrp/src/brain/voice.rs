//! The sockets adverts go out by, opened when first needed.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::RawFd;

use tandem_sys::netlink::{Index, Link, Mac};
use tandem_sys::raw::{PacketSocket, VrrpSender, WhichFrames};
use tandem_vrrp_core::packet::{Ipv4Header, Ipv6Header};
use tandem_vrrp_core::settings::Family;

use super::around::number;
use super::closing;

#[derive(Debug, Default)]
pub(super) struct Voice {
    v4: BTreeMap<Index, VrrpSender>,
    /// The kernel writes the header of IPv6, so a socket stands for its source and its hop limit.
    v6: BTreeMap<(Index, Ipv6Addr, u8), VrrpSender>,
    /// For those that leave with another MAC address than the interface's.
    frames: BTreeMap<Index, PacketSocket>,
    last_id: u16,
}

/// One advert, and what its IP header says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Utterance {
    pub(super) from: IpAddr,
    pub(super) to: IpAddr,
    pub(super) ttl: u8,
    pub(super) message: Vec<u8>,
}

impl Voice {
    /// With the MAC address of the interface, or one of its own.
    pub(super) fn send(&mut self, link: &Link, mac: Option<Mac>, advert: &Utterance) -> io::Result<()> {
        if let Some(mac) = mac {
            return self.send_as(link, mac, advert);
        }
        match (advert.from, advert.to) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let packet = self.packet_v4(source, destination, advert);
                self.v4(link)?.send(&packet, advert.to)
            }
            (IpAddr::V6(source), IpAddr::V6(_)) => self.v6(link, source, advert.ttl)?.send(&advert.message, advert.to),
            _ => Err(io::Error::other("source and destination are of different families")),
        }
    }

    fn packet_v4(&mut self, source: Ipv4Addr, destination: Ipv4Addr, advert: &Utterance) -> Vec<u8> {
        let header = Ipv4Header {
            source,
            destination,
            id: self.next_id(),
            ttl: advert.ttl,
        };
        header.wrap(&advert.message)
    }

    /// Only to a group, whose MAC address is known.
    fn send_as(&mut self, link: &Link, mac: Mac, advert: &Utterance) -> io::Result<()> {
        let (kind, packet) = match (advert.from, advert.to) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                ([0x08, 0x00], self.packet_v4(source, destination, advert))
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let hop_limit = advert.ttl;
                let header = Ipv6Header {
                    source,
                    destination,
                    hop_limit,
                };
                ([0x86, 0xdd], header.wrap(&advert.message))
            }
            _ => return Err(io::Error::other("source and destination are of different families")),
        };
        let frame = [&Mac::of_group(advert.to).0[..], &mac.0, &kind, &packet].concat();
        let socket = match self.frames.entry(link.index) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(vacant) => vacant.insert(PacketSocket::open(link.index, WhichFrames::None)?),
        };
        socket.send(&frame)
    }

    /// What adverts of this family leave by on this interface.
    pub(super) fn descriptor(&self, index: Index, family: Family) -> Option<RawFd> {
        let framed = || self.frames.get(&index).map(number);
        let own = match family {
            Family::V4 => self.v4.get(&index),
            Family::V6 => self
                .v6
                .iter()
                .find(|((on, ..), _)| *on == index)
                .map(|(_, sender)| sender),
        };
        own.map(number).or_else(framed)
    }

    /// Forgets an interface that is gone.
    pub(super) fn forget(&mut self, index: Index) {
        self.v4.remove(&index);
        closing::close(self.frames.remove(&index).into_iter().collect());
        self.v6.retain(|(own, ..), _| *own != index);
    }

    fn v4(&mut self, link: &Link) -> io::Result<&VrrpSender> {
        match self.v4.entry(link.index) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(vacant) => Ok(vacant.insert(VrrpSender::open_v4(&link.name, link.index)?)),
        }
    }

    fn v6(&mut self, link: &Link, source: Ipv6Addr, hop_limit: u8) -> io::Result<&VrrpSender> {
        // An address that changed leaves a socket behind that is bound to the old one.
        self.v6
            .retain(|(index, bound, _), _| *index != link.index || *bound == source);
        match self.v6.entry((link.index, source, hop_limit)) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(vacant) => {
                let sender = VrrpSender::open_v6(&link.name, link.index, source, hop_limit)?;
                Ok(vacant.insert(sender))
            }
        }
    }

    /// Keepalived counts its packets from 1 and never says 0.
    fn next_id(&mut self) -> u16 {
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        self.last_id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_never_zero() {
        let mut voice = Voice::default();
        assert_eq!(voice.next_id(), 1);
        voice.last_id = u16::MAX - 1;
        assert_eq!([voice.next_id(), voice.next_id()], [u16::MAX, 1]);
    }
}
