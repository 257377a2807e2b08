//! One server: what its checks say, what an operator says, and what follows from both (reference 2.1, 2.9).

mod following;
mod kept;
mod operated;
mod renewed;
mod shown;

use super::check::Check;
use super::ramp::Ramp;
use super::view::takes_new;
use super::{Conduct, Lead, Observe, OnError, Reason, ServerSettings, Transition};
use crate::ServerIdx;
use crate::health::{Admin, CheckResult, CheckStatus, Outcome};
use std::sync::Arc;
use std::time::Duration;
use tandem_time::{Mono, Seed};

/// Weight 1 in the units of the balancing table.
const WEIGHT_UNIT: u32 = 16;

/// Whether a server works, as far as its checks know; what an operator wants stands beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Down,
    Running,
    /// Works, but asks for no new clients.
    Stopping,
}

/// What the end of a check means.
#[derive(Default)]
pub(super) struct Ended {
    pub is_news: bool,
    /// Where the server should go; `None` when the result settles nothing.
    pub verdict: Option<Operation>,
}

#[derive(Clone, Debug)]
pub(super) struct Server {
    settings: ServerSettings,
    weight: u16,
    maxconn: u32,
    operation: Operation,
    admin: Admin,
    last_change: Mono,
    downs: u64,
    down_time: Duration,
    check: Option<Check>,
    /// The agent's word, in the same terms: one step up and one down.
    agent: Option<Check>,
    /// How the one is that it follows.
    lead: Lead,
    ramp: Option<Ramp>,
    /// How often errors of clients counted as a sign.
    analyses: u64,
}

impl Server {
    pub(super) fn new(settings: ServerSettings, first_check: Mono, now: Mono) -> Server {
        let mut server = Server {
            weight: settings.weight,
            maxconn: settings.maxconn,
            operation: Operation::Running,
            admin: Admin::NONE,
            last_change: now,
            downs: 0,
            down_time: Duration::ZERO,
            check: settings.check.map(|c| Check::new(c, first_check)),
            agent: settings.agent.map(|a| Check::new(a, first_check)),
            lead: Lead::UNKNOWN,
            ramp: None,
            analyses: 0,
            settings,
        };
        server.operation = server.assume();
        if server.settings.disabled {
            server.admin = Admin::CONFIG_MAINT.with(Admin::FORCED_MAINT);
            server.stop();
        }
        if server.settings.is_nowhere {
            server.admin = server.admin.with(Admin::RESOLUTION_MAINT);
            server.stop();
        }
        server
    }

    pub(super) fn place(&self) -> ServerIdx {
        self.settings.place
    }

    /// In maintenance, and with checks only when somebody asks for them.
    pub(super) fn resting(settings: ServerSettings, now: Mono) -> Server {
        let mut server = Server::new(settings, now, now);
        server.admin = server.admin.with(Admin::FORCED_MAINT);
        server.stop();
        if let Some(check) = &mut server.check {
            check.set_enabled(false, now);
        }
        server
    }

    pub(super) fn name(&self) -> Arc<str> {
        Arc::clone(&self.settings.name)
    }

    pub(super) fn rename(&mut self, name: Arc<str>) {
        self.settings.name = name;
    }

    pub(super) fn is_backup(&self) -> bool {
        self.settings.backup
    }

    pub(super) fn is_draining(&self) -> bool {
        self.admin.in_drain()
    }

    pub(super) fn is_usable(&self) -> bool {
        takes_new(self.operation, self.admin, self.weight)
    }

    pub(super) fn conduct(&self) -> &Conduct {
        &self.settings.conduct
    }

    /// What it is taken for before its first check.
    fn assume(&mut self) -> Operation {
        if self.settings.tracks.is_some() {
            return self.lead.operation;
        }
        let init = self.settings.conduct.init;
        if let Some(check) = &mut self.check {
            check.assume(init);
        }
        match self.check.is_some() && init.is_down() || self.is_down_by_agent() {
            true => Operation::Down,
            false => Operation::Running,
        }
    }

    /// How it is where no check says anything.
    fn unchecked(&self) -> Operation {
        match self.is_down_by_agent() {
            true => Operation::Down,
            false => Operation::Running,
        }
    }

    fn is_down_by_agent(&self) -> bool {
        self.agent
            .as_ref()
            .is_some_and(|agent| agent.is_enabled() && !agent.health().is_up())
    }

    /// Whether its checks, if there are any, say that it serves.
    fn is_up_by_checks(&self) -> bool {
        let enabled = self.check.as_ref().filter(|check| check.is_enabled());
        enabled.is_none_or(|check| check.health().is_up())
    }

    /// Agents are asked in maintenance too: only they can end what they began.
    pub(super) fn start_agent(&mut self, now: Mono) -> bool {
        self.agent.as_mut().is_some_and(|agent| agent.start(now))
    }

    /// Whether anybody listens to the answer.
    pub(super) fn end_agent(&mut self, result: CheckResult, now: Mono, percent: u32, jitter: &mut Seed) -> bool {
        let Some(agent) = self.agent.as_mut().filter(|agent| agent.is_running()) else {
            return false;
        };
        agent.note(result);
        agent.schedule_next(now, false, percent, jitter);
        agent.is_enabled()
    }

    pub(super) fn part_of_weight(&self, percent: u32) -> u16 {
        const HEAVIEST: u64 = 256;
        let part = u64::from(self.settings.weight) * u64::from(percent) / 100;
        // At most the heaviest.
        part.min(HEAVIEST) as u16
    }

    /// One that also an algorithm takes which cannot follow a weight.
    pub(super) fn is_fixed_weight(&self, weight: u16) -> bool {
        weight == 0 || weight == self.settings.weight
    }

    /// The agent, or an operator in its place, says whether the server serves.
    pub(super) fn heed(&mut self, up: bool, reason: Reason, now: Mono) -> Option<Transition> {
        self.agent.as_mut()?.set_health(up);
        match up {
            false => self.obey(Operation::Down, reason, now),
            true if self.is_let_go() => self.obey(Operation::Running, reason, now),
            true => None,
        }
    }

    /// Whether it serves now that no agent says otherwise. One that is about to stop does so on.
    fn is_let_go(&self) -> bool {
        self.operation == Operation::Down && self.is_up_by_checks()
    }

    /// In sixteenths. A weight that is fixed for the algorithm does not follow the ramp.
    fn share(&self, follows: bool) -> u32 {
        let parts = self
            .ramp
            .filter(|_| follows)
            .map_or(WEIGHT_UNIT, |ramp| ramp.step.parts);
        u32::from(self.weight) * parts
    }

    fn warming(&self) -> Option<u32> {
        self.ramp.map(|ramp| ramp.step.percent)
    }

    pub(super) fn climbs_by(&self, now: Mono) -> bool {
        self.ramp.is_some_and(|ramp| ramp.due() <= now)
    }

    /// One step further, or to the end.
    pub(super) fn climb(&mut self, now: Mono) -> Option<Transition> {
        if !self.ramp.as_mut()?.climb(now) {
            return None;
        }
        self.ramp = None;
        Some(Transition::Up { reason: Reason::Unsaid })
    }

    /// Errors that its clients met.
    pub(super) fn suffer(&mut self, now: Mono) -> Option<(Ended, CheckResult)> {
        let Observe { limit, then } = self.settings.conduct.observe?;
        if self.admin.in_maint() || !self.check.as_ref()?.is_enabled() {
            return None;
        }
        self.analyses += 1;
        let check = self.check.as_mut()?;
        check.hurry(now);
        let info = format!("Detected {limit} consecutive errors, last one was: L4 unsuccessful connection");
        let result = CheckResult::new(CheckStatus::Analyze, Duration::ZERO).with_info(info);
        if then == OnError::FastInter {
            return None;
        }
        check.weaken(then);
        let is_news = check.end(result.clone());
        let is_down = !check.health().is_up() && self.operation != Operation::Down;
        let verdict = is_down.then_some(Operation::Down);
        Some((Ended { is_news, verdict }, result))
    }

    /// No checks in maintenance.
    fn check_due(&self) -> Option<Mono> {
        let check = self.check.as_ref().filter(|_| !self.admin.in_maint())?;
        check.due()
    }

    /// When there is something to do: a check, or a step.
    pub(super) fn due(&self) -> Option<Mono> {
        let step = self.ramp.as_ref().map(Ramp::due);
        let agent = self.agent.as_ref().and_then(Check::due);
        [self.check_due(), agent, step].into_iter().flatten().min()
    }

    pub(super) fn start_check(&mut self, now: Mono) -> bool {
        !self.admin.in_maint() && self.check.as_mut().is_some_and(|c| c.start(now))
    }

    /// `None` when no check was running. A result that comes when checks are not wanted says nothing.
    pub(super) fn end_check(&mut self, result: CheckResult) -> Option<Ended> {
        let in_maint = self.admin.in_maint();
        let check = self.check.as_mut().filter(|c| c.is_running())?;
        if in_maint || !check.is_enabled() {
            return Some(Ended::default());
        }
        let is_news = check.end(result);
        let verdict = match (check.outcome(), check.health().is_up()) {
            (Outcome::Failed, false) => Some(Operation::Down),
            (Outcome::Passed | Outcome::ConditionallyPassed, true) if self.is_down_by_agent() => None,
            (Outcome::Passed, true) => Some(Operation::Running),
            (Outcome::ConditionallyPassed, true) => Some(Operation::Stopping),
            _ => None,
        };
        let verdict = verdict.filter(|v| *v != self.operation);
        Some(Ended { is_news, verdict })
    }

    pub(super) fn schedule_next_check(&mut self, now: Mono, percent: u32, jitter: &mut Seed) {
        let is_stopped = self.operation == Operation::Down;
        if let Some(check) = &mut self.check {
            check.schedule_next(now, is_stopped, percent, jitter);
        }
    }

    /// Goes where its checks or an operator say, if it is not there. In maintenance it stays down.
    pub(super) fn obey(&mut self, verdict: Operation, reason: Reason, now: Mono) -> Option<Transition> {
        if self.admin.in_maint() || verdict == self.operation {
            return None;
        }
        let was_draining = self.had_no_new_clients();
        self.turn(now);
        self.operation = verdict;
        self.ramp = match verdict {
            Operation::Running => Ramp::begin(self.settings.conduct.slowstart, now),
            Operation::Down | Operation::Stopping => None,
        };
        Some(match verdict {
            Operation::Down => {
                self.downs += 1;
                Transition::Down { reason, was_draining }
            }
            Operation::Running => Transition::Up { reason },
            Operation::Stopping => Transition::Stopping { reason },
        })
    }

    /// Another machine answers there now. It is not believed to be down because of the old one for longer than its own
    /// first checks take, and not believed to be well for more than one failure.
    pub(super) fn moved(&mut self, now: Mono) -> Option<Transition> {
        let is_up = self.operation != Operation::Down;
        self.check.as_mut()?.ask_anew(is_up, now);
        None
    }

    /// Closes the books on the state that ends now. Like HAProxy's, they call the time of a drain down time, but only
    /// when it is over.
    fn turn(&mut self, now: Mono) {
        if self.operation == Operation::Down || self.is_draining() {
            self.down_time += now.since(self.last_change);
        }
        self.last_change = now;
    }

    fn had_no_new_clients(&self) -> bool {
        self.is_draining() || self.operation == Operation::Stopping
    }

    fn stop(&mut self) {
        self.operation = Operation::Down;
        self.ramp = None;
        if let Some(check) = &mut self.check {
            check.pause();
        }
    }
}
