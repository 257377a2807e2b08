//! How a server looks from outside: to the balancing, on the page, in the log.

use super::{Server, WEIGHT_UNIT};
use crate::backend::check::Check;
use crate::backend::view::room;
use crate::backend::{CheckLog, CheckReport, Lead, Operation, ServerReport, ServerSettings, ServerView, Status};
use crate::balance::Candidate;
use crate::health::Admin;
use std::sync::Arc;
use std::time::Duration;
use tandem_time::Mono;

impl Server {
    pub(in crate::backend) fn candidate(&self, follows: bool) -> Candidate {
        Candidate {
            place: self.place(),
            id: self.settings.id,
            key: self.hash_key(),
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

    fn hash_key(&self) -> u32 {
        let ServerSettings { id, at, guid, .. } = &self.settings;
        self.settings.hash_key.of(*id, *at, guid.as_deref())
    }

    pub(in crate::backend) fn view(&self, follows: bool) -> ServerView {
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

    pub(in crate::backend) fn report(&self, follows: bool, now: Mono) -> ServerReport<'_> {
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

    pub(super) fn status(&self) -> Status {
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

    pub(in crate::backend) fn check_log(&self, proxy: &Arc<str>) -> Option<CheckLog> {
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
