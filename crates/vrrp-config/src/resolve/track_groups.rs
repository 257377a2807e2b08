//! `track_group`: instances that cannot serve without a static address or route.
//!
//! What somebody removes of those is put back at once, so it is lost only with its interface, and that is what is watched:
//! an instance of the group is at fault while the interface of the item is down.

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
