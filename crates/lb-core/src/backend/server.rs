//! One server: what its checks say, what an operator says, and what follows from both (reference 2.1, 2.9).

use super::check::Check;
use super::{CheckLog, Reason, ServerSettings, ServerView, Status, Transition};
use crate::balance::Candidate;
use crate::health::{Admin, CheckResult, Outcome};
use std::sync::Arc;
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
pub(super) struct Ended {
    pub is_news: bool,
    /// Where the server should go; `None` when the result settles nothing.
    pub verdict: Option<Operation>,
}

#[derive(Clone, Debug)]
pub(super) struct Server {
    settings: ServerSettings,
    weight: u16,
    operation: Operation,
    admin: Admin,
    last_change: Mono,
    check: Option<Check>,
}

impl Server {
    pub(super) fn new(settings: ServerSettings, first_check: Mono, now: Mono) -> Server {
        let mut server = Server {
            weight: settings.weight,
            operation: Operation::Running,
            admin: Admin::NONE,
            last_change: now,
            check: settings.check.map(|c| Check::new(c, first_check)),
            settings,
        };
        if server.settings.disabled {
            server.admin = Admin::CONFIG_MAINT.with(Admin::FORCED_MAINT);
            server.stop();
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
        self.view().takes_new()
    }

    pub(super) fn check(&self) -> Option<&Check> {
        self.check.as_ref()
    }

    pub(super) fn candidate(&self) -> Candidate {
        Candidate {
            id: self.settings.id,
            // The map-based algorithms keep the weights of the configuration; one set to 0 later is just not usable.
            weight: u32::from(if self.weight == 0 {
                self.settings.weight
            } else {
                self.weight
            }) * WEIGHT_UNIT,
            backup: self.settings.backup,
            usable: self.is_usable(),
            maxconn: self.settings.maxconn,
        }
    }

    pub(super) fn view(&self) -> ServerView {
        ServerView {
            name: self.name(),
            id: self.settings.id,
            is_backup: self.settings.backup,
            operation: self.operation,
            admin: self.admin,
            weight: self.weight,
            maxconn: self.settings.maxconn,
            last_change: self.last_change,
        }
    }

    pub(super) fn status(&self) -> Status {
        if self.admin.in_maint() {
            return Status::Maint;
        }
        let health = self.check.as_ref().map(Check::health);
        let part = health.filter(|h| !h.is_full() && !h.is_empty()).map(|h| h.progress());
        match self.operation {
            Operation::Down => Status::Down(part),
            Operation::Stopping => Status::NoLb(part),
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
    pub(super) fn check_due(&self) -> Option<Mono> {
        if self.admin.in_maint() {
            None
        } else {
            self.check.as_ref()?.due()
        }
    }

    pub(super) fn start_check(&mut self, now: Mono) -> bool {
        !self.admin.in_maint() && self.check.as_mut().is_some_and(|c| c.start(now))
    }

    /// `None` when no check was running. A result that comes in maintenance says nothing.
    pub(super) fn end_check(&mut self, result: CheckResult) -> Option<Ended> {
        let in_maint = self.admin.in_maint();
        let check = self.check.as_mut().filter(|c| c.is_running())?;
        if in_maint {
            return Some(Ended {
                is_news: false,
                verdict: None,
            });
        }
        let is_news = check.end(result);
        let verdict = match (check.outcome(), check.health().is_up()) {
            (Outcome::Failed, false) => Some(Operation::Down),
            (Outcome::Passed, true) => Some(Operation::Running),
            (Outcome::ConditionallyPassed, true) => Some(Operation::Stopping),
            _ => None,
        };
        Some(Ended { is_news, verdict })
    }

    pub(super) fn schedule_next_check(&mut self, now: Mono, percent: u32, jitter: &mut Seed) {
        let is_stopped = self.operation == Operation::Down;
        if let Some(check) = &mut self.check {
            check.schedule_next(now, is_stopped, percent, jitter);
        }
    }

    /// Goes where its checks or an operator say, if it is not there. Not in maintenance, where it stays down.
    pub(super) fn obey(&mut self, verdict: Operation, reason: Reason, now: Mono) -> Option<Transition> {
        let stops_while_down = verdict == Operation::Stopping && self.operation == Operation::Down;
        if self.admin.in_maint() || verdict == self.operation || stops_while_down {
            return None;
        }
        let was_draining = self.had_no_new_clients();
        self.operation = verdict;
        self.last_change = now;
        Some(match verdict {
            Operation::Down => Transition::Down { reason, was_draining },
            Operation::Running => Transition::Up { reason },
            Operation::Stopping => Transition::Stopping { reason },
        })
    }

    pub(super) fn set_weight(&mut self, weight: u16) {
        self.weight = weight;
    }

    pub(super) fn enter_maint(&mut self, now: Mono) -> Option<Transition> {
        let (was_in_maint, was_draining) = (self.admin.in_maint(), self.had_no_new_clients());
        self.admin = self.admin.with(Admin::FORCED_MAINT);
        if was_in_maint {
            return None;
        }
        if self.operation == Operation::Down {
            return Some(Transition::EntersMaintFromDown);
        }
        self.stop();
        self.last_change = now;
        Some(Transition::EntersMaint { was_draining })
    }

    pub(super) fn leave_maint(&mut self, now: Mono) -> Option<Transition> {
        let was_in_maint = self.admin.in_maint();
        self.admin = self.admin.without(Admin::FORCED_MAINT.with(Admin::CONFIG_MAINT));
        if !was_in_maint || self.admin.in_maint() {
            return None;
        }
        self.operation = Operation::Running;
        self.last_change = now;
        if let Some(check) = &mut self.check {
            check.resume(now);
        }
        Some(Transition::LeavesMaint {
            is_draining: self.is_draining(),
        })
    }

    pub(super) fn enter_drain(&mut self, now: Mono) -> Option<Transition> {
        let was_draining = self.is_draining();
        self.admin = self.admin.with(Admin::FORCED_DRAIN);
        if was_draining || self.admin.in_maint() {
            return None;
        }
        self.last_change = now;
        Some(Transition::EntersDrain {
            is_down: self.operation == Operation::Down,
        })
    }

    pub(super) fn leave_drain(&mut self, now: Mono) -> Option<Transition> {
        let was_draining = self.is_draining();
        self.admin = self.admin.without(Admin::FORCED_DRAIN);
        if !was_draining || self.is_draining() || self.admin.in_maint() {
            return None;
        }
        self.last_change = now;
        Some(Transition::LeavesDrain {
            is_down: self.operation == Operation::Down,
        })
    }

    fn had_no_new_clients(&self) -> bool {
        self.is_draining() || self.operation == Operation::Stopping
    }

    fn stop(&mut self) {
        self.operation = Operation::Down;
        if let Some(check) = &mut self.check {
            check.pause();
        }
    }
}
