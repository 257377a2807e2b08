//! Everything one [`crate::Router`] runs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::{GroupId, GroupSettings, InstanceId, InstanceSettings, PaceSettings, Tracker, TrackerId, TrackerKind};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouterSettings {
    pub instances: Vec<InstanceSettings>,
    pub groups: Vec<GroupSettings>,
    pub trackers: Vec<Tracker>,
    /// By [`super::PaceId`].
    pub paces: Vec<PaceSettings>,
    /// Adverts are not read before this has passed (`vrrp_startup_delay`).
    pub startup_delay: Duration,
    pub link_delays: Vec<LinkDelay>,
    /// So many instances have had an id so far, also those that are gone.
    pub instances_so_far: u32,
}

/// `interface_up_down_delays`: a change counts only when it lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkDelay {
    pub interface: Arc<str>,
    pub down: Duration,
    pub up: Duration,
}

impl RouterSettings {
    pub fn instance(&self, id: InstanceId) -> Option<&InstanceSettings> {
        self.instances.iter().find(|i| i.id == id)
    }

    /// Those whose state the router wants to know.
    pub fn interfaces(&self) -> BTreeSet<Arc<str>> {
        let own = self.instances.iter().filter_map(|i| i.interface.clone());
        let tracked = self.trackers.iter().filter_map(|t| match &t.kind {
            TrackerKind::Interface(name) => Some(name.clone()),
            _ => None,
        });
        own.chain(tracked).collect()
    }

    /// After a reload was read: gives everything that `old` also had the id it had there, and everything else another one:
    /// an instance one that was never used, because what is remembered of each goes by it. Instances are recognised as
    /// Keepalived recognises them, groups and trackers by name.
    pub fn adopt_ids(&mut self, old: &RouterSettings) {
        self.adopt_instance_ids(old);
        self.adopt_tracker_ids(old);
        let mut next = old.groups.iter().map(|g| g.id.0 + 1).max().unwrap_or(0);
        for group in &mut self.groups {
            let known = old.groups.iter().find(|g| g.name == group.name);
            group.id = known.map_or_else(|| GroupId(post_increment(&mut next)), |g| g.id);
        }
    }

    /// Whether an instance or a group counts on it.
    pub fn uses(&self, tracker: TrackerId) -> bool {
        let of_groups = self.groups.iter().flat_map(|g| &g.track);
        let of_instances = self.instances.iter().flat_map(|i| &i.track);
        of_groups.chain(of_instances).any(|usage| usage.tracker == tracker)
    }

    fn adopt_instance_ids(&mut self, old: &RouterSettings) {
        let ids = old.instances.iter().map(|i| i.id.0 + 1);
        let mut next = ids.fold(old.instances_so_far, Ord::max);
        let mut renamed = Vec::new();
        for instance in &mut self.instances {
            let known = old.instances.iter().find(|i| i.same_router(instance));
            let id = known.map_or_else(|| InstanceId(post_increment(&mut next)), |i| i.id);
            renamed.push((std::mem::replace(&mut instance.id, id), id));
        }
        self.instances_so_far = next;
        let new_id = |id: InstanceId| renamed.iter().find(|(from, _)| *from == id).map_or(id, |(_, to)| *to);
        for member in self.groups.iter_mut().flat_map(|g| &mut g.members) {
            *member = new_id(*member);
        }
    }

    fn adopt_tracker_ids(&mut self, old: &RouterSettings) {
        let ids = old.trackers.iter().map(|t| t.id.0 + 1);
        let mut next = ids.max().unwrap_or(0);
        let mut renamed = Vec::new();
        for tracker in &mut self.trackers {
            let known = old.trackers.iter().find(|t| t.watches_the_same(tracker));
            let id = known.map_or_else(|| TrackerId(post_increment(&mut next)), |t| t.id);
            renamed.push((std::mem::replace(&mut tracker.id, id), id));
        }
        let new_id = |id: TrackerId| renamed.iter().find(|(from, _)| *from == id).map_or(id, |(_, to)| *to);
        let of_groups = self.groups.iter_mut().flat_map(|g| &mut g.track);
        let of_instances = self.instances.iter_mut().flat_map(|i| &mut i.track);
        for usage in of_groups.chain(of_instances) {
            usage.tracker = new_id(usage.tracker);
        }
    }
}

fn post_increment<N: Copy + std::ops::AddAssign<N> + From<u8>>(next: &mut N) -> N {
    let now = *next;
    *next += N::from(1);
    now
}
