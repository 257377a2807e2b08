//! One server: what its checks say, what an operator says, and what follows from both (reference 2.1, 2.9).

mod following;

use super::check::Check;
use super::ramp::Ramp;
use super::view::{room, takes_new};
use super::{
    CheckLog, CheckReport, Conduct, Lead, Observe, OnError, Reason, Saved, SavedCheck, ServerReport, ServerSettings,
    ServerView, Status, Transition, Tuned,
};
use crate::balance::Candidate;
use crate::health::{Admin, CheckResult, CheckSettings, CheckStatus, Outcome};
use crate::{ServerIdx, dns};
use std::net::SocketAddr;
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
            true if self.operation == Operation::Down && self.is_up_by_checks() => {
                self.obey(Operation::Running, reason, now)
            }
            true => None,
        }
    }

    pub(super) fn set_agent(&mut self, enabled: bool, now: Mono) -> Option<Transition> {
        self.agent.as_mut()?.set_enabled(enabled, now);
        None
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

    pub(super) fn candidate(&self, follows: bool) -> Candidate {
        Candidate {
            place: self.place(),
            id: self.settings.id,
            key: self.settings.hash_key.of(self.settings.id, self.settings.at),
            // The map-based algorithms keep the weights of the configuration; one set to 0 later is just not usable.
            weight: match self.weight {
                0 => u32::from(self.settings.weight) * WEIGHT_UNIT,
                _ => self.share(follows),
            },
            backup: self.settings.backup,
            usable: self.is_usable(),
            maxconn: room(self.maxconn, self.warming()),
            minconn: room(self.settings.minconn, self.warming()),
        }
    }

    pub(super) fn view(&self, follows: bool) -> ServerView {
        ServerView {
            place: self.place(),
            name: self.name(),
            id: self.settings.id,
            is_backup: self.settings.backup,
            operation: self.operation,
            admin: self.admin,
            weight: self.weight,
            maxconn: self.maxconn,
            minconn: self.settings.minconn,
            share: self.share(follows),
            warming: self.warming(),
            last_change: self.last_change,
        }
    }

    pub(super) fn report(&self, follows: bool, now: Mono) -> ServerReport<'_> {
        let is_down = self.operation == Operation::Down;
        let running_down_time = if is_down {
            now.since(self.last_change)
        } else {
            Duration::ZERO
        };
        ServerReport {
            status: self.status(),
            view: self.view(follows),
            downs: self.downs,
            down_time: self.down_time + running_down_time,
            check: self.check.as_ref().map(|check| CheckReport {
                analyses: self.settings.conduct.observe.map(|_| self.analyses),
                ..of_check(check)
            }),
            agent: self.agent.as_ref().map(of_check),
            tracks: self.settings.tracks.as_ref(),
        }
    }

    pub(super) fn saved(&self, now: Mono) -> Saved {
        Saved {
            operation: self.operation,
            admin: self.admin,
            was_disabled: self.settings.disabled,
            weight: Tuned {
                now: self.weight,
                configured: self.settings.weight,
            },
            maxconn: Some(Tuned {
                now: self.maxconn,
                configured: self.settings.maxconn,
            }),
            age: now.since(self.last_change),
            downs: self.downs,
            down_time: self.down_time,
            check: self.check.as_ref().map(Check::saved),
            agent: self.agent.as_ref().map(Check::saved),
        }
    }

    /// What a name's resolution or a tracked server wants will be said again; what an operator wants is only said here.
    pub(super) fn restore(&mut self, saved: Saved, now: Mono) {
        const FORCED: Admin = Admin::FORCED_MAINT.with(Admin::FORCED_DRAIN);
        self.weight = saved.weight.under(self.settings.weight);
        if let Some(maxconn) = saved.maxconn {
            self.maxconn = maxconn.under(self.settings.maxconn);
        }
        self.downs = saved.downs;
        self.down_time = saved.down_time;
        self.last_change = now.before(saved.age);
        self.admin = match (saved.was_disabled, self.settings.disabled) {
            (true, true) | (false, false) => saved.admin.only(FORCED.with(Admin::CONFIG_MAINT)),
            // Disabled in the file since: the file is the newer word.
            (false, true) => self.admin.with(saved.admin.only(FORCED)),
            (true, false) => saved.admin.only(Admin::FORCED_DRAIN),
        };
        if self.settings.is_nowhere {
            self.admin = self.admin.with(Admin::RESOLUTION_MAINT);
        }
        self.operation = match (&mut self.check, saved.check) {
            (Some(check), Some(saved_check)) => {
                check.restore(saved_check, saved.operation != Operation::Down);
                saved.operation
            }
            // What checks once found counts for nothing where there are none.
            _ => Operation::Running,
        };
        self.resume_agent(saved.agent);
        if self.admin.in_maint() {
            self.stop();
        } else if saved.admin.in_maint() {
            // Out of maintenance by the configuration's word.
            self.operation = match self.is_down_by_agent() {
                true => Operation::Down,
                false => Operation::Running,
            };
            if let Some(check) = &mut self.check {
                check.resume(now);
            }
        }
        if self.settings.tracks.is_some() {
            self.adopt(self.lead);
        }
    }

    /// An agent's word counts until it says another; one that nobody remembers is no reason to be down.
    fn resume_agent(&mut self, saved: Option<SavedCheck>) {
        let said_down = saved.as_ref().map_or(self.agent.is_some(), |saved| saved.health == 0);
        if let Some((agent, saved)) = self.agent.as_mut().zip(saved) {
            let up = saved.health > 0;
            agent.restore(saved, up);
        }
        if self.is_down_by_agent() {
            self.operation = Operation::Down;
        } else if said_down && self.operation == Operation::Down && self.is_up_by_checks() {
            self.operation = Operation::Running;
        }
    }

    fn status(&self) -> Status {
        if self.admin.has(Admin::RESOLUTION_MAINT) {
            return Status::Nowhere;
        }
        if let (true, Some(via)) = (self.admin.has(Admin::INHERITED_MAINT), &self.settings.tracks) {
            return Status::MaintVia(Arc::clone(via));
        }
        if self.admin.in_maint() {
            return Status::Maint;
        }
        // Whoever follows another one shows that one's checks.
        let Lead { health, agent, .. } = self.lead();
        let part = health.filter(|h| !h.is_full() && !h.is_empty()).map(|h| h.progress());
        match self.operation {
            Operation::Down if agent == Some(false) => Status::DownByAgent,
            Operation::Down => Status::Down(part),
            Operation::Stopping => Status::NoLb(part),
            Operation::Running if self.is_draining() && agent.is_some() => Status::DrainWithAgent,
            Operation::Running if self.is_draining() => Status::Drain(part),
            Operation::Running if health.is_none() => Status::NoCheck,
            Operation::Running => Status::Up(part),
        }
    }

    pub(super) fn check_log(&self, proxy: &Arc<str>) -> Option<CheckLog> {
        let check = self.check.as_ref()?;
        Some(CheckLog {
            proxy: Arc::clone(proxy),
            server: self.name(),
            is_backup: self.settings.backup,
            result: check.last().clone(),
            health: check.health(),
            weightless: self.weight == 0,
        })
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

    /// An operator says how its checks went (`set server health`); the next ones may say otherwise.
    pub(super) fn set_health(&mut self, to: Operation, now: Mono) -> Option<Transition> {
        let check = self.check.as_mut()?;
        check.set_health(to != Operation::Down);
        self.obey(to, Reason::Operator, now)
    }

    /// Checks go on or rest; the state stays what it is.
    pub(super) fn set_checks(&mut self, enabled: bool, now: Mono) -> Option<Transition> {
        self.check.as_mut()?.set_enabled(enabled, now);
        None
    }

    /// Another machine answers there now. It is not believed to be down because of the old one for longer than its own
    /// first checks take, and not believed to be well for more than one failure.
    pub(super) fn moved(&mut self, now: Mono) -> Option<Transition> {
        let is_up = self.operation != Operation::Down;
        self.check.as_mut()?.ask_anew(is_up, now);
        None
    }

    /// Takes on what the configuration says now. What an operator has set stays, unless the configuration has come to
    /// say something else about it.
    pub(super) fn reconfigure(&mut self, settings: ServerSettings, first_check: Mono, now: Mono) -> Option<Transition> {
        let before = std::mem::replace(&mut self.settings, settings);
        let unled = self.settings.tracks.is_none() && before.tracks.is_some();
        if self.settings.weight != before.weight {
            self.weight = self.settings.weight;
        }
        if self.settings.maxconn != before.maxconn {
            self.maxconn = self.settings.maxconn;
        }
        match (&mut self.agent, self.settings.agent) {
            (agent, None) => *agent = None,
            (Some(agent), Some(settings)) => agent.reconfigure(settings, now),
            (none, Some(settings)) => *none = Some(Check::new(settings, first_check)),
        }
        let transition = match (before.disabled, self.settings.disabled) {
            (false, true) => self.enter_maint(now),
            (true, false) => self.leave_maint(now),
            _ => None,
        };
        let transition = transition.or(self.recheck(before.check, first_check, now));
        match unled {
            true => transition.or(self.stop_following(now)),
            false => transition,
        }
    }

    /// Without checks a server is believed to work.
    fn recheck(&mut self, before: Option<CheckSettings>, first_check: Mono, now: Mono) -> Option<Transition> {
        match (before, self.settings.check) {
            (before, after) if before == after => None,
            (_, None) if self.settings.tracks.is_some() => {
                self.check = None;
                None
            }
            (_, None) => {
                self.check = None;
                self.obey(Operation::Running, Reason::Unsaid, now)
            }
            (_, Some(settings)) => {
                match &mut self.check {
                    Some(check) => check.reconfigure(settings, now),
                    none => *none = Some(Check::new(settings, first_check)),
                }
                if self.admin.in_maint()
                    && let Some(check) = &mut self.check
                {
                    check.pause();
                }
                None
            }
        }
    }

    pub(super) fn set_place(&mut self, at: Option<SocketAddr>) {
        self.settings.at = at;
    }

    /// Weights change without a word in the log.
    pub(super) fn set_weight(&mut self, weight: u16) -> Option<Transition> {
        self.weight = weight;
        None
    }

    pub(super) fn set_maxconn(&mut self, maxconn: u32) -> Option<Transition> {
        self.maxconn = maxconn;
        None
    }

    /// Failed checks and downs are counted from 0 again. The time spent down stays, as with HAProxy.
    pub(super) fn clear_counters(&mut self) {
        (self.downs, self.analyses) = (0, 0);
        if let Some(check) = &mut self.check {
            check.clear_counters();
        }
    }

    pub(super) fn enter_maint(&mut self, now: Mono) -> Option<Transition> {
        let said = |was_draining| Transition::EntersMaint { was_draining };
        self.enter(Admin::FORCED_MAINT, said, now)
    }

    /// Without an address nobody can be sent there.
    pub(super) fn lose_address(&mut self, reason: dns::Reason, now: Mono) -> Option<Transition> {
        let said = |was_draining| Transition::LosesAddress { reason, was_draining };
        self.enter(Admin::RESOLUTION_MAINT, said, now)
    }

    /// It is in maintenance for this reason, too. `said` is what happens to a server that served until now, and is told
    /// whether only those who knew it.
    fn enter(&mut self, why: Admin, said: impl FnOnce(bool) -> Transition, now: Mono) -> Option<Transition> {
        let (was_in_maint, was_draining) = (self.admin.in_maint(), self.had_no_new_clients());
        self.admin = self.admin.with(why);
        if was_in_maint {
            return None;
        }
        if self.operation == Operation::Down {
            return Some(Transition::EntersMaintFromDown);
        }
        self.downs += 1;
        self.turn(now);
        self.stop();
        Some(said(was_draining))
    }

    pub(super) fn find_address(&mut self, name: Arc<str>, now: Mono) -> Option<Transition> {
        let is_draining = self.leave(Admin::RESOLUTION_MAINT, now)?;
        Some(Transition::FindsAddress {
            name,
            is_draining,
            is_down: self.operation == Operation::Down,
        })
    }

    pub(super) fn leave_maint(&mut self, now: Mono) -> Option<Transition> {
        let forced = Admin::FORCED_MAINT.with(Admin::CONFIG_MAINT);
        if let (true, Some(via)) = (self.admin.has(Admin::INHERITED_MAINT), &self.settings.tracks) {
            let was_forced = self.admin.has(forced);
            self.admin = self.admin.without(forced);
            let via = Arc::clone(via);
            return was_forced.then_some(Transition::RemainsInMaint { via });
        }
        let is_draining = self.leave(forced, now)?;
        Some(Transition::LeavesMaint {
            is_draining,
            is_down: self.operation == Operation::Down,
        })
    }

    /// It is in maintenance for these reasons no more. When that were all of them, it serves again; the answer says
    /// whether those only who know it.
    fn leave(&mut self, reasons: Admin, now: Mono) -> Option<bool> {
        let was_in_maint = self.admin.in_maint();
        self.admin = self.admin.without(reasons);
        if !was_in_maint || self.admin.in_maint() {
            return None;
        }
        self.turn(now);
        if let Some(check) = &mut self.check {
            check.resume(now);
        }
        self.operation = self.assume();
        if self.operation != Operation::Down {
            self.ramp = Ramp::begin(self.settings.conduct.slowstart, now);
        }
        Some(self.is_draining())
    }

    pub(super) fn enter_drain(&mut self, now: Mono) -> Option<Transition> {
        let is_seen = !self.is_draining() && !self.admin.in_maint();
        if is_seen {
            self.turn(now);
        }
        let is_new = !self.admin.has(Admin::FORCED_DRAIN);
        self.admin = self.admin.with(Admin::FORCED_DRAIN);
        if is_new && !is_seen && self.settings.tracks.is_some() {
            return self.remaining_drain();
        }
        is_seen.then(|| Transition::EntersDrain {
            is_down: self.operation == Operation::Down,
        })
    }

    pub(super) fn leave_drain(&mut self, now: Mono) -> Option<Transition> {
        let left = self.admin.without(Admin::FORCED_DRAIN);
        if left != self.admin && left.in_drain() {
            self.admin = left;
            return self.remaining_drain();
        }
        let is_seen = self.is_draining() && !left.in_drain() && !left.in_maint();
        if is_seen {
            self.turn(now);
        }
        self.admin = left;
        is_seen.then(|| Transition::LeavesDrain {
            is_down: self.operation == Operation::Down,
        })
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

fn of_check(check: &Check) -> CheckReport<'_> {
    CheckReport {
        health: check.health(),
        last: check.last(),
        is_running: check.is_running(),
        is_enabled: check.is_enabled(),
        failures: check.failures(),
        analyses: None,
    }
}
