//! When an IPv6 address that was added is one that packets come in for.
//!
//! The kernel answers when the address is in its list. The route that lets packets for it in is made by a work queue of
//! its own (`addrconf_dad_work`), also where duplicates are not looked for: microseconds later on a machine with nothing to
//! do, milliseconds on one whose processors are wanted by others. Until then they are dropped.

use std::net::Ipv6Addr;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, NetlinkAddr, recvfrom, send};
use rtnetlink::packet_core::{NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteMessage};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

use super::{Batch, Index};

const PAUSE: Duration = Duration::from_micros(100);
/// The header of a message, and that of a route behind it with the kind of the route at its end.
const HEADER: usize = 16;
const KIND: usize = HEADER + 7;
const ERROR: u16 = 2;
const NEW_ROUTE: u16 = 24;
const LOCAL: u8 = 2;
const BUFFER: usize = 1024;

impl Batch {
    /// Until packets that come in by their interfaces are for this host, or the time is over.
    pub fn wait_until_usable(&mut self, addresses: &[(Index, Ipv6Addr)], within: Duration) {
        let deadline = Instant::now() + within;
        for (index, address) in addresses {
            while self.is_usable(*index, *address) == Ok(false) && Instant::now() < deadline {
                std::thread::sleep(PAUSE);
            }
        }
    }

    fn is_usable(&mut self, index: Index, address: Ipv6Addr) -> Result<bool, Errno> {
        self.sequence = self.sequence.wrapping_add(1);
        let (sequence, socket) = (self.sequence, self.socket.as_raw_fd());
        send(socket, &question(index, address, sequence), MsgFlags::empty())?;
        let mut buffer = [0; BUFFER];
        let mut usable = false;
        loop {
            match recvfrom::<NetlinkAddr>(socket, &mut buffer) {
                Ok((_, Some(from))) if from.pid() != 0 => {}
                Ok((length, _)) => usable |= is_local(&buffer[..length], sequence)?,
                Err(Errno::EAGAIN) => return Ok(usable),
                Err(Errno::ENOBUFS | Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
}

/// Where a packet for this address would go that comes in by this interface.
fn question(index: Index, address: Ipv6Addr, sequence: u32) -> Vec<u8> {
    let mut route = RouteMessage::default();
    route.header.address_family = AddressFamily::Inet6;
    route.header.destination_prefix_length = 128;
    route.attributes = vec![
        RouteAttribute::Destination(RouteAddress::Inet6(address)),
        RouteAttribute::Iif(index.0),
    ];
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST;
    header.sequence_number = sequence;
    let mut message = NetlinkMessage::new(
        header,
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::GetRoute(route)),
    );
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// The answer to this question says: to this host. It may be a refusal, as where the interface is gone: there it never will.
fn is_local(datagram: &[u8], sequence: u32) -> Result<bool, Errno> {
    let (Some(kind), Some(number)) = (datagram.get(4..6), datagram.get(8..12)) else {
        return Ok(false);
    };
    if number != sequence.to_ne_bytes() {
        return Ok(false);
    }
    if kind == ERROR.to_ne_bytes()
        && let Some(code) = datagram.get(HEADER..).and_then(|rest| rest.first_chunk())
    {
        return Err(Errno::from_raw(-i32::from_ne_bytes(*code)));
    }
    Ok(kind == NEW_ROUTE.to_ne_bytes() && datagram.get(KIND) == Some(&LOCAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ELSEWHERE: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xdead, 0, 0, 0, 0, 0, 1);

    #[test]
    fn the_address_of_this_host_is_usable_and_that_of_another_is_not() {
        let mut batch = Batch::open().expect("netlink is there for everybody");
        let loopback = Index(1);
        // Unless this host speaks no IPv6 at all.
        if std::net::UdpSocket::bind("[::1]:0").is_ok() {
            assert_eq!(batch.is_usable(loopback, Ipv6Addr::LOCALHOST), Ok(true));
        }
        assert_eq!(batch.is_usable(loopback, ELSEWHERE), Ok(false));
        let begun = Instant::now();
        batch.wait_until_usable(&[(loopback, ELSEWHERE)], Duration::from_millis(3));
        assert!(begun.elapsed() >= Duration::from_millis(3), "it did not wait");
        let nowhere = Index(u32::MAX >> 1);
        assert_eq!(
            batch.is_usable(nowhere, ELSEWHERE),
            Err(Errno::ENODEV),
            "an interface that is gone"
        );
    }

    #[test]
    fn only_its_own_answer_counts() {
        let mut answer = vec![0; HEADER + 12];
        answer[4..6].copy_from_slice(&NEW_ROUTE.to_ne_bytes());
        answer[8..12].copy_from_slice(&7_u32.to_ne_bytes());
        assert_eq!(is_local(&answer, 7), Ok(false), "to another host");
        answer[KIND] = LOCAL;
        assert_eq!(is_local(&answer, 7), Ok(true));
        assert_eq!(is_local(&answer, 8), Ok(false), "to another question");
        assert_eq!(is_local(&answer[..KIND], 7), Ok(false), "cut off");
        answer[4..6].copy_from_slice(&ERROR.to_ne_bytes());
        answer[HEADER..HEADER + 4].copy_from_slice(&(-19_i32).to_ne_bytes());
        assert_eq!(is_local(&answer, 7), Err(Errno::ENODEV));
        assert_eq!(is_local(&answer, 8), Ok(false), "another question was refused");
    }
}
