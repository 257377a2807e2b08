//! Listening for others that say where our addresses are: a successor's announcements, and the answers of rivals.
//!
//! The sockets exist only while we hold addresses, and the kernel keeps questions from them.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::task::{Context, Poll};

use tandem_sys::netlink::{Index, Mac};
use tandem_sys::raw::{Arp, Direction, NeighbourAdvert, PacketSocket, WhichFrames};
use tandem_sys::readable::Readable;
use tandem_vrrp_core::settings::Family;

use super::closing;

/// Longer than what is listened for.
const BUFFER: usize = 256;
const AT_ONCE: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Ears {
    open: BTreeMap<(Index, Family), Readable<PacketSocket>>,
}

/// Somebody on this interface says that an address is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct News {
    pub(super) index: Index,
    pub(super) address: IpAddr,
    pub(super) mac: Mac,
    /// Unasked, to everybody; else an answer.
    pub(super) to_all: bool,
}

impl Ears {
    pub(super) fn open(&mut self, index: Index, family: Family) -> io::Result<()> {
        if self.open.contains_key(&(index, family)) {
            return Ok(());
        }
        let which = match family {
            Family::V4 => WhichFrames::ArpNews,
            Family::V6 => WhichFrames::NeighbourNews,
        };
        let socket = Readable::new(PacketSocket::open(index, which)?)?;
        self.open.insert((index, family), socket);
        Ok(())
    }

    pub(super) fn close(&mut self) {
        let closing = std::mem::take(&mut self.open).into_values();
        closing::close(closing.map(Readable::into_inner).collect());
    }

    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut answer = Poll::Pending;
        for socket in self.open.values() {
            if let Poll::Ready(ready) = socket.poll_readable(cx) {
                answer = Poll::Ready(ready);
            }
        }
        answer
    }

    pub(super) fn forget(&mut self, index: Index) {
        let closing = self.open.extract_if(.., |(own, _), _| *own == index);
        closing::close(closing.map(|(_, socket)| socket.into_inner()).collect());
    }

    /// What others said of where addresses are.
    pub(super) fn drain(&self) -> Vec<News> {
        let mut news = Vec::new();
        let mut buffer = [0; BUFFER];
        for ((index, _), socket) in &self.open {
            for _ in 0..AT_ONCE {
                match socket.inner().receive(&mut buffer) {
                    Ok(frame) if frame.direction == Direction::Incoming => {
                        news.extend(read(*index, &buffer[..frame.length]));
                    }
                    Ok(_) => {}
                    Err(_) => {
                        socket.found_empty();
                        break;
                    }
                }
            }
        }
        news
    }
}

fn read(index: Index, frame: &[u8]) -> Option<News> {
    let arp = Arp::read(frame).map(|arp| News {
        index,
        address: IpAddr::V4(arp.sender),
        mac: arp.sender_mac,
        to_all: arp.is_announcement(),
    });
    let advert = || {
        let advert = NeighbourAdvert::read(frame)?;
        Some(News {
            index,
            address: IpAddr::V6(advert.target),
            mac: advert.mac,
            to_all: !advert.solicited,
        })
    };
    arp.or_else(advert)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use tandem_sys::raw::ArpOperation;

    use super::*;

    #[test]
    fn announcements_and_answers_are_told_apart() {
        let (vip, mac) = (Ipv4Addr::new(10, 9, 0, 100), Mac([2; 6]));
        let announcement = Arp::announce(mac, vip);
        let news = News {
            index: Index(3),
            address: vip.into(),
            mac,
            to_all: true,
        };
        assert_eq!(read(Index(3), &announcement.broadcast_frame()), Some(news));
        let answer = Arp {
            operation: ArpOperation::Reply,
            target: Ipv4Addr::UNSPECIFIED,
            ..announcement
        };
        let answered = News { to_all: false, ..news };
        assert_eq!(read(Index(3), &answer.frame(Mac([4; 6]))), Some(answered));
        let advert = NeighbourAdvert {
            target: Ipv6Addr::LOCALHOST,
            mac,
            router: false,
            solicited: false,
        };
        let address = IpAddr::V6(Ipv6Addr::LOCALHOST);
        assert_eq!(read(Index(3), &advert.frame()), Some(News { address, ..news }));
    }
}
