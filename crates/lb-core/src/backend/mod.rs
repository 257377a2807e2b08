//! One backend as a whole: its servers' health and admin states, and the balancing table that follows from them.
//!
//! A machine of four verbs. Results of checks and an operator's wishes come in; checks to start, a new [`View`] for the
//! workers and lines for the log go out. The workers read the last published [`View`] and nothing else.

mod check;
mod conduct;
mod dynamic;
mod event;
mod places;
mod ramp;
mod reconfigure;
mod report;
mod saved;
mod server;
mod settings;
mod spread;
mod status;
mod track;
mod view;

pub use conduct::{Conduct, InitState, Observe, OnError};
pub use event::{AgentAnswer, CheckLog, Input, NoServerLeft, Online, Output, Reason, StateChange, Transition};
pub use report::{CheckReport, ServerReport};
pub use saved::{Saved, SavedCheck, Tuned};
pub use server::Operation;
pub use settings::{BackendSettings, ProxyKind, ServerSettings};
pub use spread::Spread;
pub use status::Status;
pub use track::{Lead, Tracked};
pub use view::{ServerView, View};

use crate::ServerIdx;
use crate::balance::{Candidate, Policy, Table};
use crate::conn::KillReason;
use crate::health::{AdminChange, CheckResult};
use places::Places;
use server::Server;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tandem_time::{Mono, Seed};

/// The machine of one backend.
#[derive(Debug)]
pub struct Backend {
    name: Arc<str>,
    kind: ProxyKind,
    policy: Policy,
    log_checks: bool,
    spread: Spread,
    /// In the order of the configuration.
    servers: Vec<Server>,
    places: Places,
    jitter: Seed,
    last_change: Mono,
    outputs: VecDeque<Output>,
}

impl Backend {
    /// Publishes the first view; checks begin with the first deadline.
    pub fn new(settings: BackendSettings, mut seed: Seed, now: Mono) -> Backend {
        let BackendSettings {
            name,
            kind,
            policy,
            log_checks,
            spread,
            servers,
        } = settings;
        let mut position = 0;
        let servers: Vec<Server> = servers
            .into_iter()
            .map(|s| {
                let delay = s.first_check(&spread, &mut position, &mut seed);
                Server::new(s, now + delay, now)
            })
            .collect();
        let mut backend = Backend {
            name,
            kind,
            policy,
            log_checks,
            spread,
            places: Places::of(servers.iter().map(Server::place)),
            servers,
            jitter: seed,
            last_change: now,
            outputs: VecDeque::new(),
        };
        backend.publish();
        backend
    }

    /// An input about a server that does not exist does nothing.
    pub fn handle(&mut self, input: Input, now: Mono) {
        match input {
            Input::AgentDone { server, answer } => self.agent_done(server, answer, now),
            Input::Agent { server, enabled } => self.change(server, now, |s| s.set_agent(enabled, now)),
            Input::AgentHealth { server, up } => self.change(server, now, |s| s.heed(up, Reason::Operator, now)),
            Input::Led { server, lead, is_news } => self.follow(server, lead, is_news, now),
            Input::Errors { server } => self.errors(server, now),
            Input::CheckDone { server, result } => self.check_done(server, result, now),
            Input::Admin { server, change } => self.admin(server, change, now),
            Input::Weight { server, weight } => self.change(server, now, |s| s.set_weight(weight)),
            Input::Health { server, to } => self.change(server, now, |s| s.set_health(to, now)),
            Input::Maxconn { server, maxconn } => self.change(server, now, |s| s.set_maxconn(maxconn)),
            Input::ClearCounters { server } => {
                let meant = |known: &&mut Server| server.is_none_or(|server| known.place() == server);
                self.servers.iter_mut().filter(meant).for_each(Server::clear_counters);
            }
            Input::Restore { servers, age } => self.restore(servers, age, now),
            Input::Checks { server, enabled } => self.change(server, now, |s| s.set_checks(enabled, now)),
            Input::Located { server, name } => self.change(server, now, |s| s.find_address(name, now)),
            Input::Lost { server, reason } => self.change(server, now, |s| s.lose_address(reason, now)),
            Input::At { server, at } => self.put(server, at),
            Input::Moved { server } => self.change(server, now, |s| s.moved(now)),
            Input::Add(settings) => self.add(settings, now),
            Input::Remove { server } => self.remove(server),
            Input::Rename { server, name } => self.rename(server, name),
            Input::Settings(settings) => self.reconfigure(*settings, now),
        }
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When the next check must start. Every input may change it.
    pub fn poll_deadline(&self) -> Option<Mono> {
        self.servers.iter().filter_map(Server::due).min()
    }

    pub fn on_deadline(&mut self, now: Mono) {
        self.climb(now);
        for server in &mut self.servers {
            if server.start_check(now) {
                self.outputs.push_back(Output::StartCheck { server: server.place() });
            }
            if server.start_agent(now) {
                self.outputs.push_back(Output::StartAgent { server: server.place() });
            }
        }
    }

    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// How many servers could take a new client.
    pub fn online(&self) -> Online {
        let mut online = Online::default();
        for server in self.servers.iter().filter(|s| s.is_usable()) {
            if server.is_backup() {
                online.backup += 1
            } else {
                online.active += 1
            }
        }
        online
    }

    /// What the next process needs to go on with a server; `None` when there is no such server.
    pub fn saved(&self, server: ServerIdx, now: Mono) -> Option<Saved> {
        self.server(server).map(|s| s.saved(now))
    }

    /// `None` when there is no such server.
    pub fn report(&self, server: ServerIdx, now: Mono) -> Option<ServerReport<'_>> {
        let follows = self.policy.is_dynamic();
        self.server(server).map(|s| s.report(follows, now))
    }

    fn check_done(&mut self, idx: ServerIdx, result: CheckResult, now: Mono) {
        let (log_checks, percent) = (self.log_checks, self.spread.percent);
        let Some(server) = self.places.position(idx).and_then(|at| self.servers.get_mut(at)) else {
            return;
        };
        let told = result.clone();
        let Some(ended) = server.end_check(result) else { return };
        if log_checks && ended.is_news {
            let log = server.check_log(&self.name);
            self.outputs.extend(log.map(Output::CheckLogged));
        }
        if let Some(verdict) = ended.verdict {
            let reason = if log_checks {
                Reason::Unsaid
            } else {
                Reason::Check(told)
            };
            self.change(idx, now, |s| s.obey(verdict, reason, now));
        }
        // The interval follows from the state after the result, so it comes last.
        if let Some(server) = self.places.position(idx).and_then(|at| self.servers.get_mut(at)) {
            server.schedule_next_check(now, percent, &mut self.jitter);
        }
    }

    /// The next step of those who come back slowly.
    fn climb(&mut self, now: Mono) {
        let due: Vec<ServerIdx> = self
            .servers
            .iter()
            .filter(|s| s.climbs_by(now))
            .map(Server::place)
            .collect();
        for server in due {
            self.change(server, now, |s| s.climb(now));
        }
    }

    /// What an agent asks for is done as an operator's word would be; only then comes whether the server serves.
    fn agent_done(&mut self, idx: ServerIdx, answer: AgentAnswer, now: Mono) {
        let (percent, is_dynamic) = (self.spread.percent, self.policy.is_dynamic());
        let AgentAnswer { advice, result } = answer;
        let Some(server) = self.places.position(idx).and_then(|at| self.servers.get_mut(at)) else {
            return;
        };
        let is_heard = server.end_agent(result.clone(), now, percent, &mut self.jitter);
        let weight = advice.weight.map(|percent| server.part_of_weight(percent));
        let weight = weight.filter(|weight| is_dynamic || server.is_fixed_weight(*weight));
        if !is_heard {
            return;
        }
        if let Some(change) = advice.admin {
            self.admin(idx, change, now);
        }
        if let Some(weight) = weight {
            self.change(idx, now, |s| s.set_weight(weight));
        }
        if let Some(maxconn) = advice.maxconn {
            self.change(idx, now, |s| s.set_maxconn(maxconn));
        }
        if let Some(service) = advice.service {
            self.change(idx, now, |s| s.heed(service.is_up, Reason::Check(result), now));
        }
    }

    /// Clients have met so many errors that it counts.
    fn errors(&mut self, idx: ServerIdx, now: Mono) {
        let log_checks = self.log_checks;
        let Some((ended, result)) = self.server_mut(idx).and_then(|server| server.suffer(now)) else {
            return;
        };
        if log_checks && ended.is_news {
            let log = self.server(idx).and_then(|server| server.check_log(&self.name));
            self.outputs.extend(log.map(Output::CheckLogged));
        }
        if let Some(verdict) = ended.verdict {
            let reason = if log_checks {
                Reason::Unsaid
            } else {
                Reason::Check(result)
            };
            self.change(idx, now, |s| s.obey(verdict, reason, now));
        }
    }

    /// Nothing has happened, so there is nothing to log.
    fn restore(&mut self, servers: Vec<(ServerIdx, Saved)>, age: Duration, now: Mono) {
        for (idx, saved) in servers {
            if let Some(server) = self.server_mut(idx) {
                server.restore(saved, now);
            }
        }
        self.last_change = now.before(age);
        self.publish();
    }

    fn admin(&mut self, idx: ServerIdx, change: AdminChange, now: Mono) {
        match change {
            AdminChange::Ready => {
                self.change(idx, now, |s| s.leave_maint(now));
                self.change(idx, now, |s| s.leave_drain(now));
            }
            AdminChange::Drain => {
                self.change(idx, now, |s| s.enter_drain(now));
                self.change(idx, now, |s| s.leave_maint(now));
            }
            AdminChange::Maint => {
                self.change(idx, now, |s| s.enter_maint(now));
                self.change(idx, now, |s| s.leave_drain(now));
            }
            AdminChange::BeginDrain => self.change(idx, now, |s| s.enter_drain(now)),
            AdminChange::EndDrain => self.change(idx, now, |s| s.leave_drain(now)),
            AdminChange::BeginMaint => self.change(idx, now, |s| s.enter_maint(now)),
            AdminChange::EndMaint => self.change(idx, now, |s| s.leave_maint(now)),
        }
    }

    /// Only whom its address places among hashes is placed anew.
    fn put(&mut self, idx: ServerIdx, at: Option<SocketAddr>) {
        let Some(server) = self.server_mut(idx) else { return };
        let before = server.candidate(true).key;
        server.set_place(at);
        if server.candidate(true).key != before {
            self.publish();
        }
    }

    /// Does one thing to one server and tells everyone what follows from it, the workers first.
    fn change(&mut self, idx: ServerIdx, now: Mono, act: impl FnOnce(&mut Server) -> Option<Transition>) {
        let before = self.online();
        let Some(server) = self.server_mut(idx) else {
            return;
        };
        let seen = server.view(true);
        let transition = act(server);
        let is_seen = seen != server.view(true);
        let online = self.online();
        if before.is_none() != online.is_none() {
            self.last_change = now;
        }
        if is_seen {
            self.publish();
        }
        if let Some(transition) = transition {
            let ended = self.whose_sessions_end(idx, &transition);
            self.announce(idx, transition, online);
            self.outputs.extend(ended);
        }
        if online.is_none() && !before.is_none() {
            let (proxy, kind) = (Arc::clone(&self.name), self.kind);
            self.outputs
                .push_back(Output::NoServerLeft(NoServerLeft { proxy, kind }));
        }
    }

    /// Whom a change of one server sends away.
    pub(super) fn whose_sessions_end(&self, idx: ServerIdx, transition: &Transition) -> Vec<Output> {
        let Some(server) = self.server(idx) else {
            return Vec::new();
        };
        match transition {
            Transition::Down { .. } | Transition::EntersMaint { .. } | Transition::InheritsMaint { .. }
                if server.conduct().ends_sessions =>
            {
                vec![Output::EndSessions {
                    server: idx,
                    reason: KillReason::ServerDown,
                }]
            }
            Transition::Up { .. } | Transition::LeavesMaint { .. } | Transition::DisinheritsMaint { .. }
                if server.conduct().ends_backup_sessions && !server.is_backup() && server.is_usable() =>
            {
                let backups = self.servers.iter().filter(|s| s.is_backup());
                let end = |backup: &Server| Output::EndSessions {
                    server: backup.place(),
                    reason: KillReason::ActiveUp,
                };
                backups.map(end).collect()
            }
            _ => Vec::new(),
        }
    }

    fn announce(&mut self, place: ServerIdx, transition: Transition, online: Online) {
        let Some(server) = self.server(place) else {
            return;
        };
        let remains = transition.may_remain_draining().then(|| server.remaining_drain());
        let change = StateChange {
            proxy: Arc::clone(&self.name),
            server: server.name(),
            place,
            is_backup: server.is_backup(),
            transition,
            online,
        };
        let again = remains.flatten().map(|transition| StateChange {
            transition,
            ..change.clone()
        });
        self.outputs
            .extend([Some(change), again].into_iter().flatten().map(Output::Changed));
    }

    fn server(&self, idx: ServerIdx) -> Option<&Server> {
        self.servers.get(self.places.position(idx)?)
    }

    fn server_mut(&mut self, idx: ServerIdx) -> Option<&mut Server> {
        self.servers.get_mut(self.places.position(idx)?)
    }

    fn publish(&mut self) {
        let follows = self.policy.is_dynamic();
        let candidates: Vec<Candidate> = self.servers.iter().map(|s| s.candidate(follows)).collect();
        let view = View {
            table: Table::build(&self.policy, &candidates),
            servers: self.servers.iter().map(|s| s.view(follows)).collect(),
            places: self.places.clone(),
            online: self.online(),
            last_change: self.last_change,
        };
        self.outputs.push_back(Output::Publish(Arc::new(view)));
    }
}

#[cfg(test)]
mod tests;
