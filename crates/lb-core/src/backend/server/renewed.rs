//! What the configuration has come to say of a server.

use super::Server;
use crate::backend::check::Check;
use crate::backend::{Operation, Reason, ServerSettings, Transition};
use crate::health::CheckSettings;
use tandem_time::Mono;

impl Server {
    /// Takes on what the configuration says now. What an operator has set stays, unless the configuration has come to
    /// say something else about it.
    pub(in crate::backend) fn reconfigure(
        &mut self,
        settings: ServerSettings,
        first_check: Mono,
        now: Mono,
    ) -> Option<Transition> {
        let before = std::mem::replace(&mut self.settings, settings);
        let unled = self.settings.tracks.is_none() && before.tracks.is_some();
        if self.settings.weight != before.weight {
            self.weight = self.settings.weight;
        }
        if self.settings.maxconn != before.maxconn {
            self.maxconn = self.settings.maxconn;
        }
        let was_held_down = self.agent.as_ref().is_some_and(|agent| !agent.health().is_up());
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
        let transition = match unled {
            true => transition.or(self.stop_following(now)),
            false => transition,
        };
        let is_free = was_held_down && self.agent.is_none() && self.settings.tracks.is_none();
        match is_free && self.is_let_go() {
            true => transition.or(self.obey(Operation::Running, Reason::Unsaid, now)),
            false => transition,
        }
    }

    /// Without checks a server is believed to work, unless its agent says otherwise.
    pub(super) fn recheck(
        &mut self,
        before: Option<CheckSettings>,
        first_check: Mono,
        now: Mono,
    ) -> Option<Transition> {
        match (before, self.settings.check) {
            (before, after) if before == after => None,
            (_, None) if self.settings.tracks.is_some() => {
                self.check = None;
                None
            }
            (_, None) => {
                self.check = None;
                self.obey(self.unchecked(), Reason::Unsaid, now)
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
}
