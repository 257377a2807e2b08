//! The sockets adverts go out by, opened when first needed.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

use tandem_sys::netlink::{Index, Link};
use tandem_sys::raw::VrrpSender;
use tandem_vrrp_core::packet::Ipv4Header;

#[derive(Debug, Default)]
pub(super) struct Voice {
    v4: BTreeMap<Index, VrrpSender>,
    /// The kernel writes the header of IPv6, so a socket stands for its source.
    v6: BTreeMap<(Index, IpAddr), VrrpSender>,
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
            (IpAddr::V6(_), IpAddr::V6(_)) => self.v6(link, advert)?.send(advert.message, advert.to),
            _ => Err(io::Error::other("source and destination are of different families")),
        }
    }

    /// Forgets an interface that is gone.
    pub(super) fn forget(&mut self, index: Index) {
        self.v4.remove(&index);
        self.v6.retain(|(own, _), _| *own != index);
    }

    fn v4(&mut self, link: &Link) -> io::Result<&VrrpSender> {
        if !self.v4.contains_key(&link.index) {
            let sender = VrrpSender::open_v4(&link.name, link.index)?;
            self.v4.insert(link.index, sender);
        }
        self.v4.get(&link.index).ok_or_else(missing)
    }

    fn v6(&mut self, link: &Link, advert: &Utterance<'_>) -> io::Result<&VrrpSender> {
        let key = (link.index, advert.from);
        if let (false, IpAddr::V6(source)) = (self.v6.contains_key(&key), advert.from) {
            // An address that changed leaves a socket behind that is bound to the old one.
            self.v6.retain(|(index, _), _| *index != link.index);
            let sender = VrrpSender::open_v6(&link.name, link.index, source)?;
            self.v6.insert(key, sender);
        }
        self.v6.get(&key).ok_or_else(missing)
    }

    /// Keepalived counts its packets from 1 and never says 0.
    fn next_id(&mut self) -> u16 {
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        self.last_id
    }
}

fn missing() -> io::Error {
    io::Error::other("the socket was not opened")
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
