//! A reload as a difference: what did not change is not touched, and no master steps down.

use std::collections::BTreeSet;

use tandem_time::Mono;

use super::{Router, Started};
use crate::garp::Pace;
use crate::group::Group;
use crate::instance::Instance;
use crate::outbox::Cx;
use crate::settings::{InstanceId, RouterSettings, Tracker};
use crate::track::TrackState;
use crate::{Conditions, Output, Release};

impl Router {
    /// `settings` carries the ids of what it shares with the old ones ([`RouterSettings::adopt_ids`]).
    pub(super) fn reload(&mut self, settings: RouterSettings, now: Mono) {
        let unix = self.unix(now);
        let old = std::mem::replace(&mut self.settings, settings);
        self.out.paces = self.settings.paces.iter().map(Pace::new).collect();
        self.links.adopt(&self.settings);
        self.trackers_from(&old);
        self.groups_from();

        let said = self.out.outputs.len();
        let mut before = std::mem::take(&mut self.instances);
        let gone: Vec<_> = before
            .extract_if(.., |id, _| self.settings.instance(*id).is_none())
            .collect();
        for (_, mut gone) in gone {
            gone.retire(&mut Cx {
                now,
                unix,
                out: &mut self.out,
            });
        }
        let mut fresh = Vec::new();
        for wanted in &self.settings.instances {
            let mut cx = Cx {
                now,
                unix,
                out: &mut self.out,
            };
            match before.remove(&wanted.id) {
                Some(mut instance) => {
                    instance.reconfigure(wanted.clone(), &mut cx);
                    self.instances.insert(wanted.id, instance);
                }
                None => {
                    fresh.push(wanted.id);
                    self.instances.insert(wanted.id, Instance::new(wanted.clone()));
                }
            }
        }
        self.removals_first(said);
        let sources = std::mem::take(&mut self.sources);
        let told: BTreeSet<_> = sources.keys().copied().collect();
        for (id, address) in sources {
            self.one(id, now, |instance, cx| instance.set_source(address, cx));
        }
        self.mark_grouped();
        self.each(now, Instance::forget_group);
        if self.started == Started::Yes {
            self.apply_tracking(now);
            for id in fresh {
                let up = self
                    .settings
                    .instance(id)
                    .and_then(|s| s.interface.as_deref())
                    .and_then(|i| self.links.is_up(i));
                self.one(id, now, |instance, cx| {
                    let told = |c: &mut Conditions| {
                        c.link_unknown = c.link_down && up.is_none();
                        c.link_down &= up == Some(false);
                        c.source_unknown = c.no_source && !told.contains(&id);
                        c.no_source &= !c.source_unknown;
                    };
                    instance.change_conditions(told, cx);
                    instance.start(cx);
                });
            }
            self.drain_together(now);
        }
    }

    /// Nobody but an operator brings a drained instance back, and a group serves on one host: the others of its group
    /// leave as well, each when its successor serves.
    fn drain_together(&mut self, now: Mono) {
        let drained = |id: &InstanceId| self.instances.get(id).is_some_and(Instance::is_drained);
        let members = self.groups.values().map(|group| &group.settings.members);
        let partly = members.filter(|members| members.iter().any(drained) && !members.iter().all(drained));
        let rest: Vec<InstanceId> = partly.flatten().filter(|id| !drained(id)).copied().collect();
        for id in rest {
            self.one(id, now, |instance, cx| instance.release(Release::Drain, cx));
        }
    }

    /// An address that goes over from one instance to another is given up before it is taken, whichever comes first in
    /// the file: the other way round nobody would have it.
    fn removals_first(&mut self, said: usize) {
        self.out
            .say_first(said, |output| matches!(output, Output::RemoveAddress { .. }));
    }

    /// A tracker that looks at the same thing keeps its results, whatever else is said of it now.
    fn trackers_from(&mut self, old: &RouterSettings) {
        let mut before = std::mem::take(&mut self.trackers);
        for tracker in &self.settings.trackers {
            let known = |t: &&Tracker| t.id == tracker.id && t.watches_the_same(tracker);
            let known = old.trackers.iter().find(known).and_then(|t| before.remove(&t.id));
            let state = known.map(|state| state.under(&tracker.kind));
            self.trackers
                .insert(tracker.id, state.unwrap_or_else(|| TrackState::new(&tracker.kind)));
        }
    }

    fn groups_from(&mut self) {
        let mut before = std::mem::take(&mut self.groups);
        for settings in &self.settings.groups {
            let group = match before.remove(&settings.id) {
                Some(group) => group.with(settings.clone()),
                None => Group::new(settings.clone()),
            };
            self.groups.insert(settings.id, group);
        }
    }
}
