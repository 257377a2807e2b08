//! Interfaces that an instance cannot serve without: those of its own addresses and routes, and by `track_group` those of
//! static ones.
//!
//! What somebody removes is put back at once, so it is lost only with its interface, and that is what is watched: an
//! instance is at fault while the interface of such an item is down. `no_track` leaves an item of its own out.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::draft::{Draft, Instance, Name, Track, TrackKind};

type Needed = (Name, Arc<str>);

pub(super) fn watch(draft: &mut Draft) {
    let mut needed: Vec<Needed> = Vec::new();
    let mut need = |group: &Option<Name>, device: Option<&Arc<str>>| {
        if let (Some(group), Some(device)) = (group, device) {
            needed.push((group.clone(), device.clone()));
        }
    };
    for item in &draft.static_addresses {
        need(&item.track_group, item.value.device.as_ref());
    }
    for item in &draft.static_routes {
        need(&item.track_group, item.value.device.as_ref());
    }
    for instance in &mut draft.instances {
        for (name, device) in own_places(instance) {
            add(instance, &name, &device);
        }
    }
    for (group, device) in needed {
        let known = draft.track_groups.iter().find(|known| known.name.value == group.value);
        let members: BTreeSet<Arc<str>> = known
            .into_iter()
            .flat_map(|known| known.instances.iter().map(|member| member.value.clone()))
            .collect();
        for instance in draft.instances.iter_mut().filter(|i| members.contains(&i.name.value)) {
            add(instance, &group, &device);
        }
    }
}

/// Other interfaces that its own addresses and routes are on, each with the name to complain about.
fn own_places(instance: &Instance) -> Vec<Needed> {
    let vips = instance.vips.iter().chain(&instance.excluded);
    let vips = vips.filter(|vip| vip.value.tracked);
    let vips = vips.map(|vip| (vip.span, vip.value.device.clone()));
    let routes = instance.routes.iter().filter(|route| route.value.tracked);
    let routes = routes.map(|route| (route.span, route.value.device.clone()));
    let own = instance.interface.as_ref().map(|name| &name.value);
    let elsewhere = vips.chain(routes).filter_map(|(span, device)| {
        let device = device.filter(|device| own != Some(device))?;
        Some((Name::new(device.clone(), span), device))
    });
    elsewhere.collect()
}

/// Its own interface, and what it tracks already, is watched without this.
fn add(instance: &mut Instance, group: &Name, device: &Arc<str>) {
    let own = instance.interface.as_ref().is_some_and(|name| name.value == *device);
    let tracked = |track: &Track| track.kind == TrackKind::Interface && track.name.value == *device;
    if own && instance.track_primary || instance.tracks.iter().any(tracked) {
        return;
    }
    instance.tracks.push(Track {
        kind: TrackKind::Interface,
        name: Name::new(device.clone(), group.span),
        weight: Some(0),
        reverse: None,
    });
}
