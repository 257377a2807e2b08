//! Gratuitous ARP and unsolicited neighbour advertisements: telling everybody where an address is now.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::net::IpAddr;

use tandem_sys::netlink::{Index, Link};
use tandem_sys::raw::{Arp, NeighbourAdvert, PacketSocket, WhichFrames};

#[derive(Debug, Default)]
pub(super) struct Herald {
    doors: BTreeMap<Index, Door>,
}

#[derive(Debug)]
struct Door {
    socket: PacketSocket,
    /// Hosts forget a router that stops saying it is one.
    router: bool,
}

impl Herald {
    pub(super) fn announce(&mut self, link: &Link, address: IpAddr) -> io::Result<()> {
        let Some(mac) = link.mac else {
            // Without hardware addresses there is nothing to tell (point-to-point links).
            return Ok(());
        };
        let door = self.door(link)?;
        match address {
            IpAddr::V4(ip) => door.socket.send(&Arp::announce(mac, ip).broadcast_frame()),
            IpAddr::V6(target) => {
                let router = door.router;
                door.socket.send(&NeighbourAdvert { target, mac, router }.frame())
            }
        }
    }

    pub(super) fn forget(&mut self, index: Index) {
        self.doors.remove(&index);
    }

    fn door(&mut self, link: &Link) -> io::Result<&Door> {
        match self.doors.entry(link.index) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(vacant) => Ok(vacant.insert(Door {
                socket: PacketSocket::open(link.index, WhichFrames::None)?,
                router: forwards(&link.name),
            })),
        }
    }
}

fn forwards(interface: &str) -> bool {
    let path = format!("/proc/sys/net/ipv6/conf/{interface}/forwarding");
    std::fs::read_to_string(path).is_ok_and(|text| text.trim() == "1")
}
