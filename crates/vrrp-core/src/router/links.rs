//! Interfaces: up or down, and how long a change must last to count.

use std::collections::BTreeMap;
use std::sync::Arc;

use tandem_time::Mono;

use super::Router;
use crate::settings::{LinkDelay, RouterSettings, TrackerKind};
use crate::{Event, Observation, Output};

#[derive(Debug, Default)]
pub(super) struct Links {
    delays: Vec<LinkDelay>,
    known: BTreeMap<Arc<str>, Link>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Link {
    /// `None`: never told.
    up: Option<bool>,
    pending: Option<(Mono, bool)>,
}

impl Links {
    pub(super) fn new(settings: &RouterSettings) -> Links {
        Links {
            delays: settings.link_delays.clone(),
            known: BTreeMap::new(),
        }
    }

    /// What nobody looks at any more is not told any more, so what was last said of it does not count when it is looked at
    /// again.
    pub(super) fn adopt(&mut self, settings: &RouterSettings) {
        self.delays.clone_from(&settings.link_delays);
        let watched = settings.interfaces();
        self.known.retain(|interface, _| watched.contains(interface));
    }

    pub(super) fn is_up(&self, interface: &str) -> Option<bool> {
        self.known.get(interface).and_then(|l| l.up)
    }

    pub(super) fn deadline(&self) -> Option<Mono> {
        self.known.values().filter_map(|l| l.pending).map(|(at, _)| at).min()
    }

    /// Returns whether the interface changed now. The first word counts at once, a change when it lasts.
    fn told(&mut self, interface: &Arc<str>, up: bool, now: Mono) -> bool {
        let delay = self.delays.iter().find(|d| d.interface == *interface);
        let delay = delay.map(|d| if up { d.up } else { d.down }).unwrap_or_default();
        let link = self.known.entry(interface.clone()).or_default();
        if link.up == Some(up) {
            link.pending = None;
            return false;
        }
        if link.up.is_none() || delay.is_zero() {
            *link = Link {
                up: Some(up),
                pending: None,
            };
            return true;
        }
        if link.pending.is_none_or(|(_, pending)| pending != up) {
            link.pending = Some((now + delay, up));
        }
        false
    }

    /// Those whose change lasted long enough.
    pub(super) fn due(&mut self, now: Mono) -> Vec<Arc<str>> {
        let mut changed = Vec::new();
        for (interface, link) in &mut self.known {
            if let Some((at, up)) = link.pending
                && at <= now
            {
                *link = Link {
                    up: Some(up),
                    pending: None,
                };
                changed.push(interface.clone());
            }
        }
        changed
    }
}

impl Router {
    pub(super) fn link(&mut self, interface: &str, up: bool, now: Mono) {
        let interface: Arc<str> = interface.into();
        if self.links.told(&interface, up, now) {
            self.link_changed(&interface, now);
        }
    }

    pub(super) fn link_changed(&mut self, interface: &Arc<str>, now: Mono) {
        let Some(up) = self.links.is_up(interface) else { return };
        let event = Event::Link {
            interface: interface.clone(),
            up,
        };
        self.out.outputs.push_back(Output::Log { instance: None, event });
        self.each(now, |instance, cx| {
            let settings = instance.settings();
            if settings.interface.as_ref() == Some(interface) {
                let is_down = !up && settings.track_primary;
                instance.change_conditions(|c| c.link_down = is_down, cx);
            }
        });
        let watching = |kind: &TrackerKind| matches!(kind, TrackerKind::Interface(name) if name == interface);
        let ids: Vec<_> = self
            .settings
            .trackers
            .iter()
            .filter(|t| watching(&t.kind))
            .map(|t| t.id)
            .collect();
        ids.into_iter()
            .for_each(|id| self.observed(id, Observation::Holds(up), now));
    }
}
