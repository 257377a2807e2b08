//! What happened to the servers lately, and why: the lines that also go to the log, kept for the page.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;

use tandem_lb_core::log::state::Severity;
use tandem_lb_core::snapshot::Event;
use tandem_ops::clock::Wall;
use tokio::sync::mpsc::{self, error::TrySendError};

/// The older ones are in the log.
const KEPT: usize = 200;

/// The latest changes of state.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    kept: RefCell<VecDeque<Happening>>,
    followers: RefCell<Vec<Follower>>,
}

/// Somebody who is told of each, in a form of his own.
#[derive(Debug)]
struct Follower {
    form: fn(&Happening) -> String,
    to: mpsc::Sender<String>,
}

/// Who takes none of so many misses the next ones.
const BEHIND: usize = 256;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Happening {
    pub(crate) at: Wall,
    pub(crate) proxy: Arc<str>,
    pub(crate) severity: Severity,
    pub(crate) text: String,
}

impl Timeline {
    pub(crate) fn note(&self, happening: Happening) {
        let tell = |follower: &Follower| {
            let told = follower.to.try_send((follower.form)(&happening));
            !matches!(told, Err(TrySendError::Closed(_)))
        };
        self.followers.borrow_mut().retain(tell);
        let mut kept = self.kept.borrow_mut();
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(happening);
    }

    /// What is noted from now on, as lines.
    pub(crate) fn follow(&self, form: fn(&Happening) -> String) -> mpsc::Receiver<String> {
        let (to, lines) = mpsc::channel(BEHIND);
        let mut followers = self.followers.borrow_mut();
        // Where little happens, those who went away would be found out late.
        followers.retain(|follower| !follower.to.is_closed());
        followers.push(Follower { form, to });
        lines
    }

    /// What was noted elsewhere is older than what was noted here.
    pub(crate) fn resume(&self, before: &[Event]) {
        let mut kept = self.kept.borrow_mut();
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
        self.kept.borrow().iter().map(event).collect()
    }

    /// The latest first.
    pub(crate) fn latest(&self) -> Vec<Happening> {
        self.kept.borrow().iter().rev().cloned().collect()
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
