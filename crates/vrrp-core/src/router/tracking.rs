//! From observations to priorities and faults.

use tandem_time::Mono;

use super::{Router, Started};
use crate::group::Group;
use crate::settings::{InstanceId, InstanceSettings, TrackUse, Tracker, TrackerId, TrackerKind};
use crate::track::{Contribution, Explanation, Level, Part};
use crate::{Event, Observation, Output};

impl Router {
    /// Why an instance has the priority it has.
    pub fn explain(&self, id: InstanceId) -> Option<Explanation> {
        self.instances.get(&id).map(|i| self.explanation(i.settings()))
    }

    pub fn tracker_level(&self, id: TrackerId) -> Option<Level> {
        self.trackers.get(&id).map(crate::track::TrackState::level)
    }

    pub(super) fn observed(&mut self, id: TrackerId, observation: Observation, now: Mono) {
        let Some(tracker) = self.settings.trackers.iter().find(|t| t.id == id) else {
            return;
        };
        let Some(state) = self.trackers.get_mut(&id) else {
            return;
        };
        let said_before = match observation {
            Observation::Script(outcome) => !state.outcome_changed(outcome),
            _ => true,
        };
        let changed = state.observe(&tracker.kind, observation, now);
        if let (false, Observation::Script(outcome)) = (said_before, observation) {
            let event = Event::Script {
                script: tracker.name.clone(),
                outcome,
            };
            self.out.outputs.push_back(Output::Log { instance: None, event });
        }
        if changed {
            self.level_changed(id, now);
        }
    }

    pub(super) fn trackers_due(&mut self, now: Mono) {
        let ids: Vec<TrackerId> = self.trackers.keys().copied().collect();
        for id in ids {
            if self.trackers.get_mut(&id).is_some_and(|t| t.on_deadline(now)) {
                self.level_changed(id, now);
            }
        }
    }

    fn level_changed(&mut self, id: TrackerId, now: Mono) {
        let tracker = self.settings.trackers.iter().find(|t| t.id == id);
        let level = self.tracker_level(id);
        if let (Some(tracker), Some(Level::Good(ok))) = (tracker, level)
            && let Some(event) = line(tracker, ok)
        {
            self.out.outputs.push_back(Output::Log { instance: None, event });
        }
        if self.started == Started::Yes {
            self.apply_tracking(now);
        }
    }

    /// Every instance gets the priority and the fault that its trackers make.
    pub(super) fn apply_tracking(&mut self, now: Mono) {
        let ids: Vec<InstanceId> = self.instances.keys().copied().collect();
        for id in ids {
            let Some(explanation) = self.explain(id) else { continue };
            self.one(id, now, |instance, cx| {
                instance.set_priority(explanation.effective, cx);
                instance.change_conditions(
                    |c| {
                        c.tracked = explanation.has_fault();
                        c.pending = explanation.is_pending();
                    },
                    cx,
                );
            });
        }
    }

    fn explanation(&self, settings: &InstanceSettings) -> Explanation {
        let group = self.groups.values().find(|g| g.has(settings.id));
        let ignored = group.is_some_and(|g| !g.settings.member_weights);
        let own = settings.track.iter().map(|usage| self.part(usage, None, ignored));
        let shared = group
            .into_iter()
            .flat_map(|g| g.settings.track.iter().map(|u| self.part(u, Some(g), false)));
        Explanation::new(settings.priority, own.chain(shared).collect())
    }

    fn part(&self, usage: &TrackUse, group: Option<&Group>, in_group: bool) -> Part {
        let tracker = self.settings.trackers.iter().find(|t| t.id == usage.tracker);
        let level = self.tracker_level(usage.tracker).unwrap_or_default();
        Part {
            tracker: tracker.map_or_else(|| "?".into(), |t| t.name.clone()),
            group: group.map(|g| g.settings.name.clone()),
            weight: usage.weight,
            level,
            contribution: Contribution::of(usage.weight, level),
            ignored: in_group && !usage.weight.is_fault(),
        }
    }
}

/// Scripts and interfaces have lines of their own.
fn line(tracker: &Tracker, ok: bool) -> Option<Event> {
    let name = tracker.name.clone();
    match tracker.kind {
        TrackerKind::Script(_) | TrackerKind::Interface(_) => None,
        TrackerKind::Process(_) => Some(Event::ProcessQuorum {
            process: name,
            gained: ok,
        }),
        _ => Some(Event::Tracked { tracker: name, ok }),
    }
}
