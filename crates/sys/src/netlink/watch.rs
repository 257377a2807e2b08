//! A watch on the interfaces, addresses, routes and rules of one network: typed changes in the order the kernel made them.
//!
//! The kernel holds what was not yet read in a buffer of fixed size; when that runs over it drops changes and says so. The
//! watch passes that on as [`Change::Lost`], after which only fresh lists tell the truth. It keeps nothing of its own beyond
//! one datagram, so a slow reader costs no memory.

use std::collections::VecDeque;
use std::io;

use nix::errno::Errno;
use rtnetlink::MulticastGroup;
use rtnetlink::packet_core::{NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::sys::protocols::NETLINK_ROUTE;
use rtnetlink::sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket};

use super::{Address, Index, Link, Route, Rule};

/// Something that has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// An interface is new, or anything about it has changed.
    Link(Link),
    LinkGone(Index),
    /// An address is new, or its state has changed (IPv6: no longer tentative).
    Address(Address),
    AddressGone(Address),
    Route(Route),
    RouteGone(Route),
    RuleGone(Rule),
    /// Changes were lost: list everything again.
    Lost,
}

/// Open it before the first list is made, so that nothing falls between.
pub struct Watch {
    socket: TokioSocket,
    pending: VecDeque<Change>,
}

impl Watch {
    const GROUPS: [MulticastGroup; 7] = [
        MulticastGroup::Link,
        MulticastGroup::Ipv4Ifaddr,
        MulticastGroup::Ipv6Ifaddr,
        MulticastGroup::Ipv4Route,
        MulticastGroup::Ipv6Route,
        MulticastGroup::Ipv4Rule,
        MulticastGroup::Ipv6Rule,
    ];

    /// Watches the network namespace of this thread. Needs a tokio runtime with I/O.
    pub fn open() -> io::Result<Self> {
        let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
        socket.socket_mut().bind(&SocketAddr::new(0, 0))?;
        for group in Self::GROUPS {
            socket.socket_ref().add_membership(group as u32)?;
        }
        Ok(Self {
            socket,
            pending: VecDeque::new(),
        })
    }

    /// The next change. Dropping the future loses nothing.
    pub async fn next(&mut self) -> io::Result<Change> {
        loop {
            if let Some(change) = self.pending.pop_front() {
                return Ok(change);
            }
            match self.socket.recv_from_full().await {
                Ok((datagram, from)) if from.port_number() == 0 => self.read(&datagram),
                // Only the kernel speaks the truth here.
                Ok(_) => {}
                Err(error) if ran_over(&error) => {
                    self.drain()?;
                    return Ok(Change::Lost);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Forgets what the kernel still holds: it is older than the loss, and would contradict the lists made after it. Until
    /// its buffer is empty the kernel adds nothing, so this ends.
    fn drain(&mut self) -> io::Result<()> {
        loop {
            match self.socket.socket_ref().recv_from_full() {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if ran_over(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn read(&mut self, mut datagram: &[u8]) {
        while let Some(length) = message_length(datagram) {
            let (message, rest) = datagram.split_at(length);
            match NetlinkMessage::<RouteNetlinkMessage>::deserialize(message) {
                Ok(message) => self.pending.extend(Change::read(&message)),
                // A message that cannot be read may have been the one that matters.
                Err(_) => self.pending.push_back(Change::Lost),
            }
            datagram = rest.get(padding(length)..).unwrap_or_default();
        }
    }
}

fn ran_over(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::ENOBUFS as i32)
}

/// The first message's length if it is whole (RFC 3549, section 2.3.2.1).
fn message_length(datagram: &[u8]) -> Option<usize> {
    const HEADER: usize = 16;
    let bytes: [u8; 4] = datagram.get(..4)?.try_into().ok()?;
    let length = usize::try_from(u32::from_ne_bytes(bytes)).ok()?;
    (HEADER..=datagram.len()).contains(&length).then_some(length)
}

fn padding(length: usize) -> usize {
    length.next_multiple_of(4) - length
}

impl Change {
    fn read(message: &NetlinkMessage<RouteNetlinkMessage>) -> Option<Self> {
        let NetlinkPayload::InnerMessage(message) = &message.payload else {
            return None;
        };
        match message {
            RouteNetlinkMessage::NewLink(link) => Link::read(link).map(Self::Link),
            RouteNetlinkMessage::DelLink(link) => Some(Self::LinkGone(Index(link.header.index))),
            RouteNetlinkMessage::NewAddress(address) => Address::read(address).map(Self::Address),
            RouteNetlinkMessage::DelAddress(address) => Address::read(address).map(Self::AddressGone),
            RouteNetlinkMessage::NewRoute(route) => Route::read(route).map(Self::Route),
            RouteNetlinkMessage::DelRoute(route) => Route::read(route).map(Self::RouteGone),
            RouteNetlinkMessage::DelRule(rule) => Rule::read(rule).map(Self::RuleGone),
            _ => None,
        }
    }
}
