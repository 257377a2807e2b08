//! What the daemon is to do: the router's settings, and beside them what only a runtime carries out.

mod command;
mod global;
mod policy;

pub use command::{Command, Fifo, Notify, OnceScript, User};
pub use global::{
    AutoPriority, Bfd, Dumps, Firewall, Global, Mail, MailServer, PairLink, ReloadRules, Scheduling, Scripts,
};
pub use policy::{
    Encap, FwMark, IpNet, Metric, NextHop, PortRange, Route, RouteKind, RouteMode, Rule, RuleAction, Static, TableId,
    Tunnel,
};

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tandem_vrrp_core::settings::{GroupId, InstanceId, RouterSettings, Tracker, TrackerKind, VirtualAddress, Weight};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub global: Global,
    /// What [`tandem_vrrp_core::Router`] runs.
    pub router: RouterSettings,
    /// In the order of `router.instances`, one for each.
    pub instances: Vec<Instance>,
    /// In the order of `router.groups`, one for each.
    pub groups: Vec<Group>,
    /// Always there, whoever is master.
    pub statics: Statics,
    pub bfd: Vec<Bfd>,
    /// What each script's own block says it counts, by its name; where it is tracked another weight may be said.
    pub script_weights: BTreeMap<Arc<str>, Weight>,
}

/// The runtime's part of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    pub id: InstanceId,
    /// `file:line`
    pub origin: Arc<str>,
    pub notify: Notify,
    pub routes: Vec<Route>,
    pub rules: Vec<Rule>,
    pub vmac: Option<Vmac>,
    /// `use_vmac_addr`: addresses on other interfaces get a macvlan of their own.
    pub vmac_for_addresses: bool,
    /// Let other addresses of a subnet stay when the first goes.
    pub promote_secondaries: bool,
    /// Bytes of the receive buffer; `None` is the system's default.
    pub receive_buffer: Option<u32>,
    pub adjusted: Adjusted,
}

/// What was written and could not be kept; nothing acts on it, but whoever compares two routers wants to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Adjusted {
    /// The interval, before it was rounded.
    pub interval: Option<Duration>,
    /// `nopreempt` beside `state MASTER`.
    pub nopreempt: bool,
    /// A password beside strict mode or version 3.
    pub auth: bool,
}

/// `use_vmac`: the virtual router speaks with a MAC address of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vmac {
    /// `None` is the prefix, a dot and the router id.
    pub name: Option<Arc<str>>,
    /// `None` is the one of RFC 9568 section 7.3.
    pub address: Option<[u8; 6]>,
    /// Adverts go through the base interface.
    pub transmit_on_base: bool,
}

/// The runtime's part of a sync group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub id: GroupId,
    pub origin: Arc<str>,
    pub notify: Notify,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statics {
    pub addresses: Vec<Static<VirtualAddress>>,
    pub routes: Vec<Static<Route>>,
    pub rules: Vec<Static<Rule>>,
}

impl Plan {
    pub fn instance(&self, id: InstanceId) -> Option<&Instance> {
        self.instances.iter().find(|instance| instance.id == id)
    }

    pub fn group(&self, id: GroupId) -> Option<&Group> {
        self.groups.iter().find(|group| group.id == id)
    }

    /// Gives everything that `old` also had the id it had there; to be called on what a reload read.
    pub fn adopt_ids(&mut self, old: &Plan) {
        self.router.adopt_ids(&old.router);
        for (instance, settings) in self.instances.iter_mut().zip(&self.router.instances) {
            instance.id = settings.id;
        }
        for (group, settings) in self.groups.iter_mut().zip(&self.router.groups) {
            group.id = settings.id;
        }
        for bfd in &mut self.bfd {
            let is_its = |tracker: &&Tracker| tracker.kind == TrackerKind::Bfd && tracker.name == bfd.name;
            let tracker = self.router.trackers.iter().find(is_its);
            bfd.tracker = tracker.map(|tracker| tracker.id);
        }
    }

    /// Whether anything runs a program of the operator's.
    pub fn runs_scripts(&self) -> bool {
        let tracked = self.router.trackers.iter();
        let notify = self.instances.iter().map(|instance| &instance.notify);
        let notify = notify.chain(self.groups.iter().map(|group| &group.notify));
        let scripts = &self.global.scripts;
        tracked
            .into_iter()
            .any(|tracker| matches!(tracker.kind, TrackerKind::Script(_)))
            || notify.into_iter().any(Notify::runs_something)
            || scripts.notify_fifo_script.is_some()
            || scripts.vrrp_notify_fifo_script.is_some()
            || scripts.startup.is_some()
            || scripts.shutdown.is_some()
    }
}
