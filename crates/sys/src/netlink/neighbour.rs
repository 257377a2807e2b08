//! The neighbour table: which hardware address a host believes an address to have.

use std::net::IpAddr;

use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState};

use super::{Asked, Index, Mac, Netlink, NetlinkError, collect};

/// One entry; without a hardware address while the question is open, or when nobody answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    pub index: Index,
    pub ip: IpAddr,
    pub mac: Option<Mac>,
}

impl Neighbour {
    fn read(message: &NeighbourMessage) -> Option<Self> {
        // Entries for multicast and the loopback are the kernel's own arithmetic.
        if message.header.state == NeighbourState::Noarp {
            return None;
        }
        let mut ip = None;
        let mut mac = None;
        for attribute in &message.attributes {
            match attribute {
                NeighbourAttribute::Destination(NeighbourAddress::Inet(v4)) => ip = Some(IpAddr::V4(*v4)),
                NeighbourAttribute::Destination(NeighbourAddress::Inet6(v6)) => ip = Some(IpAddr::V6(*v6)),
                NeighbourAttribute::LinkLayerAddress(bytes) => mac = Mac::from_slice(bytes),
                _ => {}
            }
        }
        Some(Self {
            index: Index(message.header.ifindex),
            ip: ip?,
            mac,
        })
    }
}

impl Netlink {
    pub async fn neighbours(&self) -> Result<Vec<Neighbour>, NetlinkError> {
        collect(
            "list neighbours",
            self.handle.neighbours().get().execute(),
            Neighbour::read,
        )
        .await
    }

    /// Forgets all that an interface has learned.
    pub async fn forget_neighbours(&self, index: Index) -> Result<(), NetlinkError> {
        for entry in self
            .neighbours()
            .await?
            .into_iter()
            .filter(|entry| entry.index == index)
        {
            match self.handle.neighbours().del(entry.message()).execute().await {
                // It may have aged away since it was listed.
                Err(rtnetlink::Error::NetlinkError(error)) if error.raw_code() == -libc::ENOENT => {}
                outcome => outcome.asked(|| format!("forget neighbour {}", entry.ip))?,
            }
        }
        Ok(())
    }
}

impl Neighbour {
    fn message(&self) -> NeighbourMessage {
        let mut message = NeighbourMessage::default();
        message.header.ifindex = self.index.0;
        let (family, destination) = match self.ip {
            IpAddr::V4(ip) => (AddressFamily::Inet, NeighbourAddress::Inet(ip)),
            IpAddr::V6(ip) => (AddressFamily::Inet6, NeighbourAddress::Inet6(ip)),
        };
        message.header.family = family;
        message.attributes.push(NeighbourAttribute::Destination(destination));
        message
    }
}
