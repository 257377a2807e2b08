//! Adverts as they were on the cable, read and made without the router's own code: an eye of its own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::SystemTime;

use crate::capture::Frame;

/// Where version 2 and 3 of VRRP speak over IPv4.
pub const VRRP_GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
const VRRP: u8 = 112;

#[derive(Debug, Clone)]
pub struct Advert {
    pub at: SystemTime,
    pub source: IpAddr,
    pub destination: IpAddr,
    pub hardware: [u8; 6],
    pub priority: u8,
    /// Over IPv4: the checksum holds with (without) a pseudo-header.
    pub sums: Sums,
}

/// Over which bytes a checksum is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sums {
    pub with: bool,
    pub without: bool,
}

impl Advert {
    pub fn read(frame: &Frame) -> Option<Advert> {
        let packet = frame.bytes.get(14..)?;
        let (source, destination, message) = match frame.ether_type()? {
            0x0800 if packet.get(9) == Some(&VRRP) => {
                let header = usize::from(packet[0] & 0xf) * 4;
                let (source, destination) = (v4(packet.get(12..16)?)?, v4(packet.get(16..20)?)?);
                (source, destination, packet.get(header..)?)
            }
            0x86dd if packet.get(6) == Some(&VRRP) => {
                let (source, destination) = (v6(packet.get(8..24)?)?, v6(packet.get(24..40)?)?);
                (source, destination, packet.get(40..)?)
            }
            _ => return None,
        };
        Some(Advert {
            at: frame.at,
            source,
            destination,
            hardware: frame.bytes.get(6..12)?.try_into().ok()?,
            priority: *message.get(2)?,
            sums: Sums {
                with: checksum(message, Some((source, destination))) == 0,
                without: checksum(message, None) == 0,
            },
        })
    }
}

fn v4(bytes: &[u8]) -> Option<IpAddr> {
    Some(IpAddr::V4(<[u8; 4]>::try_from(bytes).ok()?.into()))
}

fn v6(bytes: &[u8]) -> Option<IpAddr> {
    Some(IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)))
}

/// An advert of version 3 over IPv4 with an interval of 0.1 s, to be made by hand.
#[derive(Debug, Clone, Copy)]
pub struct Handmade {
    pub source: Ipv4Addr,
    pub destination: Ipv4Addr,
    pub priority: u8,
    pub pseudo_header: bool,
}

impl Handmade {
    /// With its IPv4 header, for virtual router 51 and 10.9.0.100.
    pub fn packet(&self) -> Vec<u8> {
        let mut message = vec![0x31, 51, self.priority, 1, 0, 10, 0, 0, 10, 9, 0, 100];
        let ends = (IpAddr::V4(self.source), IpAddr::V4(self.destination));
        let sum = checksum(&message, self.pseudo_header.then_some(ends));
        message[6..8].copy_from_slice(&sum.to_be_bytes());
        let mut packet = vec![0x45, 0xc0, 0, 32, 0, 1, 0, 0, 255, VRRP, 0, 0];
        packet.extend(self.source.octets());
        packet.extend(self.destination.octets());
        packet.extend(message);
        packet
    }
}

/// RFC 1071; 0 over a message that carries its right sum.
fn checksum(message: &[u8], pseudo_header: Option<(IpAddr, IpAddr)>) -> u16 {
    let mut bytes = Vec::new();
    if let Some((source, destination)) = pseudo_header {
        for address in [source, destination] {
            match address {
                IpAddr::V4(address) => bytes.extend(address.octets()),
                IpAddr::V6(address) => bytes.extend(address.octets()),
            }
        }
        // Messages are far shorter than 64 KiB; addresses are even, so that the words stay aligned.
        bytes.extend([0, VRRP]);
        bytes.extend((message.len() as u16).to_be_bytes());
    }
    bytes.extend(message);
    let words = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
