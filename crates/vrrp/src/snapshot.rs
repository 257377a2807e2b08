//! What is shown of the router: a copy made at one moment, which dumps, metrics and commands then read at leisure.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use tandem_time::Mono;
use tandem_vrrp_core::settings::{GroupId, GroupSettings, InstanceId, InstanceSettings, Priority, Tracker};
use tandem_vrrp_core::track::{Explanation, Level};
use tandem_vrrp_core::{Conditions, DropReason, InstanceView, MasterView, Router, Stand, State, Stats};

use crate::brain::Pace;

#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) at: Mono,
    pub(crate) instances: Vec<Instance>,
    pub(crate) trackers: Vec<(Tracker, Level)>,
    /// News that nobody took in time.
    pub(crate) reports_lost: u64,
    pub(crate) pace: Pace,
    /// Packets that were for none of the instances.
    pub(crate) dropped: Vec<(DropReason, u64)>,
    /// With the priority of the first member, which is what is told of a group.
    pub(crate) groups: Vec<(GroupId, State)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub(crate) settings: InstanceSettings,
    pub(crate) state: State,
    pub(crate) want: State,
    pub(crate) leaving: bool,
    pub(crate) effective: Priority,
    pub(crate) source: Option<IpAddr>,
    pub(crate) holds: bool,
    /// Addresses that the kernel has from us.
    pub(crate) set: BTreeSet<IpAddr>,
    pub(crate) conditions: Conditions,
    pub(crate) drained: bool,
    pub(crate) handed_over: bool,
    /// Let go because nobody took over in time, and nobody was heard since.
    pub(crate) abandoned: bool,
    /// A master of lower priority is taken over from at once.
    pub(crate) preempts: bool,
    /// Both hosts are, or were, master, and only the pair link says so.
    pub(crate) split: bool,
    /// It is backup, and would take over.
    pub(crate) ready: bool,
    pub(crate) stand: Stand,
    pub(crate) master: Option<MasterView>,
    pub(crate) master_interval: Duration,
    pub(crate) down_interval: Duration,
    pub(crate) changed_at: Mono,
    pub(crate) stats: Stats,
    pub(crate) explanation: Option<Explanation>,
}

impl Snapshot {
    /// `is_set`: whether the kernel has this address of that instance.
    pub(crate) fn of(
        router: &Router,
        is_set: impl Fn(InstanceId, IpAddr) -> bool,
        at: Mono,
        reports_lost: u64,
        pace: Pace,
    ) -> Snapshot {
        let level = |tracker: &Tracker| router.tracker_level(tracker.id).unwrap_or_default();
        let trackers = router.settings().trackers.iter();
        let groups = router.settings().groups.iter();
        Snapshot {
            at,
            instances: router
                .instances()
                .map(|view| Instance::of(router, &is_set, view))
                .collect(),
            trackers: trackers.map(|tracker| (tracker.clone(), level(tracker))).collect(),
            reports_lost,
            pace,
            dropped: DropReason::ALL.iter().map(|r| (*r, router.dropped(*r))).collect(),
            groups: groups.filter_map(|group| of_group(router, group)).collect(),
        }
    }
}

fn of_group(router: &Router, group: &GroupSettings) -> Option<(GroupId, State)> {
    Some((group.id, router.group_state(group.id)?))
}

impl Instance {
    fn of(router: &Router, is_set: impl Fn(InstanceId, IpAddr) -> bool, view: InstanceView<'_>) -> Instance {
        let addresses = view.settings.addresses().map(|a| a.address);
        Instance {
            settings: view.settings.clone(),
            state: view.state,
            want: view.want,
            leaving: view.leaving,
            effective: view.effective,
            source: view.source,
            holds: view.holds,
            set: addresses.filter(|a| is_set(view.settings.id, *a)).collect(),
            conditions: view.conditions,
            drained: view.drained,
            handed_over: view.handed_over,
            abandoned: view.abandoned,
            preempts: view.preempts,
            split: view.split,
            ready: view.is_ready(),
            stand: view.stand(),
            master: view.master,
            master_interval: view.master_interval,
            down_interval: view.down_interval,
            changed_at: view.changed_at,
            stats: view.stats.clone(),
            explanation: router.explain(view.settings.id),
        }
    }
}
