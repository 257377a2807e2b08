//! Gratuitous ARP and unsolicited neighbour advertisements: telling everybody where an address is now; and asking who
//! else has one.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use tandem_sys::netlink::{Index, Link, Mac};
use tandem_sys::raw::{Arp, NeighbourAdvert, NeighbourSolicit, PacketSocket, WhichFrames};
use tandem_time::Mono;

use super::closing;

#[derive(Debug, Default)]
pub(super) struct Herald {
    doors: BTreeMap<Index, Door>,
}

#[derive(Debug)]
struct Door {
    socket: PacketSocket,
    router: Memory,
}

/// Hosts forget a router that stops saying it is one.
#[derive(Debug, Default)]
struct Memory(Option<(Mono, bool)>);

/// A round of announcements takes less, and the next one comes later.
const ROUND: Duration = Duration::from_millis(500);

impl Memory {
    /// What the kernel says, asked once a round.
    fn is_router(&mut self, now: Mono, ask: impl FnOnce() -> bool) -> bool {
        match self.0 {
            Some((since, router)) if now.since(since) < ROUND => router,
            _ => self.0.insert((now, ask())).1,
        }
    }
}

impl Herald {
    /// That an address lives at this MAC address, by this interface.
    pub(super) fn announce(&mut self, link: &Link, mac: Option<Mac>, address: IpAddr, now: Mono) -> io::Result<()> {
        let Some(mac) = mac.filter(|_| !link.no_arp) else {
            // Without hardware addresses, or anybody who asks for them, there is nothing to tell (point-to-point links).
            return Ok(());
        };
        let door = self.door(link)?;
        match address {
            IpAddr::V4(ip) => door.socket.send(&Arp::announce(mac, ip).broadcast_frame()),
            IpAddr::V6(target) => {
                let router = door.router.is_router(now, || forwards(&link.name));
                door.socket.send(
                    &NeighbourAdvert {
                        target,
                        mac,
                        router,
                        solicited: false,
                    }
                    .frame(),
                )
            }
        }
    }

    /// Asks who has an address. The frame goes to the routers of `group` only, where there is one: their switch and
    /// network cards keep it from everybody else, and the kernel answers ARP that came to a group like any other.
    pub(super) fn ask(&mut self, link: &Link, own: IpAddr, group: Option<IpAddr>, address: IpAddr) -> io::Result<()> {
        let Some(mac) = link.mac.filter(|_| !link.no_arp) else {
            return Ok(());
        };
        let door = self.door(link)?;
        match (address, own) {
            (IpAddr::V4(ip), _) => {
                let to = match group {
                    Some(group @ IpAddr::V4(_)) => Mac::of_group(group),
                    _ => Mac::BROADCAST,
                };
                door.socket.send(&Arp::probe(mac, ip).frame(to))
            }
            (IpAddr::V6(target), IpAddr::V6(source)) => {
                door.socket.send(&NeighbourSolicit { source, mac, target }.frame())
            }
            // An IPv6 address beside adverts over IPv4: nobody to send the answer to.
            (IpAddr::V6(_), IpAddr::V4(_)) => Ok(()),
        }
    }

    /// Asks where a host is, which so learns where `own` is.
    pub(super) fn seek(&mut self, link: &Link, own: IpAddr, host: IpAddr) -> io::Result<()> {
        let Some(mac) = link.mac else { return Ok(()) };
        let door = self.door(link)?;
        match (own, host) {
            (IpAddr::V4(own), IpAddr::V4(host)) => door.socket.send(&Arp::question(mac, own, host).broadcast_frame()),
            (IpAddr::V6(source), IpAddr::V6(target)) => {
                door.socket.send(&NeighbourSolicit { source, mac, target }.frame())
            }
            // Adverts go between addresses of one family.
            _ => Ok(()),
        }
    }

    pub(super) fn forget(&mut self, index: Index) {
        let door = self.doors.remove(&index);
        closing::close(door.map(|door| door.socket).into_iter().collect());
    }

    fn door(&mut self, link: &Link) -> io::Result<&mut Door> {
        match self.doors.entry(link.index) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(vacant) => Ok(vacant.insert(Door {
                socket: PacketSocket::open(link.index, WhichFrames::None)?,
                router: Memory::default(),
            })),
        }
    }
}

fn forwards(interface: &str) -> bool {
    let path = format!("/proc/sys/net/ipv6/conf/{interface}/forwarding");
    std::fs::read_to_string(path).is_ok_and(|text| text.trim() == "1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::around::fixtures::link;

    #[test]
    fn whether_it_is_a_router_is_asked_each_round() {
        let mut memory = Memory::default();
        let at = Mono::from_millis;
        assert!(memory.is_router(at(0), || true));
        assert!(memory.is_router(at(20), || panic!("within the round")));
        assert!(!memory.is_router(at(5000), || false));
    }

    /// There is no such interface, so whoever wanted to send would fail.
    #[test]
    fn nothing_is_announced_where_nobody_resolves_addresses() {
        let (mac, now) = (Mac([2; 6]), Mono::ZERO);
        let link = |no_arp| Link {
            mac: Some(mac),
            no_arp,
            ..link(u32::MAX >> 1, "nowhere0")
        };
        for address in ["10.9.0.100", "fd00::100"] {
            let address = address.parse().expect("well written");
            let mut herald = Herald::default();
            assert!(herald.announce(&link(false), Some(mac), address, now).is_err());
            assert!(herald.announce(&link(true), Some(mac), address, now).is_ok());
            assert!(herald.announce(&link(false), None, address, now).is_ok());
        }
    }
}
