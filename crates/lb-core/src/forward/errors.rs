//! ICMP errors about forwarded connections, which quote a packet: whoever gets one must find its own addresses in it.
//!
//! Without this no path MTU would be found. nf_tables can write into the quoted packet, but it keeps only checksums that it
//! knows: that of the IP header around it, and that of ICMPv6, which covers the outer addresses. So an outer field is the
//! abacus: it is written plainly with the old value, then properly with the new one, and the checksum that nf_tables keeps
//! has moved by the difference. What stood in the outer fields meanwhile waits in the quoted address, which gets a new
//! value at the end.
//!
//! - IPv4: the header's checksum is borrowed. The one of the quoted header is put in its place, moved, and put back; with
//!   that, the checksum of the ICMP message, which covers both, is as it was. Where the port changes too, it is moved the
//!   same way. The identification, the field that is written, is 0 afterwards: errors are never fragmented.
//! - IPv6: the source address is written, and what moves is the checksum of the message itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Where in an error the quoted addresses and ports stand, in bits behind its own IP header.
#[derive(Clone, Copy, Debug)]
pub(super) enum Quoted {
    Source,
    Destination,
}

impl Quoted {
    const fn address(self, is_v4: bool) -> u32 {
        match (self, is_v4) {
            (Quoted::Source, true) => 160,
            (Quoted::Destination, true) => 192,
            (Quoted::Source, false) => 128,
            (Quoted::Destination, false) => 256,
        }
    }

    const fn port(self, is_v4: bool) -> u32 {
        let first = if is_v4 { 224 } else { 384 };
        match self {
            Quoted::Source => first,
            Quoted::Destination => first + 16,
        }
    }

    fn address_of(self, ip: IpAddr) -> String {
        let (at, bits) = (self.address(ip.is_ipv4()), bits(ip));
        format!("@th,{at},{bits}")
    }

    /// The quoted packet was sent from (or to) there.
    pub(super) fn is(self, at: SocketAddr) -> String {
        let port = self.port(at.is_ipv4());
        format!(
            "{} {} @th,{port},16 {}",
            self.address_of(at.ip()),
            number(at.ip()),
            at.port()
        )
    }

    /// What a lane hashes of its client, found in the quoted packet.
    pub(super) fn key(self, is_v4: bool, with_port: bool) -> String {
        let (at, bits, port) = (self.address(is_v4), if is_v4 { 32 } else { 128 }, self.port(is_v4));
        match with_port {
            true => format!("@th,{at},{bits} . @th,{port},16"),
            false => format!("@th,{at},{bits}"),
        }
    }

    /// The key of the pins; of IPv6 nft cannot say it, and an error about a connection that a pin alone keeps in its place
    /// goes astray.
    pub(super) fn pin(self, is_v4: bool) -> Option<&'static str> {
        match (self, is_v4) {
            (Quoted::Destination, true) => Some("@th,192,32 . @th,240,8 . @th,248,8"),
            _ => None,
        }
    }
}

/// Whether a packet is an error that quotes TCP: a header without options, for everything else has its fields elsewhere.
pub(super) fn quotes_tcp(is_v4: bool) -> &'static str {
    match is_v4 {
        true => {
            "icmp type { destination-unreachable, time-exceeded, parameter-problem } @nh,0,8 0x45 \
             @th,64,8 0x45 @th,136,8 6"
        }
        false => {
            "icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } \
             @th,112,8 6"
        }
    }
}

/// The rules that put another address and port into the quoted packet. All are of one family.
pub(super) fn rewrite(what: Quoted, from: SocketAddr, to: SocketAddr) -> Vec<String> {
    match (from.ip(), to.ip()) {
        (IpAddr::V4(old), IpAddr::V4(new)) => rewrite4(what, (old, from.port()), (new, to.port())),
        (old, new) => rewrite6(what, (old, from.port()), (new, to.port())),
    }
}

fn rewrite4(what: Quoted, from: (Ipv4Addr, u16), to: (Ipv4Addr, u16)) -> Vec<String> {
    const HEADER_SUM: &str = "@nh,80,16";
    const FIELD: &str = "@nh,32,16";
    const QUOTED_SUM: &str = "@th,144,16";
    // Behind the transport header it would be taken for a port.
    const MESSAGE_SUM: &str = "@nh,176,16";
    let (address, port) = (what.address(true), what.port(true));
    let kept = format!("@th,{address},16");
    let move_by = |old: u16, new: u16| [format!("{FIELD} set {old}"), format!("ip id set {new}")];
    let halves = |ip: Ipv4Addr| {
        let [a, b, c, d] = ip.octets();
        (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
    };
    let ((old_high, old_low), (new_high, new_low)) = (halves(from.0), halves(to.0));
    let mut rules = vec![
        "ip id set 0".to_owned(),
        format!("{kept} set {HEADER_SUM}"),
        format!("{HEADER_SUM} set {QUOTED_SUM}"),
    ];
    rules.extend(move_by(old_high, new_high));
    rules.extend(move_by(old_low, new_low));
    rules.push(format!("{QUOTED_SUM} set {HEADER_SUM}"));
    if from.1 != to.1 {
        rules.push(format!("{HEADER_SUM} set {MESSAGE_SUM}"));
        rules.extend(move_by(from.1, to.1));
        rules.push(format!("{MESSAGE_SUM} set {HEADER_SUM}"));
        rules.push(format!("@th,{port},16 set {}", to.1));
    }
    rules.extend([
        format!("{HEADER_SUM} set {kept}"),
        format!("{FIELD} set 0"),
        format!("{} set {}", what.address_of(to.0.into()), number(to.0.into())),
    ]);
    rules
}

fn rewrite6(what: Quoted, from: (IpAddr, u16), to: (IpAddr, u16)) -> Vec<String> {
    const FIELD: &str = "@nh,64,128";
    let (kept, port) = (what.address_of(to.0), what.port(false));
    let move_by = |old: IpAddr, new: IpAddr| [format!("{FIELD} set {}", number(old)), format!("ip6 saddr set {new}")];
    let as_address = |port: u16| IpAddr::V6(Ipv6Addr::from_bits(port.into()));
    let mut rules = vec![format!("{kept} set {FIELD}")];
    rules.extend(move_by(from.0, to.0));
    if from.1 != to.1 {
        rules.extend(move_by(as_address(from.1), as_address(to.1)));
        rules.push(format!("@th,{port},16 set {}", to.1));
    }
    rules.extend([format!("{FIELD} set {kept}"), format!("{kept} set {}", number(to.0))]);
    rules
}

const fn bits(ip: IpAddr) -> u32 {
    match ip {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// As a raw expression is compared with.
fn number(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => format!("{:#x}", ip.to_bits()),
        IpAddr::V6(ip) => format!("{:#x}", ip.to_bits()),
    }
}
