//! Where a connection of ours comes from: an address of this host, or of somebody else; a port; an interface.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Socket, Type};

#[derive(Clone, Copy, Debug, Default)]
pub struct Departure<'a> {
    /// A port of 0 is the system's choice.
    pub from: Option<SocketAddr>,
    /// The address is not ours. Only who holds CAP_NET_ADMIN may do that.
    pub is_foreign: bool,
    pub interface: Option<&'a str>,
}

impl Departure<'_> {
    pub(super) fn prepare(&self, socket: &Socket) -> io::Result<()> {
        if let Some(interface) = self.interface {
            socket.bind_device(Some(interface.as_bytes()))?;
        }
        let Some(from) = self.from else { return Ok(()) };
        if self.is_foreign {
            pretend(socket, &from)?;
        }
        if from.port() != 0 {
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

fn pretend(socket: &Socket, whom: &SocketAddr) -> io::Result<()> {
    match whom {
        SocketAddr::V4(_) => socket.set_ip_transparent_v4(true),
        SocketAddr::V6(_) => socket.set_ip_transparent_v6(true),
    }
}
