//! A socket of which only the number is known: what the kernel says of it at this moment.

use std::net::SocketAddr;
use std::os::fd::RawFd;

use nix::sys::socket::{SockaddrStorage, getpeername, getsockname};

/// Its addresses. Somebody else's, if the number was given again meanwhile: this is only to look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) number: RawFd,
    pub(super) local: Option<SocketAddr>,
    pub(super) peer: Option<SocketAddr>,
}

impl Seen {
    pub(super) fn of(number: RawFd) -> Seen {
        Seen {
            number,
            local: getsockname::<SockaddrStorage>(number).ok().and_then(address),
            peer: getpeername::<SockaddrStorage>(number).ok().and_then(address),
        }
    }

    /// As HAProxy names the kind of its address.
    pub(super) fn family(&self) -> &'static str {
        match self.local {
            Some(SocketAddr::V4(_)) => "tcpv4",
            Some(SocketAddr::V6(_)) => "tcpv6",
            None => "unix_stream",
        }
    }

    /// The words of `show fd`.
    pub(super) fn words(&self) -> String {
        let family = match self.local {
            Some(SocketAddr::V4(_)) => "fam=ipv4",
            Some(SocketAddr::V6(_)) => "fam=ipv6",
            None => "fam=unix",
        };
        let port = |name: &str, at: Option<SocketAddr>| at.map(|at| format!(" {name}={}", at.port()));
        let ports = [port("lport", self.local), port("rport", self.peer)];
        family.to_owned() + &ports.into_iter().flatten().collect::<String>()
    }
}

fn address(storage: SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = storage.as_sockaddr_in() {
        return Some(SocketAddr::V4((*v4).into()));
    }
    storage.as_sockaddr_in6().map(|v6| SocketAddr::V6((*v6).into()))
}
