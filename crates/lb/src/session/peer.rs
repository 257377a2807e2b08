//! Who the client is.

use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, SockAddr};
use tandem_lb_core::handover::Record;
use tandem_lb_core::log::tcplog::Client;

/// The other end of a client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Ip(SocketAddr),
    /// Which of the frontend's listeners it came by, counted from 1.
    Unix {
        listener: u32,
    },
}

impl Peer {
    pub(crate) fn domain(self) -> Domain {
        match self {
            Peer::Ip(address) => Domain::for_address(address),
            Peer::Unix { .. } => Domain::UNIX,
        }
    }

    pub(crate) fn of(address: &SockAddr, listener: u32) -> Peer {
        address.as_socket().map_or(Peer::Unix { listener }, Peer::Ip)
    }

    pub(crate) fn of_record(record: &Record) -> Peer {
        let listener = record.listener;
        record.peer.map_or(Peer::Unix { listener }, Peer::Ip)
    }

    pub(crate) fn ip(self) -> Option<IpAddr> {
        match self {
            Peer::Ip(address) => Some(address.ip()),
            Peer::Unix { .. } => None,
        }
    }

    pub(crate) fn socket(self) -> Option<SocketAddr> {
        match self {
            Peer::Ip(address) => Some(address),
            Peer::Unix { .. } => None,
        }
    }

    /// As the log shows it.
    pub(crate) fn client(self) -> Client {
        match self {
            Peer::Ip(address) => Client::Ip(address),
            Peer::Unix { listener } => Client::Unix { listener },
        }
    }
}
