//! Raw sockets for IP protocol 112 on one interface: one that listens, one that speaks.
//!
//! They are two because a virtual router may speak from another interface than it listens on. Both never block, so that a
//! thread can drain what has arrived before it lets a timer expire; readiness comes from `poll` or tokio's `AsyncFd`.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::{Duration, SystemTime};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockFilter, Socket, Type};

use crate::netlink::{Family, Index};

const VRRP: i32 = 112;
/// IP's authentication header (RFC 4302).
const AUTHENTICATED: i32 = 51;
/// Internetwork control, CS6.
const TRAFFIC_CLASS: u32 = 0xc0;

/// Hears adverts that arrive by one interface.
#[derive(Debug)]
pub struct VrrpReceiver {
    socket: Socket,
    interface: Index,
}

/// Sends adverts out of one interface; hears nothing, not even itself.
#[derive(Debug)]
pub struct VrrpSender {
    socket: Socket,
    interface: Index,
}

/// What is known of a packet besides its bytes. Of IPv4 the buffer holds the whole packet, of IPv6 what follows the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Bytes in the buffer; a packet that did not fit is cut.
    pub length: usize,
    /// When the kernel took it from the wire.
    pub at: SystemTime,
    pub source: IpAddr,
    /// IPv6 only; of IPv4 it is in the packet.
    pub destination: Option<Ipv6Addr>,
    /// IPv6 only; of IPv4 it is in the packet.
    pub hop_limit: Option<u8>,
}

impl VrrpReceiver {
    /// Needs CAP_NET_RAW in the network of this thread. It hears unicast at once, and groups when it has joined them.
    pub fn open(name: &str, interface: Index, family: Family) -> io::Result<Self> {
        Self::over(raw_socket(family, VRRP)?, name, interface, family)
    }

    /// For adverts in IPv4 behind an authentication header, and nothing else that has one.
    pub fn open_authenticated(name: &str, interface: Index) -> io::Result<Self> {
        let socket = raw_socket(Family::V4, AUTHENTICATED)?;
        socket.attach_filter(&[
            // The first byte after the IP header says what comes after this one.
            SockFilter::new(LOAD_HEADER_LENGTH, 0, 0, 0),
            SockFilter::new(LOAD_BYTE_BEHIND, 0, 0, 0),
            SockFilter::new(JUMP_IF_EQUAL, 0, 1, VRRP.unsigned_abs()),
            SockFilter::new(RETURN_CONSTANT, 0, 0, u32::from(u16::MAX)),
            SockFilter::new(RETURN_CONSTANT, 0, 0, 0),
        ])?;
        Self::over(socket, name, interface, Family::V4)
    }

    fn over(socket: Socket, name: &str, interface: Index, family: Family) -> io::Result<Self> {
        socket.bind_device(Some(name.as_bytes()))?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        match family {
            // Else the kernel hands over what any socket of this host has joined.
            Family::V4 => socket.set_multicast_all_v4(false)?,
            Family::V6 => {
                socket.set_multicast_all_v6(false)?;
                socket.set_recv_hoplimit_v6(true)?;
                setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
            }
        }
        Ok(Self { socket, interface })
    }

    pub fn join(&self, group: IpAddr) -> io::Result<()> {
        match group {
            IpAddr::V4(group) => self
                .socket
                .join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(self.interface.0)),
            IpAddr::V6(group) => self.socket.join_multicast_v6(&group, self.interface.0),
        }
    }

    /// The next packet; `WouldBlock` when there is none.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Arrival> {
        let mut control = nix::cmsg_space!(nix::sys::time::TimeSpec, i32, libc::in6_pktinfo);
        let mut parts = [IoSliceMut::new(buffer)];
        let message = recvmsg::<SockaddrStorage>(
            self.socket.as_raw_fd(),
            &mut parts,
            Some(&mut control),
            MsgFlags::empty(),
        )?;
        let mut arrival = Arrival {
            length: message.bytes,
            at: SystemTime::now(),
            source: source(message.address.as_ref())?,
            destination: None,
            hop_limit: None,
        };
        for control in message.cmsgs()? {
            match control {
                ControlMessageOwned::ScmTimestampns(stamp) => {
                    arrival.at = SystemTime::UNIX_EPOCH + Duration::from(stamp);
                }
                ControlMessageOwned::Ipv6PacketInfo(info) => arrival.destination = Some(info.ipi6_addr.s6_addr.into()),
                ControlMessageOwned::Ipv6HopLimit(limit) => arrival.hop_limit = u8::try_from(limit).ok(),
                _ => {}
            }
        }
        Ok(arrival)
    }
}

impl VrrpSender {
    /// IPv4: packets bring their header along, with the source in it.
    pub fn open_v4(name: &str, interface: Index) -> io::Result<Self> {
        // This protocol number sends any and receives none.
        let socket = raw_socket(Family::V4, libc::IPPROTO_RAW)?;
        socket.bind_device(Some(name.as_bytes()))?;
        socket.set_header_included_v4(true)?;
        socket.set_multicast_loop_v4(false)?;
        let any = &Ipv4Addr::UNSPECIFIED;
        rustix::net::sockopt::set_ip_multicast_if_with_ifindex(&socket, any, any, interface.0)?;
        Ok(Self { socket, interface })
    }

    /// IPv6: the kernel writes the header, from the socket's source.
    pub fn open_v6(name: &str, interface: Index, source: Ipv6Addr, hop_limit: u8) -> io::Result<Self> {
        let socket = raw_socket(Family::V6, VRRP)?;
        // Protocol 112 receives as well: let nothing in.
        socket.attach_filter(&[SockFilter::new(RETURN_CONSTANT, 0, 0, 0)])?;
        socket.bind_device(Some(name.as_bytes()))?;
        socket.set_multicast_if_v6(interface.0)?;
        socket.set_multicast_loop_v6(false)?;
        socket.set_multicast_hops_v6(u32::from(hop_limit))?;
        socket.set_unicast_hops_v6(u32::from(hop_limit))?;
        socket.set_tclass_v6(TRAFFIC_CLASS)?;
        socket.bind(&SocketAddr::V6(SocketAddrV6::new(source, 0, 0, interface.0)).into())?;
        Ok(Self { socket, interface })
    }

    /// Sends one packet: of IPv4 with its header, of IPv6 what follows the header.
    pub fn send(&self, packet: &[u8], to: IpAddr) -> io::Result<()> {
        let to = match to {
            IpAddr::V4(ip) => SocketAddr::new(ip.into(), 0),
            IpAddr::V6(ip) => SocketAddrV6::new(ip, 0, 0, self.interface.0).into(),
        };
        let sent = self.socket.send_to(packet, &to.into())?;
        if sent == packet.len() {
            Ok(())
        } else {
            Err(io::Error::other("the kernel cut the packet"))
        }
    }
}

/// BPF_LDX | BPF_B | BPF_MSH: four times the low half of a byte.
const LOAD_HEADER_LENGTH: u16 = 0xb1;
/// BPF_LD | BPF_B | BPF_IND: the byte so far into the packet.
const LOAD_BYTE_BEHIND: u16 = 0x50;
/// BPF_JMP | BPF_JEQ | BPF_K
const JUMP_IF_EQUAL: u16 = 0x15;
/// BPF_RET | BPF_K: accept so many bytes of every packet.
const RETURN_CONSTANT: u16 = 0x06;

fn raw_socket(family: Family, protocol: i32) -> io::Result<Socket> {
    let domain = match family {
        Family::V4 => Domain::IPV4,
        Family::V6 => Domain::IPV6,
    };
    let socket = Socket::new(domain, Type::RAW, Some(Protocol::from(protocol)))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn source(address: Option<&SockaddrStorage>) -> io::Result<IpAddr> {
    let v4 = address
        .and_then(SockaddrStorage::as_sockaddr_in)
        .map(|address| IpAddr::V4(address.ip()));
    let v6 = || {
        address
            .and_then(SockaddrStorage::as_sockaddr_in6)
            .map(|address| IpAddr::V6(address.ip()))
    };
    v4.or_else(v6)
        .ok_or_else(|| io::Error::other("a packet without a source"))
}

impl AsFd for VrrpSender {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsFd for VrrpReceiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for VrrpReceiver {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}
