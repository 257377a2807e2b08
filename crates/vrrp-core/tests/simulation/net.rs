//! What travels between the hosts of the simulation, and the addresses that they have.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tandem_sim::NodeId;
use tandem_vrrp_core::packet::{Datagram, Ipv4Header};
use tandem_vrrp_core::settings::Family;

#[derive(Clone, PartialEq, Eq)]
pub enum Frame {
    Advert(Packet),
    Garp(IpAddr),
    /// Who has this address?
    Question(IpAddr),
    /// To whoever asked: I have.
    Answer(IpAddr),
    /// To a witness: do you hear me?
    Probe,
    /// From a witness: yes.
    Reply,
    /// Over the pair link, not over VRRP.
    TakeOver,
}

/// As its socket gives it: of IPv4 the header too, of IPv6 the rest beside the message.
#[derive(Clone, PartialEq, Eq)]
pub enum Packet {
    V4(Vec<u8>),
    V6 {
        source: Ipv6Addr,
        destination: Ipv6Addr,
        hop_limit: u8,
        payload: Vec<u8>,
    },
}

impl Packet {
    pub fn new(from: IpAddr, to: IpAddr, ttl: u8, id: u16, message: Vec<u8>) -> Packet {
        match (from, to) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => Packet::V4(
                Ipv4Header {
                    source,
                    destination,
                    id,
                    ttl,
                }
                .wrap(&message),
            ),
            (IpAddr::V6(source), IpAddr::V6(destination)) => Packet::V6 {
                source,
                destination,
                hop_limit: ttl,
                payload: message,
            },
            _ => panic!("an advert from {from} to {to}"),
        }
    }

    pub fn datagram(&self) -> Datagram<'_> {
        match self {
            Packet::V4(bytes) => Datagram::V4(bytes),
            Packet::V6 {
                source,
                destination,
                hop_limit,
                payload,
            } => Datagram::V6 {
                source: *source,
                destination: *destination,
                hop_limit: *hop_limit,
                payload,
            },
        }
    }

    fn priority(&self) -> u8 {
        match self {
            Packet::V4(bytes) => bytes[Ipv4Header::LEN + 2],
            Packet::V6 { payload, .. } => payload[2],
        }
    }
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Frame::Advert(packet) => write!(f, "advert with priority {}", packet.priority()),
            Frame::Garp(vip) => write!(f, "GARP for {vip}"),
            Frame::Question(vip) => write!(f, "who has {vip}"),
            Frame::Answer(vip) => write!(f, "I have {vip}"),
            Frame::Probe => write!(f, "do you hear me"),
            Frame::Reply => write!(f, "I hear you"),
            Frame::TakeOver => write!(f, "take over"),
        }
    }
}

/// Clients are witnesses as well.
pub const CLIENTS: [NodeId; 2] = [NodeId(100), NodeId(101)];

/// Node 0 has this host part, node 1 the next.
const FIRST_HOST: u8 = 10;
/// The first virtual address of each segment; a reload may bring more.
const FIRST_VIP: u8 = 100;

pub fn interface(segment: usize) -> String {
    format!("eth{segment}")
}

pub fn own_address(family: Family, segment: usize, node: NodeId) -> IpAddr {
    address(family, segment, FIRST_HOST + node.0 as u8)
}

pub fn node_of(own: IpAddr) -> NodeId {
    let host = match own {
        IpAddr::V4(a) => a.octets()[3],
        IpAddr::V6(a) => a.octets()[15],
    };
    NodeId(usize::from(host - FIRST_HOST))
}

pub fn vip(family: Family, segment: usize, number: u8) -> IpAddr {
    address(family, segment, FIRST_VIP + number)
}

fn address(family: Family, segment: usize, host: u8) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(10, 0, segment as u8, host).into(),
        Family::V6 => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, segment as u16, host.into()).into(),
    }
}
