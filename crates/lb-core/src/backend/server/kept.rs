//! What of a server outlives its process, and what is made of it at the next start.

use super::Server;
use crate::backend::check::Check;
use crate::backend::{Operation, Saved, SavedCheck, Tuned};
use crate::health::Admin;
use tandem_time::Mono;

impl Server {
    pub(in crate::backend) fn saved(&self, now: Mono) -> Saved {
        Saved {
            operation: match self.settings.tracks {
                // That is another's word, who says it again.
                Some(_) => Operation::Running,
                None => self.operation,
            },
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
    pub(in crate::backend) fn restore(&mut self, saved: Saved, now: Mono) {
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
            // What somebody has said of one that nobody checks; an agent's word is weighed below.
            (None, None) => saved.operation,
            // What checks once found counts for nothing where there are none.
            _ => Operation::Running,
        };
        self.resume_agent(saved.agent);
        if self.admin.in_maint() {
            self.stop();
        } else if saved.admin.in_maint() {
            // Out of maintenance by the configuration's word.
            self.operation = self.unchecked();
            if let Some(check) = &mut self.check {
                check.resume(now);
            }
        }
        if self.settings.tracks.is_some() {
            self.adopt(self.lead);
        }
    }

    /// An agent's word counts until it says another; one that nobody remembers is no reason to be down.
    pub(super) fn resume_agent(&mut self, saved: Option<SavedCheck>) {
        let said_down = saved.as_ref().map_or(self.agent.is_some(), |saved| saved.health == 0);
        if let Some((agent, saved)) = self.agent.as_mut().zip(saved) {
            let up = saved.health > 0;
            agent.restore(saved, up);
        }
        if self.is_down_by_agent() {
            self.operation = Operation::Down;
        } else if said_down && self.is_let_go() {
            self.operation = Operation::Running;
        }
    }
}
