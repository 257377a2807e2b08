//! Many instances, their groups and trackers in one machine, so that one runtime feeds one machine.

mod inputs;
mod links;
mod reload;
mod strangers;
mod tracking;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use tandem_time::Mono;

use crate::garp::Pace;
use crate::group::Group;
use crate::instance::{Instance, InstanceView};
use crate::outbox::{Cx, Outbox};
use crate::settings::{GroupId, InstanceId, RouterSettings, TrackerId};
use crate::track::TrackState;
use crate::{DropReason, Input, Output, State, Subject};

use links::Links;
use strangers::Strangers;

/// The VRRP router of one host.
///
/// A runtime first tells what is: `WallClock`, a `Link` for every interface, a `Source` for every instance, `Deaf` for those
/// that nobody listens for, `Found` for addresses that are already on an interface, and tracker results as they come; then
/// `Start`. From then on it carries
/// out the outputs in their order, drains its sockets before it calls [`Router::on_deadline`], and calls that when
/// [`Router::poll_deadline`] says so.
#[derive(Debug)]
pub struct Router {
    settings: RouterSettings,
    instances: BTreeMap<InstanceId, Instance>,
    groups: BTreeMap<GroupId, Group>,
    trackers: BTreeMap<TrackerId, TrackState>,
    links: Links,
    out: Outbox,
    started: Started,
    /// Where instances will speak from under the next settings.
    sources: BTreeMap<InstanceId, Option<IpAddr>>,
    /// Who hears nothing, of those that are and of those that the next settings bring.
    deaf: BTreeSet<InstanceId>,
    /// The wall clock at a moment of ours.
    wall: Option<(Mono, Duration)>,
    strangers: Strangers,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Started {
    No,
    /// `vrrp_startup_delay`
    At(Mono),
    Yes,
}

impl Router {
    pub fn new(settings: RouterSettings) -> Router {
        let mut router = Router {
            instances: BTreeMap::new(),
            groups: BTreeMap::new(),
            trackers: settings
                .trackers
                .iter()
                .map(|t| (t.id, TrackState::new(&t.kind)))
                .collect(),
            links: Links::new(&settings),
            out: Outbox {
                paces: settings.paces.iter().map(Pace::new).collect(),
                ..Outbox::default()
            },
            started: Started::No,
            sources: BTreeMap::new(),
            deaf: BTreeSet::new(),
            wall: None,
            strangers: Strangers::default(),
            settings,
        };
        for settings in &router.settings.instances {
            router.instances.insert(settings.id, Instance::new(settings.clone()));
        }
        for settings in &router.settings.groups {
            router.groups.insert(settings.id, Group::new(settings.clone()));
        }
        router.mark_grouped();
        router
    }

    pub fn handle(&mut self, input: Input<'_>, now: Mono) {
        self.take(input, now);
        self.settle(now);
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.outputs.pop_front()
    }

    /// Changes with every `handle` and `on_deadline`.
    pub fn poll_deadline(&self) -> Option<Mono> {
        let started = if let Started::At(at) = self.started {
            Some(at)
        } else {
            None
        };
        let instances = self.instances.values().filter_map(Instance::deadline);
        let trackers = self.trackers.values().filter_map(TrackState::deadline);
        instances
            .chain(trackers)
            .chain(self.links.deadline())
            .chain(started)
            .min()
    }

    pub fn on_deadline(&mut self, now: Mono) {
        if matches!(self.started, Started::At(at) if at <= now) {
            self.begin(now);
        }
        for interface in self.links.due(now) {
            self.link_changed(&interface, now);
        }
        self.trackers_due(now);
        self.each(now, |instance, cx| {
            if instance.deadline().is_some_and(|at| at <= cx.now) {
                instance.on_deadline(cx);
            }
        });
        self.settle(now);
    }

    pub fn settings(&self) -> &RouterSettings {
        &self.settings
    }

    pub fn instance(&self, id: InstanceId) -> Option<InstanceView<'_>> {
        self.instances.get(&id).map(Instance::view)
    }

    pub fn instances(&self) -> impl Iterator<Item = InstanceView<'_>> {
        self.instances.values().map(Instance::view)
    }

    /// Whether it will put back an address that is not there.
    pub fn puts_back(&self, id: InstanceId, address: IpAddr) -> bool {
        self.instances.get(&id).is_some_and(|i| i.puts_back(address))
    }

    /// Of packets that were for none of the instances.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.strangers.dropped(reason)
    }

    pub fn group_state(&self, id: GroupId) -> Option<State> {
        self.groups.get(&id).map(Group::state)
    }

    fn begin(&mut self, now: Mono) {
        self.started = Started::Yes;
        self.apply_tracking(now);
        self.settle(now);
        let said = self.out.outputs.len();
        self.each(now, |instance, cx| instance.start(cx));
        self.settle(now);
        self.groups_first(said);
    }

    /// Keepalived 2.2.7 tells of a group before its members at the start, and only then.
    fn groups_first(&mut self, said: usize) {
        self.out.say_first(said, |output| match output {
            Output::Notify { subject, .. } => matches!(subject, Subject::Group(_)),
            _ => false,
        });
    }

    /// Groups answer their members until nobody has anything to say. Every answer moves a member towards its group, so
    /// this ends; the bound is for our own mistakes.
    fn settle(&mut self, now: Mono) {
        for _ in 0..8 {
            let unix = self.unix(now);
            while let Some((from, signal)) = self.out.signals.pop_front() {
                let mut cx = Cx {
                    now,
                    unix,
                    out: &mut self.out,
                };
                if let Some(group) = self.groups.values().find(|g| g.has(from)) {
                    group.signal(from, signal, &mut self.instances, &mut cx);
                }
            }
            for group in self.groups.values_mut() {
                group.settle(
                    &mut self.instances,
                    &mut Cx {
                        now,
                        unix,
                        out: &mut self.out,
                    },
                );
            }
            if self.out.signals.is_empty() {
                return;
            }
        }
        debug_assert!(false, "sync groups do not settle");
    }

    fn each(&mut self, now: Mono, mut act: impl FnMut(&mut Instance, &mut Cx<'_>)) {
        let unix = self.unix(now);
        for instance in self.instances.values_mut() {
            act(
                instance,
                &mut Cx {
                    now,
                    unix,
                    out: &mut self.out,
                },
            );
        }
    }

    fn one(&mut self, id: InstanceId, now: Mono, act: impl FnOnce(&mut Instance, &mut Cx<'_>)) {
        let unix = self.unix(now);
        if let Some(instance) = self.instances.get_mut(&id) {
            act(
                instance,
                &mut Cx {
                    now,
                    unix,
                    out: &mut self.out,
                },
            );
        }
    }

    fn unix(&self, now: Mono) -> Option<Duration> {
        self.wall.map(|(at, unix)| unix + now.since(at))
    }

    fn mark_grouped(&mut self) {
        for (id, instance) in &mut self.instances {
            instance.set_grouped(self.groups.values().any(|g| g.has(*id)));
        }
    }
}
