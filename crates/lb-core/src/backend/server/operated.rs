//! What an operator, the configuration or a name's resolution wants of a server: maintenance, a drain, another weight.

use super::Server;
use crate::backend::ramp::Ramp;
use crate::backend::{Operation, Reason, Transition};
use crate::dns;
use crate::health::Admin;
use std::net::SocketAddr;
use std::sync::Arc;
use tandem_time::Mono;

impl Server {
    pub(in crate::backend) fn set_agent(&mut self, enabled: bool, now: Mono) -> Option<Transition> {
        self.agent.as_mut()?.set_enabled(enabled, now);
        None
    }

    /// An operator says how its checks went (`set server health`); the next ones may say otherwise.
    pub(in crate::backend) fn set_health(&mut self, to: Operation, now: Mono) -> Option<Transition> {
        if self.settings.tracks.is_some() {
            return None;
        }
        // Who is not checked stays what somebody has said until he says otherwise, as in HAProxy.
        if let Some(check) = &mut self.check {
            check.set_health(to != Operation::Down);
        }
        self.obey(to, Reason::Operator, now)
    }

    /// Checks go on or rest; the state stays what it is.
    pub(in crate::backend) fn set_checks(&mut self, enabled: bool, now: Mono) -> Option<Transition> {
        self.check.as_mut()?.set_enabled(enabled, now);
        None
    }

    pub(in crate::backend) fn set_place(&mut self, at: Option<SocketAddr>) {
        self.settings.at = at;
    }

    /// Weights change without a word in the log.
    pub(in crate::backend) fn set_weight(&mut self, weight: u16) -> Option<Transition> {
        self.weight = weight;
        None
    }

    pub(in crate::backend) fn set_maxconn(&mut self, maxconn: u32) -> Option<Transition> {
        self.maxconn = maxconn;
        None
    }

    /// Failed checks and downs are counted from 0 again. The time spent down stays, as with HAProxy.
    pub(in crate::backend) fn clear_counters(&mut self) {
        (self.downs, self.analyses) = (0, 0);
        if let Some(check) = &mut self.check {
            check.clear_counters();
        }
    }

    pub(in crate::backend) fn enter_maint(&mut self, now: Mono) -> Option<Transition> {
        let said = |was_draining| Transition::EntersMaint { was_draining };
        self.enter(Admin::FORCED_MAINT, said, now)
    }

    /// Without an address nobody can be sent there.
    pub(in crate::backend) fn lose_address(&mut self, reason: dns::Reason, now: Mono) -> Option<Transition> {
        let said = |was_draining| Transition::LosesAddress { reason, was_draining };
        self.enter(Admin::RESOLUTION_MAINT, said, now)
    }

    /// It is in maintenance for this reason, too. `said` is what happens to a server that served until now, and is told
    /// whether only those who knew it.
    pub(super) fn enter(&mut self, why: Admin, said: impl FnOnce(bool) -> Transition, now: Mono) -> Option<Transition> {
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

    pub(in crate::backend) fn find_address(&mut self, name: Arc<str>, now: Mono) -> Option<Transition> {
        let is_draining = self.leave(Admin::RESOLUTION_MAINT, now)?;
        Some(Transition::FindsAddress {
            name,
            is_draining,
            is_down: self.operation == Operation::Down,
        })
    }

    pub(in crate::backend) fn leave_maint(&mut self, now: Mono) -> Option<Transition> {
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
    pub(super) fn leave(&mut self, reasons: Admin, now: Mono) -> Option<bool> {
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

    pub(in crate::backend) fn enter_drain(&mut self, now: Mono) -> Option<Transition> {
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

    pub(in crate::backend) fn leave_drain(&mut self, now: Mono) -> Option<Transition> {
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
}
