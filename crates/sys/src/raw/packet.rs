//! A socket for whole Ethernet frames on one interface (AF_PACKET), with the kernel's receive times.

use std::io::{self, IoSliceMut};
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, SystemTime};

use nix::sys::socket::{ControlMessageOwned, LinkAddr, MsgFlags, recvmsg, setsockopt, sockopt};
use socket2::{Domain, Protocol, SockAddr, SockAddrStorage, Socket, Type};

use super::filter;
use crate::netlink::Index;

/// Which frames the kernel hands over; finer choices are the reader's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhichFrames {
    /// For a socket that only sends.
    None,
    All,
    Arp,
    /// ARP that says where an address is: answers and announcements. Questions, of which there are many, wake nobody.
    ArpNews,
    /// The same of IPv6: neighbour advertisements.
    NeighbourNews,
    Ipv4,
    Ipv6,
}

/// As seen from the interface that the socket is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Incoming,
    Outgoing,
}

/// What is known of a received frame besides its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Bytes in the buffer; a frame that did not fit is cut.
    pub length: usize,
    /// When the kernel saw it.
    pub at: SystemTime,
    pub direction: Direction,
}

#[derive(Debug)]
pub struct PacketSocket {
    socket: OwnedFd,
}

impl WhichFrames {
    /// The EtherType.
    fn number(self) -> u16 {
        match self {
            Self::None => 0,
            Self::All => 0x0003,
            Self::Arp | Self::ArpNews => 0x0806,
            Self::Ipv4 => 0x0800,
            Self::Ipv6 | Self::NeighbourNews => 0x86dd,
        }
    }
}

impl PacketSocket {
    /// Needs CAP_NET_RAW in the network of this thread. The socket does not block.
    pub fn open(index: Index, which: WhichFrames) -> io::Result<Self> {
        // Made for no protocol at all, so that no frame of another interface comes in before it is bound.
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)))?;
        socket.set_nonblocking(true)?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        if let Some(filter) = filter::of(which) {
            socket.attach_filter(filter)?;
        }
        socket.bind(&link_address(index, which)?)?;
        Ok(Self { socket: socket.into() })
    }

    /// Sends one frame, header included.
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        let sent = nix::sys::socket::send(self.socket.as_raw_fd(), frame, MsgFlags::empty())?;
        if sent == frame.len() {
            Ok(())
        } else {
            Err(io::Error::other("the kernel cut the frame"))
        }
    }

    /// The next frame; `WouldBlock` when there is none.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Received> {
        let mut control = nix::cmsg_space!(nix::sys::time::TimeSpec);
        let mut parts = [IoSliceMut::new(buffer)];
        let message = recvmsg::<LinkAddr>(
            self.socket.as_raw_fd(),
            &mut parts,
            Some(&mut control),
            MsgFlags::empty(),
        )?;
        let stamp = message.cmsgs()?.find_map(|control| match control {
            ControlMessageOwned::ScmTimestampns(stamp) => Some(Duration::from(stamp)),
            _ => None,
        });
        let outgoing = message
            .address
            .is_some_and(|from| from.pkttype() == libc::PACKET_OUTGOING);
        Ok(Received {
            length: message.bytes,
            at: stamp.map_or_else(SystemTime::now, |since| SystemTime::UNIX_EPOCH + since),
            direction: if outgoing {
                Direction::Outgoing
            } else {
                Direction::Incoming
            },
        })
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for PacketSocket {
    fn as_raw_fd(&self) -> i32 {
        self.socket.as_raw_fd()
    }
}

fn link_address(index: Index, which: WhichFrames) -> io::Result<SockAddr> {
    let family = u16::try_from(libc::AF_PACKET).map_err(io::Error::other)?;
    let ifindex = i32::try_from(index.0).map_err(io::Error::other)?;
    let address = libc::sockaddr_ll {
        sll_family: family,
        sll_protocol: which.number().to_be(),
        sll_ifindex: ifindex,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let mut storage = SockAddrStorage::zeroed();
    let length = libc::socklen_t::try_from(size_of::<libc::sockaddr_ll>()).map_err(io::Error::other)?;
    // SAFETY: sockaddr_ll is one of the forms a sockaddr_storage may take; the length is its size.
    #[allow(unsafe_code)]
    let address = unsafe {
        *storage.view_as::<libc::sockaddr_ll>() = address;
        SockAddr::new(storage, length)
    };
    Ok(address)
}
