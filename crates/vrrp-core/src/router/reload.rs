//! A reload as a difference: what did not change is not touched, and no master steps down.

use tandem_time::Mono;

use super::{Router, Started};
use crate::garp::Pace;
use crate::group::Group;
use crate::instance::{Instance, Surroundings};
use crate::outbox::Cx;
use crate::settings::{InstanceId, RouterSettings, Tracker, TrackerKind};
use crate::track::TrackState;
use crate::{Observation, Output, Release};

impl Router {
    /// `settings` carries the ids of what it shares with the old ones ([`RouterSettings::adopt_ids`]).
    pub(super) fn reload(&mut self, settings: RouterSettings, now: Mono) {
        let unix = self.unix(now);
        let old = std::mem::replace(&mut self.settings, settings);
        self.out.paces = self.settings.paces.iter().map(Pace::new).collect();
        self.links.adopt(&self.settings);
        self.trackers_from(&old, now);
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
        let mut sources = std::mem::take(&mut self.sources);
        let mut fresh = Vec::new();
        for wanted in &self.settings.instances {
            let mut cx = Cx {
                now,
                unix,
                out: &mut self.out,
            };
            let interface = wanted.interface.as_deref();
            let around = Surroundings {
                up: interface.and_then(|interface| self.links.is_up(interface)),
                source: sources.remove(&wanted.id),
                deaf: self.deaf.contains(&wanted.id),
            };
            let instance = match before.remove(&wanted.id) {
                Some(mut instance) => {
                    instance.reconfigure(wanted.clone(), around, &mut cx);
                    instance
                }
                None => {
                    fresh.push(wanted.id);
                    Instance::amid(wanted.clone(), around, &mut cx)
                }
            };
            self.instances.insert(wanted.id, instance);
        }
        self.deaf.retain(|id| self.instances.contains_key(id));
        self.removals_first(said);
        self.mark_grouped();
        if self.started == Started::Yes {
            self.apply_tracking(now);
        }
        // Not before everything is known of everybody, or some would leave a fault for a moment.
        self.each(now, Instance::forget_group);
        self.each(now, Instance::evaluate);
        if self.started == Started::Yes {
            for id in fresh {
                self.one(id, now, Instance::start);
            }
            self.drain_together(now);
        }
    }

    /// Nobody but an operator brings a drained instance back, and a group serves on one host: the others of its group
    /// leave as well, each when its successor serves.
    fn drain_together(&mut self, now: Mono) {
        let is = |is: fn(&Instance) -> bool, id: &InstanceId| self.instances.get(id).is_some_and(is);
        let members = self.groups.values().map(|group| &group.settings.members);
        let drained = members.filter(|members| members.iter().any(|id| is(Instance::is_drained, id)));
        let goes = |id: &&InstanceId| !is(Instance::is_drained, id) && !is(Instance::is_stopped, id);
        let rest: Vec<InstanceId> = drained.flatten().filter(goes).copied().collect();
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

    /// A tracker that looks at the same thing keeps its results, whatever else is said of it now. How an interface is may
    /// have been told long ago, and is not told again.
    fn trackers_from(&mut self, old: &RouterSettings, now: Mono) {
        let mut before = std::mem::take(&mut self.trackers);
        for tracker in &self.settings.trackers {
            // What nobody uses is not looked at.
            let known = |t: &&Tracker| t.id == tracker.id && t.watches_the_same(tracker) && old.uses(t.id);
            let known = old.trackers.iter().find(known).and_then(|t| before.remove(&t.id));
            let state = known.map(|state| state.under(&tracker.kind));
            let mut state = state.unwrap_or_else(|| TrackState::new(&tracker.kind));
            if let TrackerKind::Interface(interface) = &tracker.kind
                && let Some(up) = self.links.is_up(interface)
            {
                state.observe(&tracker.kind, Observation::Holds(up), now);
            }
            self.trackers.insert(tracker.id, state);
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
