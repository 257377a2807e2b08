//! The sockets adverts go out by, opened when first needed.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::net::{IpAddr, Ipv6Addr};

use tandem_sys::netlink::{Index, Link};
use tandem_sys::raw::VrrpSender;
use tandem_vrrp_core::packet::Ipv4Header;

#[derive(Debug, Default)]
pub(super) struct Voice {
    v4: BTreeMap<Index, VrrpSender>,
    /// The kernel writes the header of IPv6, so a socket stands for its source.
    v6: BTreeMap<(Index, Ipv6Addr), VrrpSender>,
    last_id: u16,
}

/// One advert, and what its IP header says.
pub(super) struct Utterance<'a> {
    pub(super) from: IpAddr,
    pub(super) to: IpAddr,
    pub(super) ttl: u8,
    pub(super) message: &'a [u8],
}

impl Voice {
    pub(super) fn send(&mut self, link: &Link, advert: &Utterance<'_>) -> io::Result<()> {
        match (advert.from, advert.to) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let header = Ipv4Header {
                    source,
                    destination,
                    id: self.next_id(),
                    ttl: advert.ttl,
                };
                self.v4(link)?.send(&header.wrap(advert.message), advert.to)
            }
            (IpAddr::V6(source), IpAddr::V6(_)) => self.v6(link, source)?.send(advert.message, advert.to),
            _ => Err(io::Error::other("source and destination are of different families")),
        }
    }

    /// Forgets an interface that is gone.
    pub(super) fn forget(&mut self, index: Index) {
        self.v4.remove(&index);
        self.v6.retain(|(own, _), _| *own != index);
    }

    fn v4(&mut self, link: &Link) -> io::Result<&VrrpSender> {
        match self.v4.entry(link.index) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(vacant) => Ok(vacant.insert(VrrpSender::open_v4(&link.name, link.index)?)),
        }
    }

    fn v6(&mut self, link: &Link, source: Ipv6Addr) -> io::Result<&VrrpSender> {
        // An address that changed leaves a socket behind that is bound to the old one.
        self.v6
            .retain(|(index, bound), _| *index != link.index || *bound == source);
        match self.v6.entry((link.index, source)) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(vacant) => Ok(vacant.insert(VrrpSender::open_v6(&link.name, link.index, source)?)),
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
