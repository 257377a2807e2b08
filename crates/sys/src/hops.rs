//! UDP that knows hop limits, for protocols whose packets must not have passed a router (RFC 5082).

use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::ops::RangeInclusive;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

/// Internetwork control, CS6.
const TRAFFIC_CLASS: u32 = 0xc0;

/// Does not block.
#[derive(Debug)]
pub struct HopSocket {
    socket: Socket,
}

/// What is known of a datagram besides its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HopArrival {
    /// Bytes in the buffer; what did not fit is cut.
    pub length: usize,
    pub source: IpAddr,
    /// The number of the interface that a link-local source is on; else 0.
    pub scope: u32,
    pub hop_limit: u8,
}

/// An address as sockets name it. Link-local ones mean nothing without the interface that they are on.
pub fn scoped(ip: IpAddr, port: u16, scope: u32) -> SocketAddr {
    match ip {
        IpAddr::V6(ip) if ip.is_unicast_link_local() => SocketAddrV6::new(ip, port, 0, scope).into(),
        ip => SocketAddr::new(ip, port),
    }
}

impl HopSocket {
    /// Hears what comes to this address, and from how far.
    pub fn receiver(at: SocketAddr) -> io::Result<Self> {
        let socket = open(at.ip())?;
        match at {
            SocketAddr::V4(_) => setsockopt(&socket, sockopt::Ipv4RecvTtl, &true)?,
            SocketAddr::V6(_) => socket.set_recv_hoplimit_v6(true)?,
        }
        socket.bind(&at.into())?;
        Ok(Self { socket })
    }

    /// Speaks from the first of these ports that is free; from a link-local address by the interface `scope`.
    pub fn sender(from: IpAddr, scope: u32, mut ports: RangeInclusive<u16>, hop_limit: u8) -> io::Result<Self> {
        let socket = open(from)?;
        if from.is_ipv4() {
            socket.set_ttl_v4(hop_limit.into())?;
            socket.set_tos_v4(TRAFFIC_CLASS)?;
        } else {
            socket.set_unicast_hops_v6(hop_limit.into())?;
            socket.set_tclass_v6(TRAFFIC_CLASS)?;
        }
        let free = ports.find_map(|port| match socket.bind(&scoped(from, port, scope).into()) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => None,
            outcome => Some(outcome),
        });
        free.unwrap_or_else(|| Err(ErrorKind::AddrInUse.into()))?;
        Ok(Self { socket })
    }

    pub fn send(&self, bytes: &[u8], to: SocketAddr) -> io::Result<()> {
        self.socket.send_to(bytes, &to.into()).map(drop)
    }

    /// The next datagram; `WouldBlock` when there is none.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<HopArrival> {
        let mut control = nix::cmsg_space!(i32);
        let mut parts = [IoSliceMut::new(buffer)];
        let descriptor = self.socket.as_raw_fd();
        let message = recvmsg::<SockaddrStorage>(descriptor, &mut parts, Some(&mut control), MsgFlags::empty())?;
        let limit = message.cmsgs()?.find_map(|control| match control {
            ControlMessageOwned::Ipv4Ttl(limit) | ControlMessageOwned::Ipv6HopLimit(limit) => u8::try_from(limit).ok(),
            _ => None,
        });
        let address = message.address.as_ref();
        let v4 = address
            .and_then(SockaddrStorage::as_sockaddr_in)
            .map(|a| IpAddr::V4(a.ip()));
        let in6 = address.and_then(SockaddrStorage::as_sockaddr_in6);
        let v6 = in6.map(|a| IpAddr::V6(a.ip()));
        Ok(HopArrival {
            length: message.bytes,
            source: v4
                .or(v6)
                .ok_or_else(|| io::Error::other("a datagram without a source"))?,
            scope: in6.map_or(0, nix::sys::socket::SockaddrIn6::scope_id),
            hop_limit: limit.unwrap_or(0),
        })
    }
}

fn open(family: IpAddr) -> io::Result<Socket> {
    let domain = if family.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if family.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

impl AsFd for HopSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for HopSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hop_limits_arrive() {
        for ip in ["127.0.0.1", "::1"] {
            let ip: IpAddr = ip.parse().expect("well written");
            let Ok(receiver) = HopSocket::receiver(SocketAddr::new(ip, 0)) else {
                // No IPv6 here.
                assert!(ip.is_ipv6());
                continue;
            };
            let at = receiver
                .socket
                .local_addr()
                .ok()
                .and_then(|a| a.as_socket())
                .expect("it is bound");
            let sender = HopSocket::sender(ip, 0, 49152..=65535, 254).expect("a free port");
            sender.send(b"hello", at).expect("to loopback");
            let mut buffer = [0; 16];
            let arrival = receiver.receive(&mut buffer).expect("loopback delivers at once");
            assert_eq!((arrival.length, arrival.source, arrival.hop_limit), (5, ip, 254));
            let none = receiver.receive(&mut buffer).expect_err("there was one");
            assert_eq!(none.kind(), ErrorKind::WouldBlock);
        }
    }
}
