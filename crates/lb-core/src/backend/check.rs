//! One server's checks: when the next one starts, and that there is never a second one before the first has ended.

use super::spread::vary;
use super::{InitState, OnError, SavedCheck};
use crate::health::{CheckResult, CheckSettings, CheckStatus, Outcome, RiseFall, Step};
use std::time::Duration;
use tandem_time::{Mono, Seed};

/// Below this a schedule would be a busy loop.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

#[derive(Clone, Debug)]
pub(super) struct Check {
    settings: CheckSettings,
    health: RiseFall,
    last: CheckResult,
    schedule: Schedule,
    enabled: bool,
    failures: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Schedule {
    Due(Mono),
    Running,
}

impl Check {
    pub(super) fn new(settings: CheckSettings, first: Mono) -> Check {
        let last = CheckResult::new(CheckStatus::Initializing, Duration::ZERO);
        let health = RiseFall::new(settings.rise, settings.fall);
        Check {
            settings,
            health,
            last,
            schedule: Schedule::Due(first),
            enabled: true,
            failures: 0,
        }
    }

    pub(super) fn health(&self) -> RiseFall {
        self.health
    }

    pub(super) fn last(&self) -> &CheckResult {
        &self.last
    }

    pub(super) fn due(&self) -> Option<Mono> {
        match self.schedule {
            Schedule::Due(at) => self.enabled.then_some(at),
            Schedule::Running => None,
        }
    }

    pub(super) fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Failed checks that cost something: a server that is down has nothing left to lose.
    pub(super) fn failures(&self) -> u64 {
        self.failures
    }

    pub(super) fn is_running(&self) -> bool {
        self.schedule == Schedule::Running
    }

    /// Whether a check starts now.
    pub(super) fn start(&mut self, now: Mono) -> bool {
        let is_due = self.due().is_some_and(|at| at <= now);
        if is_due {
            self.schedule = Schedule::Running;
        }
        is_due
    }

    /// Whether the result is news.
    pub(super) fn end(&mut self, result: CheckResult) -> bool {
        let is_other = result.status != self.last.status;
        let step = self.health.apply(result.status.outcome());
        self.last = result;
        let is_moved = step != Step::Unmoved;
        self.failures += u64::from(is_moved && self.outcome() == Outcome::Failed);
        is_other || is_moved
    }

    /// A result that moves nothing by itself.
    pub(super) fn note(&mut self, result: CheckResult) {
        self.last = result;
    }

    pub(super) fn outcome(&self) -> Outcome {
        self.last.status.outcome()
    }

    pub(super) fn schedule_next(&mut self, now: Mono, is_stopped: bool, percent: u32, seed: &mut Seed) {
        let wait = self.settings.interval(self.health.pace(is_stopped));
        self.schedule = Schedule::Due(now + vary(wait, percent, seed).max(SHORTEST_WAIT));
    }

    pub(super) fn saved(&self) -> SavedCheck {
        SavedCheck {
            is_enabled: self.enabled,
            health: self.health.health(),
            failures: self.failures,
            last: self.last.clone(),
        }
    }

    pub(super) fn restore(&mut self, saved: SavedCheck, up: bool) {
        self.enabled = saved.is_enabled;
        self.health.resume(saved.health, up);
        self.failures = saved.failures;
        self.last = saved.last;
    }

    pub(super) fn clear_counters(&mut self) {
        self.failures = 0;
    }

    /// Other rules from now on: where a server stands between up and down is kept, as far as it can be said in them.
    pub(super) fn reconfigure(&mut self, settings: CheckSettings, now: Mono) {
        let mut health = RiseFall::new(settings.rise, settings.fall);
        match (self.health.is_up(), self.health.is_full()) {
            (false, _) => health.drop_to_zero(),
            (true, true) => health.forgive(),
            (true, false) => {}
        }
        self.health = health;
        if let Schedule::Due(at) = self.schedule {
            self.schedule = Schedule::Due(at.min(now + settings.inter.max(SHORTEST_WAIT)));
        }
        self.settings = settings;
    }

    /// Nothing is known yet, and the next check is due now; whoever is up stays so until one fails.
    pub(super) fn ask_anew(&mut self, is_up: bool, now: Mono) {
        if is_up {
            self.health.restart();
        } else {
            self.health.drop_to_zero();
        }
        if let Schedule::Due(_) = self.schedule {
            self.schedule = Schedule::Due(now);
        }
    }

    /// Maintenance begins.
    pub(super) fn pause(&mut self) {
        self.health.drop_to_zero();
    }

    /// Maintenance ends: up, but the first failure counts.
    pub(super) fn resume(&mut self, now: Mono) {
        self.health.restart();
        self.catch_up(now);
    }

    /// What is to be believed before the first check.
    pub(super) fn assume(&mut self, init: InitState) {
        match init {
            InitState::Up => self.health.restart(),
            InitState::FullyUp => self.health.forgive(),
            InitState::Down => self.health.nearly_up(),
            InitState::FullyDown => self.health.drop_to_zero(),
        }
    }

    /// The next check comes as soon as checks do while something changes, where that is said to be sooner.
    pub(super) fn hurry(&mut self, now: Mono) {
        if let (Schedule::Due(at), Some(fast)) = (self.schedule, self.settings.fastinter) {
            self.schedule = Schedule::Due(at.min(now + fast));
        }
    }

    /// How near to its end the next failure finds it.
    pub(super) fn weaken(&mut self, then: OnError) {
        match then {
            OnError::FastInter | OnError::FailCheck => {}
            OnError::SuddenDeath => self.health.last_but_one(),
            OnError::MarkDown if self.health.is_up() => self.health.restart(),
            OnError::MarkDown => {}
        }
    }

    pub(super) fn set_health(&mut self, up: bool) {
        if up {
            self.health.forgive()
        } else {
            self.health.drop_to_zero()
        }
    }

    pub(super) fn set_enabled(&mut self, enabled: bool, now: Mono) {
        self.enabled = enabled;
        self.catch_up(now);
    }

    /// After a rest the checks go on at the beat they had, as if it had not been interrupted.
    fn catch_up(&mut self, now: Mono) {
        let Schedule::Due(at) = self.schedule else { return };
        if at > now {
            return;
        }
        let beat = self.settings.inter.max(SHORTEST_WAIT).as_nanos();
        let into_beat = now.since(at).as_nanos() % beat;
        let left = u64::try_from(beat - into_beat).unwrap_or(u64::MAX);
        self.schedule = Schedule::Due(now + Duration::from_nanos(left));
    }
}
