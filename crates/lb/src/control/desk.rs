//! Who tells the workers what the process is about, and the log what became of it.

use tandem_ops::clock::Wall;
use tandem_ops::syslog::{Severity, Targets};
use tokio::sync::watch;

use crate::frontends::Frontends;
use crate::keeper::Lines;
use crate::orders::Orders;
use crate::worker::Phase;

pub(super) struct Desk {
    pub(super) phase: watch::Sender<Phase>,
    pub(super) frontends: Frontends,
    pub(super) orders: Orders,
    pub(super) lines: Lines,
}

impl Desk {
    /// The workers accept from now on; a successor has them wait for what its predecessor knows.
    pub(super) fn begin(&self) {
        self.phase
            .send_if_modified(|phase| std::mem::replace(phase, Phase::Running) != Phase::Running);
    }

    pub(super) fn pause(&self) {
        if Phase::pause(&self.phase) {
            self.about_frontends(|name| format!("Paused frontend {name}."));
        }
    }

    pub(super) fn resume(&self) {
        if Phase::resume(&self.phase) {
            self.about_frontends(|name| format!("Resumed frontend {name}."));
        }
    }

    /// `is_succeeded`: another process has our listeners.
    pub(super) fn drain(&self, is_succeeded: bool) {
        let phase = if is_succeeded { Phase::Left } else { Phase::Draining };
        self.phase.send_replace(phase);
        let frontends = self.frontends.all();
        for frontend in &frontends {
            let name = &frontend.plan.name;
            // A `listen` section is both, and stops once.
            let behind = self
                .orders
                .backend(name)
                .map_or(0, |k| k.backend().traffic.sessions.total());
            let text = stopped(name, frontend.traffic.sessions.total(), behind);
            self.say(&frontend.logs, Severity::Warning, &text);
        }
        for keeper in self.orders.backends().iter() {
            let (backend, name) = (keeper.backend(), keeper.backend().name());
            if frontends.iter().all(|f| f.plan.name != name) {
                let text = stopped(&name, 0, backend.traffic.sessions.total());
                self.say(&keeper.logs(), Severity::Warning, &text);
            }
        }
    }

    /// Ends the connections that are left after `hard-stop-after`.
    pub(super) fn end(&self, left: usize) {
        tracing::warn!("hard-stop-after has passed; connections that were left and are closed now: {left}");
        self.phase.send_replace(Phase::Ending);
    }

    fn about_frontends(&self, text: impl Fn(&str) -> String) {
        for frontend in self.frontends.all() {
            self.say(&frontend.logs, Severity::Warning, &text(&frontend.plan.name));
        }
    }

    fn say(&self, logs: &Targets, severity: Severity, text: &str) {
        tracing::info!("{text}");
        self.lines.borrow_mut().send(logs, severity, text, Wall::now());
    }
}

fn stopped(name: &str, frontend: u64, backend: u64) -> String {
    format!("Proxy {name} stopped (cumulated conns: FE: {frontend}, BE: {backend}).")
}
