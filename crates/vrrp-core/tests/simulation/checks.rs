//! What a host runs again and again to know how it is: the scripts of its trackers.

use std::time::Duration;

use tandem_time::Mono;
use tandem_vrrp_core::settings::TrackerId;
use tandem_vrrp_core::{Observation, ScriptOutcome};

/// One script: what it would say now, and when it is asked next, by the host's own clock.
#[derive(Clone, Debug)]
pub struct Check {
    tracker: TrackerId,
    every: Duration,
    next: Mono,
    pub good: bool,
}

impl Check {
    /// The first result comes after `slow`.
    pub fn new(tracker: TrackerId, every: Duration, slow: Duration, good: bool) -> Check {
        Check {
            tracker,
            every,
            next: Mono::ZERO + slow,
            good,
        }
    }

    pub fn deadline(&self) -> Mono {
        self.next
    }

    /// Its result, when it is time for one.
    pub fn run(&mut self, now: Mono) -> Option<(TrackerId, Observation)> {
        if now < self.next {
            return None;
        }
        self.next = now + self.every;
        let outcome = ScriptOutcome::Exited(i32::from(!self.good));
        Some((self.tracker, Observation::Script(outcome)))
    }
}
