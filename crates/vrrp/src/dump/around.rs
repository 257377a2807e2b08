//! The parts of `keepalived.data` about descriptors and interfaces.

use std::fmt::{self, Write};
use std::net::IpAddr;

use tandem_vrrp_core::settings::{Family, InstanceId, TrackerKind, Weight};

use super::data::{list, weight};
use crate::around::{Around, Interface, Sockets};
use crate::snapshot::{Instance, Snapshot};

/// Of one instance.
pub(super) fn descriptors(out: &mut impl Write, around: &Around, instance: InstanceId) -> fmt::Result {
    match around.of(instance) {
        Some(sockets) => writeln!(out, "   fd_in {}, fd_out {}", sockets.hears, speaks(sockets)),
        None => writeln!(out, "   fd_in -1, fd_out -1"),
    }
}

/// What has no number yet has Keepalived's.
fn speaks(sockets: &Sockets) -> i32 {
    sockets.speaks.unwrap_or(-1)
}

pub(super) fn sockpool(out: &mut impl Write, around: &Around, snapshot: &Snapshot) -> fmt::Result {
    if around.sockets.is_empty() {
        return Ok(());
    }
    writeln!(out, "------< VRRP Sockpool >------")?;
    for sockets in &around.sockets {
        writeln!(out, " fd_in {} fd_out = {}", sockets.hears, speaks(sockets))?;
        writeln!(out, "   Interface = {}", sockets.interface)?;
        let family = match sockets.family {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        };
        writeln!(out, "   Family = {family}")?;
        writeln!(out, "   Protocol = VRRP")?;
        let kind = if sockets.multicast { "Multicast" } else { "Unicast" };
        writeln!(out, "   Type = {kind}")?;
        writeln!(out, "   VRRP instances")?;
        let here = |instance: &&Instance| sockets.instances.contains(&instance.settings.id);
        for instance in snapshot.instances.iter().filter(here) {
            writeln!(out, "     {} vrid {}", instance.settings.name, instance.settings.vrid)?;
        }
    }
    Ok(())
}

pub(super) fn interfaces(out: &mut impl Write, around: &Around, snapshot: &Snapshot) -> fmt::Result {
    if around.interfaces.is_empty() {
        return Ok(());
    }
    writeln!(out, "------< Interfaces >------")?;
    around
        .interfaces
        .iter()
        .try_for_each(|interface| one(out, interface, snapshot))
}

fn one(out: &mut impl Write, Interface { link, addresses }: &Interface, snapshot: &Snapshot) -> fmt::Result {
    writeln!(out, " Name = {}", link.name)?;
    writeln!(out, "   index = {}", link.index.0)?;
    for (family, fits) in [
        ("IPv4", IpAddr::is_ipv4 as fn(&IpAddr) -> bool),
        ("IPv6", IpAddr::is_ipv6),
    ] {
        let first = addresses.iter().find(|ip| fits(ip));
        let first = first.map_or_else(|| "(none)".to_owned(), ToString::to_string);
        writeln!(out, "   {family} address = {first}")?;
    }
    let loopback = addresses.iter().any(IpAddr::is_loopback);
    if let Some(mac) = link.mac.filter(|_| !loopback) {
        writeln!(out, "   MAC = {mac}")?;
    }
    let up = if link.up { "UP" } else { "not UP" };
    let running = if link.up && link.carrier {
        "RUNNING"
    } else {
        "not RUNNING"
    };
    let arp = if link.no_arp { ", no arp" } else { "" };
    writeln!(out, "   State = {up}, {running}{arp}")?;
    writeln!(out, "   MTU = {}", link.mtu)?;
    writeln!(out, "   HW Type = {}", if loopback { "LOOPBACK" } else { "ETHERNET" })?;
    writeln!(out, "   NIC netlink status update")?;
    list(out, "Tracking VRRP instances", watchers(snapshot, &link.name))
}

/// Those that live on it, and those that look at it.
fn watchers<'a>(snapshot: &'a Snapshot, interface: &'a str) -> impl Iterator<Item = String> + 'a {
    let tracker = snapshot.trackers.iter().find_map(|(tracker, _)| match &tracker.kind {
        TrackerKind::Interface(name) if **name == *interface => Some(tracker.id),
        _ => None,
    });
    snapshot.instances.iter().filter_map(move |instance| {
        let settings = &instance.settings;
        let lives = settings.track_primary && settings.interface.as_deref() == Some(interface);
        let tracked = settings.track.iter().find(|usage| Some(usage.tracker) == tracker);
        let counts = tracked
            .map(|usage| usage.weight)
            .or_else(|| lives.then(Weight::default))?;
        Some(format!("{}, weight {}", settings.name, weight(counts)))
    })
}
