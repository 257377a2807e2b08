//! Where a connection of ours comes from: an address of this host, or of somebody else; a port; an interface.

use std::io;
use std::net::SocketAddr;

use nix::errno::Errno;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::IpBindAddressNoPort;
use socket2::{Domain, SockAddr, Socket, Type};
use thiserror::Error;

use crate::sockopt::{Buffers, type_of_service};

#[derive(Clone, Copy, Debug, Default)]
pub struct Departure<'a> {
    /// A port of 0 is the system's choice.
    pub from: Option<SocketAddr>,
    /// The address is not ours. Only who holds CAP_NET_ADMIN may do that.
    pub is_foreign: bool,
    pub interface: Option<&'a str>,
    pub buffers: Buffers,
    pub packets: Packets,
}

/// What the packets of a connection carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packets {
    /// What the host's own rules of routing and filtering go by. Only who holds CAP_NET_ADMIN may set it.
    pub mark: Option<u32>,
    /// IPv4's type of service, IPv6's traffic class.
    pub service: Option<u8>,
}

impl Packets {
    /// From the first one on: where they go may depend on it. What cannot be had is left, as HAProxy does it.
    fn apply(self, socket: &Socket) {
        if let Some(mark) = self.mark {
            socket.set_mark(mark).ok();
        }
        if let Some(service) = self.service {
            type_of_service(socket, service).ok();
        }
    }
}

/// A connection cannot begin where it is to come from, which says nothing about where it was to go.
#[derive(Debug, Error)]
#[error("cannot come from there: {0}")]
pub(super) struct NoDeparture(io::Error);

impl Departure<'_> {
    pub(super) fn prepare(&self, socket: &Socket, to: &SockAddr) -> io::Result<()> {
        self.leave_from(socket, to)
            .map_err(|why| io::Error::new(why.kind(), NoDeparture(why)))
    }

    fn leave_from(&self, socket: &Socket, to: &SockAddr) -> io::Result<()> {
        // How much of a window can be offered is said with the first packet.
        self.buffers.apply(socket)?;
        self.packets.apply(socket);
        if let Some(interface) = self.interface {
            socket.bind_device(Some(interface.as_bytes()))?;
        }
        let Some(from) = self.from else { return Ok(()) };
        if from.is_ipv6() != to.is_ipv6() {
            let why = "one is an IPv4 address and the other an IPv6 one";
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
        if self.is_foreign {
            pretend(socket, &from)?;
        }
        if from.port() == 0 {
            choose_port_late(socket)?;
        } else {
            // Connections of before may still be on their way out.
            socket.set_reuse_address(true)?;
        }
        socket.bind(&from.into())
    }
}

/// Whether this process may connect from addresses that are not its own.
pub fn may_pretend() -> io::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    pretend(&socket, &SocketAddr::from(([0, 0, 0, 0], 0)))
}

/// Whether this process may choose the interface.
pub fn may_choose_interface(name: &str) -> io::Result<()> {
    Socket::new(Domain::IPV4, Type::STREAM, None)?.bind_device(Some(name.as_bytes()))
}

/// When it connects: then a port will do that is taken towards other places only. Chosen before, each could be taken once.
fn choose_port_late(socket: &Socket) -> io::Result<()> {
    match setsockopt(socket, IpBindAddressNoPort, &true) {
        Ok(()) | Err(Errno::ENOPROTOOPT) => Ok(()),
        Err(why) => Err(why.into()),
    }
}

fn pretend(socket: &Socket, whom: &SocketAddr) -> io::Result<()> {
    match whom {
        SocketAddr::V4(_) => socket.set_ip_transparent_v4(true),
        SocketAddr::V6(_) => socket.set_ip_transparent_v6(true),
    }
}

#[cfg(test)]
mod tests {
    use super::super::is_shortage;
    use super::*;

    fn from(address: [u8; 4]) -> Departure<'static> {
        Departure {
            from: Some((address, 0).into()),
            ..Departure::default()
        }
    }

    #[test]
    fn the_port_is_chosen_when_it_connects() {
        let to = SockAddr::from(SocketAddr::from(([127, 0, 0, 1], 9)));
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        from([127, 0, 0, 2]).prepare(&socket, &to).unwrap();
        let local = socket.local_addr().unwrap().as_socket();
        assert_eq!(local, Some(([127, 0, 0, 2], 0).into()));
        let socket = Socket::new(Domain::IPV6, Type::STREAM, None).unwrap();
        choose_port_late(&socket).unwrap();
    }

    #[test]
    fn that_we_cannot_come_from_there_is_not_the_servers_fault() {
        let to = SockAddr::from(SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, 9)));
        let socket = Socket::new(Domain::IPV6, Type::STREAM, None).unwrap();
        assert!(is_shortage(&from([127, 0, 0, 1]).prepare(&socket, &to).unwrap_err()));
        let to = SockAddr::from(SocketAddr::from(([127, 0, 0, 1], 9)));
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let error = from([192, 0, 2, 1]).prepare(&socket, &to).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
        assert!(is_shortage(&error));
    }
}
