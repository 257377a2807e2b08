//! A server that follows another one: what it takes over from it.

use super::{Check, Server};
use crate::backend::{Lead, Operation, Reason, Tracked, Transition};
use crate::health::Admin;
use std::sync::Arc;
use tandem_time::Mono;

impl Server {
    pub(in crate::backend) fn tracked(&self) -> Option<&Arc<Tracked>> {
        self.settings.tracks.as_ref()
    }

    /// What those who follow this one need to know.
    pub(in crate::backend) fn lead(&self) -> Lead {
        let own = |check: &&Check| check.is_enabled();
        let (health, agent) = match self.settings.tracks {
            Some(_) => (self.lead.health, self.lead.agent),
            None => (
                self.check.as_ref().filter(own).map(Check::health),
                self.agent.as_ref().filter(own).map(|agent| agent.health().is_up()),
            ),
        };
        Lead {
            operation: self.operation,
            is_in_maint: self.admin.in_maint(),
            is_draining: self.admin.in_drain(),
            health,
            agent,
        }
    }

    pub(in crate::backend) fn hear_of(&mut self, lead: Lead) {
        self.lead = lead;
    }

    /// As if it had always been so.
    pub(in crate::backend) fn adopt(&mut self, lead: Lead) {
        self.lead = lead;
        let inherited = [
            (lead.is_in_maint, Admin::INHERITED_MAINT),
            (lead.is_draining, Admin::INHERITED_DRAIN),
        ];
        for (is_inherited, bit) in inherited {
            self.admin = match is_inherited {
                true => self.admin.with(bit),
                false => self.admin.without(bit),
            };
        }
        if self.admin.in_maint() {
            self.stop();
        } else {
            self.operation = lead.operation;
        }
    }

    pub(in crate::backend) fn inherit_maint(&mut self, via: &Arc<Tracked>, now: Mono) -> Option<Transition> {
        if self.admin.has(Admin::INHERITED_MAINT) {
            return None;
        }
        let via = Arc::clone(via);
        let said = |was_draining| Transition::InheritsMaint {
            via: Arc::clone(&via),
            was_draining,
        };
        let transition = self.enter(Admin::INHERITED_MAINT, said, now)?;
        Some(match transition {
            Transition::EntersMaintFromDown => Transition::InheritsMaintFromDown { via },
            other => other,
        })
    }

    pub(in crate::backend) fn disinherit_maint(&mut self, now: Mono) -> Option<Transition> {
        if !self.admin.has(Admin::INHERITED_MAINT) {
            return None;
        }
        match self.leave(Admin::INHERITED_MAINT, now) {
            Some(is_draining) => Some(Transition::DisinheritsMaint {
                is_draining,
                is_down: self.operation == Operation::Down,
            }),
            None => self
                .admin
                .has(Admin::FORCED_MAINT.with(Admin::CONFIG_MAINT))
                .then_some(Transition::RemainsInForcedMaint),
        }
    }

    pub(in crate::backend) fn inherit_drain(&mut self, via: &Arc<Tracked>, now: Mono) -> Option<Transition> {
        if self.admin.has(Admin::INHERITED_DRAIN) {
            return None;
        }
        let (was_draining, in_maint) = (self.is_draining(), self.admin.in_maint());
        if !was_draining && !in_maint {
            self.turn(now);
        }
        self.admin = self.admin.with(Admin::INHERITED_DRAIN);
        match (in_maint, was_draining) {
            (true, _) => None,
            (false, true) => self.remaining_drain(),
            (false, false) => Some(Transition::InheritsDrain {
                via: Arc::clone(via),
                is_down: self.operation == Operation::Down,
            }),
        }
    }

    pub(in crate::backend) fn disinherit_drain(&mut self, now: Mono) -> Option<Transition> {
        if !self.admin.has(Admin::INHERITED_DRAIN) {
            return None;
        }
        let left = self.admin.without(Admin::INHERITED_DRAIN);
        let is_over = !left.in_drain();
        if is_over && !left.in_maint() {
            self.turn(now);
        }
        self.admin = left;
        match (left.in_maint(), is_over) {
            (true, _) => None,
            (false, false) => self.remaining_drain(),
            (false, true) => Some(Transition::LeavesDrain {
                is_down: self.operation == Operation::Down,
            }),
        }
    }

    /// What is said of a server that is still to drain after something else has changed; `None` when it is not, or rests.
    pub(in crate::backend) fn remaining_drain(&self) -> Option<Transition> {
        if !self.is_draining() || self.admin.in_maint() {
            return None;
        }
        Some(match self.tracked() {
            Some(via) if !self.admin.has(Admin::FORCED_DRAIN) => {
                Transition::RemainsDrainingVia { via: Arc::clone(via) }
            }
            _ => Transition::RemainsDraining,
        })
    }

    /// The configuration says so: from now on it stands for itself.
    pub(super) fn stop_following(&mut self, now: Mono) -> Option<Transition> {
        self.lead = Lead::UNKNOWN;
        self.admin = self.admin.without(Admin::INHERITED_DRAIN);
        self.disinherit_maint(now)
            .or_else(|| self.obey(self.unchecked(), Reason::Unsaid, now))
    }
}
