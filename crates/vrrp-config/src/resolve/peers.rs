//! Whom adverts go to, and from where.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tandem_text::{Diagnostic, Spanned};
use tandem_vrrp_core::settings::{Family, Peer, Transport};

use super::instance::family_word;
use crate::code;
use crate::draft::{Defaults, Instance};
use crate::report::Report;

const GROUP4: IpAddr = IpAddr::V4(Ipv4Addr::new(224, 0, 0, 18));
const GROUP6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12));

pub(super) fn transport(
    written: &mut Instance,
    defaults: &Defaults,
    family: Family,
    report: &mut Report,
) -> (Transport, Option<IpAddr>) {
    if !written.is_unicast() {
        return multicast(written, defaults, family, report);
    }
    let mut check_source = written
        .policy
        .check_unicast_source
        .or(defaults.policy.check_unicast_source)
        .unwrap_or(false);
    let given = written.peers.take().map(|peers| peers.value).unwrap_or_default();
    let mut peers: Vec<Peer> = Vec::new();
    for Spanned { value: peer, span } in given {
        if Family::of(&peer.address) != family {
            let message = format!("this is an {} instance", family_word(family));
            report.push(Diagnostic::warning(code::CONFLICT, span, message));
        } else if peers.iter().any(|other| other.address == peer.address) {
            report.push(Diagnostic::warning(code::DOUBTFUL, span, "this peer is named twice"));
        } else {
            check_source |= peer.ttl.is_some();
            peers.push(peer);
        }
    }
    let source = written.unicast_source.take().or(written.multicast_source.take());
    let source = of_family(source, family, report);
    if written.interface.is_none() && source.is_none() {
        let message = format!("`{}` needs an `interface`, or a `unicast_src_ip`", written.name.value);
        report.push(Diagnostic::error(code::INCOMPLETE, written.name.span, message).help("add `interface NAME`"));
    }
    let transport = Transport::Unicast {
        peers,
        check_source,
        ttl: written.unicast_ttl,
    };
    (transport, source)
}

fn multicast(
    written: &mut Instance,
    defaults: &Defaults,
    family: Family,
    report: &mut Report,
) -> (Transport, Option<IpAddr>) {
    if written.interface.is_none() {
        let message = format!("`{}` needs an `interface`", written.name.value);
        report.push(Diagnostic::error(code::INCOMPLETE, written.name.span, message).help("add `interface NAME`"));
    }
    let about_peers = written.unicast_source.as_ref().map(|source| source.span);
    let about_peers = written.peers.as_ref().map(|peers| peers.span).or(about_peers);
    let unspecific = written.unicast_ttl.is_some() || written.policy.check_unicast_source.is_some();
    if let Some(span) = about_peers.or(unspecific.then_some(written.name.span)) {
        let message = "this speaks of unicast, but no peer is named, so adverts are multicast";
        report.push(Diagnostic::warning(code::CONFLICT, span, message).help("add peers, or `unicast_fault_no_peer`"));
    }
    let default = match family {
        Family::V4 => defaults.group4.unwrap_or(GROUP4),
        Family::V6 => defaults.group6.unwrap_or(GROUP6),
    };
    let group = of_family(written.multicast_group.take(), family, report).unwrap_or(default);
    let source = written.multicast_source.take().or(written.unicast_source.take());
    (Transport::Multicast { group }, of_family(source, family, report))
}

fn of_family(ip: Option<Spanned<IpAddr>>, family: Family, report: &mut Report) -> Option<IpAddr> {
    let ip = ip?;
    if Family::of(&ip.value) == family {
        return Some(ip.value);
    }
    let message = format!("this is an {} instance", family_word(family));
    report.push(Diagnostic::warning(code::CONFLICT, ip.span, message));
    None
}
