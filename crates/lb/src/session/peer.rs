//! Who the client is.

use std::net::{IpAddr, SocketAddr};

use socket2::SockAddr;

/// The other end of a client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Ip(SocketAddr),
    Unix,
}

impl Peer {
    pub(crate) fn of(address: &SockAddr) -> Peer {
        address.as_socket().map_or(Peer::Unix, Peer::Ip)
    }

    pub(crate) fn ip(self) -> Option<IpAddr> {
        match self {
            Peer::Ip(address) => Some(address.ip()),
            Peer::Unix => None,
        }
    }

    pub(crate) fn socket(self) -> Option<SocketAddr> {
        match self {
            Peer::Ip(address) => Some(address),
            Peer::Unix => None,
        }
    }
}
