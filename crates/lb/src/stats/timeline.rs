//! What happened to the servers lately, and why: the lines that also go to the log, kept for the page.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;

use tandem_lb_core::log::state::Severity;
use tandem_lb_core::snapshot::Event;
use tandem_ops::clock::Wall;

/// The older ones are in the log.
const KEPT: usize = 200;

/// The latest changes of state.
#[derive(Debug, Default)]
pub(crate) struct Timeline(RefCell<VecDeque<Happening>>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Happening {
    pub(crate) at: Wall,
    pub(crate) proxy: Arc<str>,
    pub(crate) severity: Severity,
    pub(crate) text: String,
}

impl Timeline {
    pub(crate) fn note(&self, happening: Happening) {
        let mut kept = self.0.borrow_mut();
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(happening);
    }

    /// What was noted elsewhere is older than what was noted here.
    pub(crate) fn resume(&self, before: &[Event]) {
        let mut kept = self.0.borrow_mut();
        let room = KEPT - kept.len();
        for event in before.iter().rev().take(room) {
            kept.push_front(Happening {
                at: Wall::from_micros(event.at),
                proxy: event.proxy.clone(),
                severity: event.severity,
                text: event.text.clone(),
            });
        }
    }

    /// All of it for another process, the oldest first.
    pub(crate) fn events(&self) -> Vec<Event> {
        let event = |happening: &Happening| Event {
            at: happening.at.as_micros(),
            proxy: happening.proxy.clone(),
            severity: happening.severity,
            text: happening.text.clone(),
        };
        self.0.borrow().iter().map(event).collect()
    }

    /// The latest first.
    pub(crate) fn latest(&self) -> Vec<Happening> {
        self.0.borrow().iter().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_latest_are_kept() {
        let timeline = Timeline::default();
        for n in 0..KEPT + 5 {
            timeline.note(Happening {
                at: Wall::from_micros(0),
                proxy: "be".into(),
                severity: Severity::Notice,
                text: n.to_string(),
            });
        }
        let latest = timeline.latest();
        assert_eq!((latest.len(), latest[0].text.as_str()), (KEPT, "204"));
        let heir = Timeline::default();
        heir.note(latest[0].clone());
        heir.resume(&timeline.events());
        let latest = heir.latest();
        assert_eq!((latest.len(), latest[1].text.as_str()), (KEPT, "204"));
    }
}
