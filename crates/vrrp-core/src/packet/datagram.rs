//! What a raw socket gives, and the VRRP message in it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Endpoints, PROTOCOL, PROTOCOL_AH, View};
use crate::DropReason;
use crate::settings::Family;

/// A received packet in the form its socket has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Datagram<'a> {
    /// A raw IPv4 socket gives the header too.
    V4(&'a [u8]),
    /// A raw IPv6 socket gives the payload, and the rest beside it.
    V6 {
        source: Ipv6Addr,
        destination: Ipv6Addr,
        hop_limit: u8,
        payload: &'a [u8],
    },
}

/// A packet that is long enough to have a VRRP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    pub ends: Endpoints,
    pub ttl: u8,
    /// There is an authentication header in front of the message.
    pub authenticated_header: bool,
    /// Everything after the IP header (and AH): message, trailer, padding.
    pub body: &'a [u8],
    /// How much of `body` the IP header's total length admits; the same for IPv6.
    pub declared: usize,
}

const AH_LEN: usize = 24;

impl<'a> Packet<'a> {
    pub fn find(datagram: Datagram<'a>) -> Result<Packet<'a>, DropReason> {
        let packet = match datagram {
            Datagram::V4(bytes) => Packet::find_v4(bytes)?,
            Datagram::V6 {
                source,
                destination,
                hop_limit,
                payload,
            } => Packet {
                ends: Endpoints {
                    source: source.into(),
                    destination: destination.into(),
                },
                ttl: hop_limit,
                authenticated_header: false,
                body: payload,
                declared: payload.len(),
            },
        };
        if packet.body.len() < View::HEADER {
            Err(DropReason::TooShort)
        } else {
            Ok(packet)
        }
    }

    fn find_v4(bytes: &'a [u8]) -> Result<Packet<'a>, DropReason> {
        let header: &[u8; 20] = bytes.first_chunk().ok_or(DropReason::TooShort)?;
        let mut before = usize::from(header[0] & 0x0f) * 4;
        if header[0] >> 4 != 4 || before < 20 {
            return Err(DropReason::TooShort);
        }
        let authenticated_header = header[9] == PROTOCOL_AH;
        if authenticated_header {
            before += AH_LEN;
        } else if header[9] != PROTOCOL {
            return Err(DropReason::TooShort);
        }
        let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
        Ok(Packet {
            ends: Endpoints {
                source: Ipv4Addr::new(header[12], header[13], header[14], header[15]).into(),
                destination: Ipv4Addr::new(header[16], header[17], header[18], header[19]).into(),
            },
            ttl: header[8],
            authenticated_header,
            body: bytes.get(before..).ok_or(DropReason::TooShort)?,
            declared: total.saturating_sub(before),
        })
    }

    pub fn family(&self) -> Family {
        Family::of(&self.ends.source)
    }

    pub fn is_multicast(&self) -> bool {
        match self.ends.destination {
            IpAddr::V4(a) => a.is_multicast(),
            IpAddr::V6(a) => a.is_multicast(),
        }
    }

    /// `None` cannot happen for a packet that was found.
    pub fn view(&self) -> Option<View<'a>> {
        View::new(self.body, self.family())
    }
}
