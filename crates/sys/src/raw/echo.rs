//! Asking a host whether it is there: ICMP echo (RFC 792, RFC 4443 section 4).

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use nix::sys::socket::{MsgFlags, SockaddrStorage, recvmsg};
use socket2::{Domain, Protocol, Socket, Type};

const HEADER: usize = 8;
const IPV4_REQUEST: u8 = 8;
const IPV4_REPLY: u8 = 0;
const IPV6_REQUEST: u8 = 128;
const IPV6_REPLY: u8 = 129;

/// Asks one host, and hears what it answers to anybody of this host. Does not block.
#[derive(Debug)]
pub struct EchoSocket {
    socket: Socket,
    host: IpAddr,
}

impl EchoSocket {
    /// Needs CAP_NET_RAW in the network of this thread.
    pub fn open(host: IpAddr) -> io::Result<Self> {
        let (domain, protocol) = match host {
            IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
            IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
        };
        let socket = Socket::new(domain, Type::RAW, Some(protocol))?;
        socket.set_nonblocking(true)?;
        socket.connect(&SocketAddr::new(host, 0).into())?;
        Ok(Self { socket, host })
    }

    /// The number comes back with the answer.
    pub fn ask(&self, number: u32) -> io::Result<()> {
        self.socket.send(&request(self.host.is_ipv4(), number)).map(drop)
    }

    /// Whether the next packet is the answer to this number; `WouldBlock` when there is none.
    pub fn is_answer(&self, number: u32) -> io::Result<bool> {
        let mut buffer = [0; 128];
        let mut parts = [IoSliceMut::new(&mut buffer)];
        let message = recvmsg::<SockaddrStorage>(self.socket.as_raw_fd(), &mut parts, None, MsgFlags::empty())?;
        let length = message.bytes;
        Ok(reads(self.host.is_ipv4(), &buffer[..length]) == Some(number))
    }
}

fn request(is_v4: bool, number: u32) -> [u8; HEADER] {
    let mut message = [0; HEADER];
    message[0] = if is_v4 { IPV4_REQUEST } else { IPV6_REQUEST };
    message[4..].copy_from_slice(&number.to_be_bytes());
    if is_v4 {
        // Of IPv6 the kernel writes it.
        let words = message
            .chunks(2)
            .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
        let sum: u32 = words.sum();
        let folded = (sum & 0xffff) + (sum >> 16);
        message[2..4].copy_from_slice(&(!(folded as u16)).to_be_bytes());
    }
    message
}

/// The number of an answer. Of IPv4 the packet has its header.
fn reads(is_v4: bool, packet: &[u8]) -> Option<u32> {
    let (message, kind) = if is_v4 {
        let header = usize::from(packet.first()? & 0xf) * 4;
        (packet.get(header..)?, IPV4_REPLY)
    } else {
        (packet, IPV6_REPLY)
    };
    let number = message.get(4..HEADER)?.first_chunk()?;
    (message[0] == kind).then(|| u32::from_be_bytes(*number))
}

impl AsFd for EchoSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for EchoSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::frame_like;
    use super::*;

    #[test]
    fn a_request_byte_for_byte() {
        assert_eq!(request(true, 0x0102_0304), [8, 0, 0xf3, 0xf9, 1, 2, 3, 4]);
        assert_eq!(request(false, 0x0102_0304), [128, 0, 0, 0, 1, 2, 3, 4]);
    }

    #[test]
    fn only_answers_are_read() {
        let header = [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0, 0, 10, 9, 0, 1, 10, 9, 0, 2];
        let packet = |kind: u8| [&header[..], &[kind, 0, 0, 0, 1, 2, 3, 4]].concat();
        assert_eq!(reads(true, &packet(IPV4_REPLY)), Some(0x0102_0304));
        assert_eq!(reads(true, &packet(IPV4_REQUEST)), None);
        for length in 0..packet(IPV4_REPLY).len() {
            assert_eq!(reads(true, &packet(IPV4_REPLY)[..length]), None);
        }
        assert_eq!(reads(false, &[129, 0, 0, 0, 0, 0, 0, 9]), Some(9));
        assert_eq!(reads(false, &[128, 0, 0, 0, 0, 0, 0, 9]), None);
    }
    proptest! {
        /// An IPv4 header may say that it is longer than the packet.
        #[test]
        fn any_packet_is_read_or_none(
            four in frame_like(&[&[0x45; 20][..], &[IPV4_REPLY, 0, 0, 0, 1, 2, 3, 4]].concat()),
            six in frame_like(&[IPV6_REPLY, 0, 0, 0, 1, 2, 3, 4]),
        ) {
            let header = four.first().map_or(0, |first| usize::from(first & 0xf) * 4);
            for (packet, number) in [(four.get(header..), reads(true, &four)), (Some(&six[..]), reads(false, &six))] {
                let Some(number) = number else { continue };
                prop_assert_eq!(packet.and_then(|packet| packet.get(4..8)), Some(&number.to_be_bytes()[..]));
            }
        }
    }
}
