//! Many requests to the kernel in one system call, for whoever cannot wait for an answer after each.
//!
//! The kernel works a datagram off before `send` returns, request by request, and leaves an answer to each in the
//! socket's buffer. So nothing here waits: what has not been answered by then never will be. Answers are told apart by
//! their sequence number; those that did not fit the buffer are errors of their own requests, not of others.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, NetlinkAddr, recvfrom, send};
use rtnetlink::packet_core::{
    NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::sys::protocols::NETLINK_ROUTE;
use rtnetlink::sys::{Socket, SocketAddr};

use super::{AddressRequest, Index, Mac, MacvlanMode, NetlinkError, Place, Route, Rule, link};

/// Something the kernel is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    AddAddress(AddressRequest),
    /// Only the interface, the prefix and the peer matter.
    DeleteAddress(AddressRequest),
    AddRoute(Route),
    DeleteRoute(Route),
    AddRule(Rule),
    DeleteRule(Rule),
    AddMacvlan {
        name: String,
        parent: Index,
        mode: MacvlanMode,
        mac: Mac,
    },
    DeleteLink(Index),
    SetUp(Index),
    SetDown(Index),
}

/// Not more than this at a time: their answers fit the usual receive buffer many times over.
const AT_ONCE: usize = 64;

/// A connection to the routing part of the kernel that asks for many things at once.
pub struct Batch {
    pub(super) socket: Socket,
    pub(super) sequence: u32,
}

impl Request {
    fn message(&self) -> Result<RouteNetlinkMessage, NetlinkError> {
        Ok(match self {
            Self::AddAddress(address) => RouteNetlinkMessage::NewAddress(address.message()),
            Self::DeleteAddress(address) => RouteNetlinkMessage::DelAddress(address.deletion()),
            Self::AddRoute(route) => RouteNetlinkMessage::NewRoute(route.message()?),
            Self::DeleteRoute(route) => RouteNetlinkMessage::DelRoute(route.message()?),
            Self::AddRule(rule) => RouteNetlinkMessage::NewRule(rule.message()),
            Self::DeleteRule(rule) => RouteNetlinkMessage::DelRule(rule.message()),
            Self::AddMacvlan {
                name,
                parent,
                mode,
                mac,
            } => RouteNetlinkMessage::NewLink(link::macvlan(name, *parent, *mode, Some(*mac))),
            Self::DeleteLink(index) => RouteNetlinkMessage::DelLink(link::numbered(*index)),
            Self::SetUp(index) => RouteNetlinkMessage::SetLink(link::switched(*index, true)),
            Self::SetDown(index) => RouteNetlinkMessage::SetLink(link::switched(*index, false)),
        })
    }

    const fn flags(&self) -> u16 {
        match self {
            // Beside others that match the same.
            Self::AddRoute(route) if matches!(route.place, Place::First) => NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE,
            Self::AddRoute(route) if matches!(route.place, Place::Last) => {
                NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_APPEND
            }
            Self::AddAddress(_) | Self::AddRoute(_) | Self::AddRule(_) | Self::AddMacvlan { .. } => {
                NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL
            }
            _ => NLM_F_REQUEST | NLM_F_ACK,
        }
    }

    /// What the kernel says when everything is as it was asked to be already.
    pub fn is_already_so(&self, errno: Errno) -> bool {
        match self {
            Self::AddAddress(_) | Self::AddRoute(_) | Self::AddRule(_) | Self::AddMacvlan { .. } => {
                errno == Errno::EEXIST
            }
            // Whoever lost the interface lost what was on it.
            Self::DeleteAddress(_) => matches!(errno, Errno::EADDRNOTAVAIL | Errno::ENODEV),
            Self::DeleteRoute(_) => matches!(errno, Errno::ESRCH | Errno::ENODEV),
            Self::DeleteRule(_) => errno == Errno::ENOENT,
            Self::DeleteLink(_) | Self::SetDown(_) => errno == Errno::ENODEV,
            Self::SetUp(_) => false,
        }
    }

    /// An address of IPv6 that packets are let in for at once, as nobody looks for a duplicate of it.
    pub fn is_wanted_at_once(&self) -> Option<(Index, Ipv6Addr)> {
        let Self::AddAddress(request) = self else {
            return None;
        };
        match request.cidr.ip() {
            IpAddr::V6(address) if request.flags.skip_duplicate_detection => Some((request.index, address)),
            _ => None,
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddAddress(a) => write!(f, "add address {} to interface {}", a.cidr, a.index.0),
            Self::DeleteAddress(a) => write!(f, "delete address {} from interface {}", a.cidr, a.index.0),
            Self::AddRoute(route) => write!(f, "add {route}"),
            Self::DeleteRoute(route) => write!(f, "delete {route}"),
            Self::AddRule(rule) => write!(f, "add {rule}"),
            Self::DeleteRule(rule) => write!(f, "delete {rule}"),
            Self::AddMacvlan { name, .. } => write!(f, "add interface {name}"),
            Self::DeleteLink(index) => write!(f, "delete interface {}", index.0),
            Self::SetUp(index) => write!(f, "set up interface {}", index.0),
            Self::SetDown(index) => write!(f, "set down interface {}", index.0),
        }
    }
}

impl Batch {
    /// For the network namespace of this thread.
    pub fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        socket.set_non_blocking(true)?;
        // The answer to a refused request need not repeat it.
        socket.set_cap_ack(true)?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Carries all of them out in their order, refused ones or not. The answers are in the same order.
    pub fn carry_out(&mut self, requests: &[&Request]) -> Vec<Result<(), NetlinkError>> {
        requests.chunks(AT_ONCE).flat_map(|some| self.ask(some)).collect()
    }

    fn ask(&mut self, requests: &[&Request]) -> Vec<Result<(), NetlinkError>> {
        let first = self.sequence.wrapping_add(1);
        let mut answers: Vec<Option<Result<(), Errno>>> = vec![None; requests.len()];
        let mut unwritable: Vec<Option<NetlinkError>> = Vec::with_capacity(requests.len());
        let mut datagram = Vec::new();
        for request in requests {
            self.sequence = self.sequence.wrapping_add(1);
            unwritable.push(self.write(request, &mut datagram).err());
        }
        match self.exchange(&datagram, first, &mut answers) {
            Ok(()) => {}
            // None of those that have no answer has been carried out, as far as anybody can know.
            Err(errno) => answers.iter_mut().for_each(|answer| {
                answer.get_or_insert(Err(errno));
            }),
        }
        let outcomes = requests.iter().zip(unwritable).zip(answers);
        outcomes
            .map(|((request, unwritable), answer)| match (unwritable, answer) {
                (Some(error), _) => Err(error),
                (None, Some(Ok(()))) => Ok(()),
                (None, Some(Err(errno))) => Err(NetlinkError::Refused {
                    asked: request.to_string(),
                    errno,
                }),
                (None, None) => Err(NetlinkError::Broken {
                    asked: request.to_string(),
                    reason: "the kernel's answer was lost".into(),
                }),
            })
            .collect()
    }

    fn write(&self, request: &Request, datagram: &mut Vec<u8>) -> Result<(), NetlinkError> {
        let mut header = NetlinkHeader::default();
        header.flags = request.flags();
        header.sequence_number = self.sequence;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(request.message()?));
        message.finalize();
        let start = datagram.len();
        datagram.resize(start + message.buffer_len().next_multiple_of(ALIGNED), 0);
        message.serialize(&mut datagram[start..]);
        Ok(())
    }

    fn exchange(&self, datagram: &[u8], first: u32, answers: &mut [Option<Result<(), Errno>>]) -> Result<(), Errno> {
        if datagram.is_empty() {
            return Ok(());
        }
        let socket = self.socket.as_raw_fd();
        send(socket, datagram, MsgFlags::empty())?;
        let mut buffer = [0; BUFFER];
        loop {
            match recvfrom::<NetlinkAddr>(socket, &mut buffer) {
                // Only the kernel speaks the truth here.
                Ok((_, Some(from))) if from.pid() != 0 => {}
                Ok((length, _)) => read(&buffer[..length], first, answers),
                Err(Errno::EAGAIN) => return Ok(()),
                // Some answers did not fit; the others are there.
                Err(Errno::ENOBUFS | Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
}

/// Where the next message of a datagram begins (RFC 3549, section 2.3.2.1).
const ALIGNED: usize = 4;

/// More than one answer: header, error, and the header of what was asked.
const BUFFER: usize = 512;

const HEADER: usize = 16;
const ERROR: u16 = 2;

/// One answer: the kernel sends each as a datagram of its own.
fn read(datagram: &[u8], first: u32, answers: &mut [Option<Result<(), Errno>>]) {
    let Some(answer) = datagram.get(..HEADER + 4) else {
        return;
    };
    let number = |at: usize| {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&answer[at..at + 4]);
        u32::from_ne_bytes(bytes)
    };
    let kind = u16::from_ne_bytes([answer[4], answer[5]]);
    let place = usize::try_from(number(8).wrapping_sub(first)).unwrap_or(usize::MAX);
    let code = number(HEADER).cast_signed();
    if let (ERROR, Some(answer)) = (kind, answers.get_mut(place)) {
        *answer = Some(match code {
            0 => Ok(()),
            code => Err(Errno::from_raw(code.saturating_neg())),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::Cidr;
    use super::*;

    fn answer(kind: u16, sequence: u32, code: i32) -> Vec<u8> {
        let mut bytes = vec![0; HEADER + 20];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[8..12].copy_from_slice(&sequence.to_ne_bytes());
        bytes[HEADER..HEADER + 4].copy_from_slice(&code.to_ne_bytes());
        bytes
    }

    #[test]
    fn answers_are_told_apart_by_their_numbers() {
        let first = u32::MAX;
        let mut answers = vec![None; 3];
        read(&answer(ERROR, 1, -17), first, &mut answers);
        read(&answer(ERROR, first, 0), first, &mut answers);
        // Late ones of an earlier batch, and what is no answer.
        read(&answer(ERROR, first - 1, -1), first, &mut answers);
        read(&answer(3, 0, -1), first, &mut answers);
        read(&answer(ERROR, 0, -1)[..HEADER + 3], first, &mut answers);
        assert_eq!(answers, [Some(Ok(())), None, Some(Err(Errno::EEXIST))]);
    }

    #[test]
    fn whatever_the_kernel_refuses_the_others_are_asked() {
        let mut batch = Batch::open().expect("netlink is there for everybody");
        let nowhere = |n: u8| {
            let cidr = Cidr::host(IpAddr::from([127, 9, 9, n]));
            Request::DeleteAddress(AddressRequest::new(Index(u32::MAX >> 1), cidr))
        };
        let requests: Vec<Request> = (0..200).map(nowhere).collect();
        let answers = batch.carry_out(&requests.iter().collect::<Vec<_>>());
        assert_eq!(answers.len(), requests.len());
        for (answer, request) in answers.iter().zip(&requests) {
            let error = answer.as_ref().expect_err("there is no such interface");
            assert!(
                matches!(error.errno(), Some(Errno::ENODEV | Errno::EPERM)),
                "{error} to {request}"
            );
            assert!(error.to_string().starts_with(&request.to_string()));
        }
    }
}
