//! The state of one tracked thing.

use std::time::Duration;

use tandem_time::Mono;

use super::RiseFall;
use crate::settings::{ProcessSettings, TrackerKind};
use crate::{Observation, ScriptOutcome};

/// How a tracked thing stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    #[default]
    Unknown,
    Good(bool),
    Number(i64),
}

#[derive(Clone, Debug)]
pub struct TrackState {
    level: Level,
    counter: RiseFall,
    /// A process came or went; it counts when this has passed.
    pending: Option<(Mono, bool)>,
    last_outcome: Option<ScriptOutcome>,
}

impl TrackState {
    pub fn new(kind: &TrackerKind) -> TrackState {
        let (counter, level) = match kind {
            TrackerKind::Script(s) if s.init_fail => (RiseFall::failed(s.rise, s.fall), Level::Good(false)),
            TrackerKind::Script(s) => (RiseFall::undecided(s.rise, s.fall), Level::Unknown),
            TrackerKind::Lb(lb) => (RiseFall::undecided(lb.rise, lb.fall), Level::Unknown),
            _ => (RiseFall::undecided(1, 1), Level::Unknown),
        };
        TrackState {
            level,
            counter,
            pending: None,
            last_outcome: None,
        }
    }

    /// The same results under other settings. Without any, it begins as anew: the first one decides.
    pub fn under(self, kind: &TrackerKind) -> TrackState {
        if self.level == Level::Unknown {
            return TrackState::new(kind);
        }
        let (rise, fall) = match kind {
            TrackerKind::Script(script) => (script.rise, script.fall),
            TrackerKind::Lb(lb) => (lb.rise, lb.fall),
            _ => (1, 1),
        };
        TrackState {
            counter: self.counter.under(rise, fall),
            ..self
        }
    }

    pub const fn level(&self) -> Level {
        self.level
    }

    /// Returns whether the last outcome of a script was another one: it deserves a line.
    pub fn outcome_changed(&mut self, outcome: ScriptOutcome) -> bool {
        self.last_outcome.replace(outcome) != Some(outcome)
    }

    /// Takes an observation; returns whether the level changed. One that does not fit the kind changes nothing.
    pub fn observe(&mut self, kind: &TrackerKind, observation: Observation, now: Mono) -> bool {
        match (kind, observation) {
            (TrackerKind::Script(_), Observation::Script(outcome)) => self.count(outcome.succeeded()),
            (TrackerKind::Lb(_), Observation::Holds(holds)) => self.count(holds),
            (TrackerKind::File(_), Observation::Number(number)) => self.become_(Level::Number(number.unwrap_or(0))),
            (TrackerKind::Process(process), Observation::Processes(count)) => self.processes(process, count, now),
            (TrackerKind::Interface(_) | TrackerKind::Bfd, Observation::Holds(holds)) => {
                self.become_(Level::Good(holds))
            }
            _ => false,
        }
    }

    pub fn deadline(&self) -> Option<Mono> {
        self.pending.map(|(at, _)| at)
    }

    pub fn on_deadline(&mut self, now: Mono) -> bool {
        match self.pending {
            Some((at, good)) if at <= now => {
                self.pending = None;
                self.become_(Level::Good(good))
            }
            _ => false,
        }
    }

    fn count(&mut self, success: bool) -> bool {
        self.counter.record(success);
        self.become_(Level::Good(self.counter.is_good()))
    }

    /// Comings and goings count only when they last; the first look counts at once.
    fn processes(&mut self, process: &ProcessSettings, count: u32, now: Mono) -> bool {
        let good = count >= process.quorum && process.quorum_max.is_none_or(|max| count <= max);
        if self.level == Level::Good(good) {
            self.pending = None;
            return false;
        }
        let delay = if good {
            process.fork_delay
        } else {
            process.terminate_delay
        };
        if self.level == Level::Unknown || delay == Duration::ZERO {
            self.pending = None;
            return self.become_(Level::Good(good));
        }
        if self.pending.is_none_or(|(_, pending)| pending != good) {
            self.pending = Some((now + delay, good));
        }
        false
    }

    fn become_(&mut self, level: Level) -> bool {
        let changed = self.level != level;
        self.level = level;
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{ParameterMatch, ScriptSettings};

    fn process() -> TrackerKind {
        TrackerKind::Process(ProcessSettings {
            command: vec!["haproxy".into()],
            parameters: ParameterMatch::Ignored,
            full_command: false,
            quorum: 1,
            quorum_max: Some(2),
            fork_delay: Duration::from_millis(10),
            terminate_delay: Duration::from_millis(20),
        })
    }

    #[test]
    fn a_process_that_comes_back_in_time_was_never_gone() {
        let kind = process();
        let mut state = TrackState::new(&kind);
        let at = Mono::from_millis;
        assert!(state.observe(&kind, Observation::Processes(1), at(0)));
        assert!(!state.observe(&kind, Observation::Processes(0), at(1)));
        assert_eq!(state.deadline(), Some(at(21)));
        assert!(!state.observe(&kind, Observation::Processes(1), at(2)));
        assert_eq!(state.deadline(), None);
        assert!(
            !state.observe(&kind, Observation::Processes(3), at(5)),
            "more than quorum_max is bad too"
        );
        assert!(!state.on_deadline(at(24)));
        assert!(state.on_deadline(at(25)));
        assert_eq!(state.level(), Level::Good(false));
    }

    #[test]
    fn without_a_result_other_settings_are_the_first_ones() {
        let script = |rise, init_fail| {
            TrackerKind::Script(ScriptSettings {
                rise,
                init_fail,
                ..ScriptSettings::new(&["/bin/true"])
            })
        };
        let good = Observation::Script(ScriptOutcome::Exited(0));
        let (before, after) = (script(1, false), script(3, false));
        let mut state = TrackState::new(&before).under(&after);
        assert!(state.observe(&after, good, Mono::ZERO));
        assert_eq!(state.level(), Level::Good(true), "the first result decides");

        let fails = script(2, true);
        let mut state = TrackState::new(&before).under(&fails);
        assert_eq!(state.level(), Level::Good(false));
        assert!(!state.observe(&fails, good, Mono::ZERO), "it takes two");
        assert!(state.observe(&fails, good, Mono::ZERO));
    }

    #[test]
    fn what_does_not_fit_changes_nothing() {
        let kind = process();
        let mut state = TrackState::new(&kind);
        assert!(!state.observe(&kind, Observation::Holds(true), Mono::ZERO));
        assert_eq!(state.level(), Level::Unknown);
    }
}
