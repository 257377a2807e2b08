//! The addresses of an instance: one family, once each, and no more than an advert holds.

use std::net::IpAddr;

use tandem_text::{Diagnostic, Spanned};
use tandem_vrrp_core::settings::{Family, InstanceSettings, Protocol, VirtualAddress};

use super::instance::family_word;
use crate::code;
use crate::draft::Instance;
use crate::report::Report;

/// Told by the first address; without one by the peers, the source or the word `native_ipv6`.
pub(super) fn family(written: &Instance) -> Family {
    let vip = written.vips.first().map(|vip| vip.value.address);
    let peer = || written.peers.as_ref()?.value.first().map(|peer| peer.value.address);
    let source = || written.unicast_source.as_ref().map(|source| source.value);
    let first: Option<IpAddr> = vip.or_else(peer).or_else(source);
    match first {
        Some(ip) => Family::of(&ip),
        None if written.native_ipv6 => Family::V6,
        None => Family::V4,
    }
}

pub(super) fn take(
    written: &mut Instance,
    settings: &mut InstanceSettings,
    mtu: &dyn Fn(&str) -> Option<u32>,
    report: &mut Report,
) {
    let family = settings.family;
    let mut seen: Vec<IpAddr> = Vec::new();
    let mut vips = once(std::mem::take(&mut written.vips), &mut seen, report);
    vips.retain(|vip| {
        let fits = vip.value.family() == family;
        if !fits {
            let message = format!("this is an {} instance", family_word(family));
            report.push(
                Diagnostic::warning(code::CONFLICT, vip.span, message).help("move it to `virtual_ipaddress_excluded`"),
            );
        }
        fits
    });
    let excluded = once(std::mem::take(&mut written.excluded), &mut seen, report);

    let most = room(settings, mtu);
    let surplus = vips.split_off(vips.len().min(most));
    if let Some(first) = surplus.first() {
        let message = format!(
            "an advert holds {most} addresses; {} from here on are not advertised",
            surplus.len()
        );
        report.push(
            Diagnostic::warning(code::ADJUSTED, first.span, message).help("move them to `virtual_ipaddress_excluded`"),
        );
    }
    if vips.is_empty() && excluded.is_empty() && !written.no_vips_meant {
        let message = format!("`{}` has no addresses", written.name.value);
        report.push(Diagnostic::warning(code::DOUBTFUL, written.name.span, message).help("add `virtual_ipaddress`"));
    }
    settings.vips = vips.into_iter().map(|vip| vip.value).collect();
    settings.excluded = surplus
        .into_iter()
        .chain(excluded)
        .map(|address| address.value)
        .collect();
}

fn once(
    addresses: Vec<Spanned<VirtualAddress>>,
    seen: &mut Vec<IpAddr>,
    report: &mut Report,
) -> Vec<Spanned<VirtualAddress>> {
    let mut kept = Vec::with_capacity(addresses.len());
    for address in addresses {
        let ip = address.value.address;
        if seen.contains(&ip) {
            let message = format!("`{ip}` stands here for the second time");
            report.push(Diagnostic::warning(code::DOUBTFUL, address.span, message).help("leave one out"));
        } else {
            seen.push(ip);
            kept.push(address);
        }
    }
    kept
}

/// How many addresses an advert holds: a byte's worth, or what the MTU leaves beside the headers.
fn room(settings: &InstanceSettings, mtu: &dyn Fn(&str) -> Option<u32>) -> usize {
    const USUAL_MTU: u32 = 1500;
    const ETHERNET: u32 = 14;
    const VRRP: u32 = 8;
    const PASSWORD: u32 = 8;
    const TRAILER: u32 = 28;
    let mtu = settings.interface.as_deref().and_then(mtu).unwrap_or(USUAL_MTU);
    let (ip, size) = match settings.family {
        Family::V4 => (20, 4),
        Family::V6 => (40, 16),
    };
    let password = if matches!(settings.protocol, Protocol::V2 { .. }) {
        PASSWORD
    } else {
        0
    };
    let trailer = if settings.hmac.is_some() { TRAILER } else { 0 };
    let left = mtu.saturating_sub(ETHERNET + ip + VRRP + password + trailer);
    usize::try_from(left / size)
        .unwrap_or(usize::MAX)
        .min(usize::from(u8::MAX))
}
