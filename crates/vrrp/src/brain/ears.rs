//! Listening for a successor's announcements, while there is one to come.
//!
//! The sockets hear all ARP or IPv6 of an interface, so they exist only during a handover. Closing one waits for the
//! kernel's grace period, which a thread of its own can do better.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::task::{Context, Poll};

use tandem_sys::netlink::Index;
use tandem_sys::raw::{Arp, Direction, NeighbourAdvert, PacketSocket, WhichFrames};
use tandem_sys::readable::Readable;
use tandem_vrrp_core::settings::Family;

/// Longer than what is listened for.
const BUFFER: usize = 256;
const AT_ONCE: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Ears {
    open: BTreeMap<(Index, Family), Readable<PacketSocket>>,
}

impl Ears {
    pub(super) fn open(&mut self, index: Index, family: Family) -> io::Result<()> {
        if self.open.contains_key(&(index, family)) {
            return Ok(());
        }
        let which = match family {
            Family::V4 => WhichFrames::Arp,
            Family::V6 => WhichFrames::Ipv6,
        };
        let socket = Readable::new(PacketSocket::open(index, which)?)?;
        self.open.insert((index, family), socket);
        Ok(())
    }

    pub(super) fn close(&mut self) {
        let closing: Vec<PacketSocket> = std::mem::take(&mut self.open)
            .into_values()
            .map(Readable::into_inner)
            .collect();
        if !closing.is_empty() {
            std::thread::spawn(move || drop(closing));
        }
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

    /// Addresses that others announced.
    pub(super) fn drain(&self) -> Vec<IpAddr> {
        let mut announced = Vec::new();
        let mut buffer = [0; BUFFER];
        for socket in self.open.values() {
            for _ in 0..AT_ONCE {
                match socket.inner().receive(&mut buffer) {
                    Ok(frame) if frame.direction == Direction::Incoming => {
                        announced.extend(read(&buffer[..frame.length]));
                    }
                    Ok(_) => {}
                    Err(_) => {
                        socket.found_empty();
                        break;
                    }
                }
            }
        }
        announced
    }
}

fn read(frame: &[u8]) -> Option<IpAddr> {
    let arp = || {
        Arp::read(frame)
            .filter(Arp::is_announcement)
            .map(|arp| IpAddr::V4(arp.sender))
    };
    arp().or_else(|| NeighbourAdvert::read(frame).map(|advert| IpAddr::V6(advert.target)))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use tandem_sys::netlink::Mac;

    use super::*;

    #[test]
    fn an_announcement_is_heard_and_a_question_is_not() {
        let vip = Ipv4Addr::new(10, 9, 0, 100);
        let announcement = Arp::announce(Mac([2; 6]), vip);
        assert_eq!(read(&announcement.broadcast_frame()), Some(IpAddr::V4(vip)));
        let question = Arp {
            sender: Ipv4Addr::new(10, 9, 0, 3),
            ..announcement
        };
        assert_eq!(read(&question.broadcast_frame()), None);
        let advert = NeighbourAdvert {
            target: Ipv6Addr::LOCALHOST,
            mac: Mac([2; 6]),
            router: false,
        };
        assert_eq!(read(&advert.frame()), Some(IpAddr::V6(Ipv6Addr::LOCALHOST)));
    }
}
