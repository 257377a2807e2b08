//! Keeps one backend's machine: feeds it, carries out what it asks for, and lets others look at it.
//!
//! The machine is never locked across an await, and everything here runs on the control runtime's thread. So an order
//! has been carried out, and its view published, when [`Keeper::tell`] returns.

mod arrival;
mod renewal;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use socket2::SockAddr;
use tandem_lb_core::ServerIdx;
use tandem_lb_core::backend::{self as core, CheckLog, Input, Lead, NoServerLeft, Output, Saved, ServerReport, View};
use tandem_lb_core::health::{CheckResult, CheckStatus, Outcome};
use tandem_lb_core::log::state::{self, Sessions};
use tandem_lb_core::snapshot::{Made, Roster};
use tandem_lb_core::stats::Outage;
use tandem_ops::clock::{Clock, Wall};
use tandem_ops::syslog::{Sender, Severity, Targets};
use tandem_time::Mono;
use tokio::sync::Notify;

use crate::address::{Recheck, ServerAddress};
use crate::directory::Directory;
use crate::external;
use crate::live::Live;
use crate::probe::{self, Around, Asked, Patience, Secure};
use crate::publish::Backend;
use crate::servers::Server;
use crate::stats::{Happening, Timeline};
use crate::tracking::Followed;
pub(crate) use renewal::Renewal;

/// The control runtime's way to the log.
pub(crate) type Lines = Rc<RefCell<Sender>>;

/// Results of checks, each with its server.
type Held = Vec<(Input, Arc<Server>)>;

/// A backend, the machine that decides about it, and where its servers are checked.
pub(crate) struct Watched {
    pub(crate) backend: Arc<Backend>,
    pub(crate) machine: core::Backend,
    pub(crate) checks: Vec<Option<SockAddr>>,
    /// Whom operators have added and removed.
    pub(crate) roster: Roster,
    /// An operator has made it.
    pub(crate) made: Option<Made>,
    pub(crate) logs: Targets,
}

pub(crate) struct Keeper {
    backend: Arc<Backend>,
    machine: RefCell<core::Backend>,
    /// By the place of the server.
    checks: RefCell<Vec<Option<SockAddr>>>,
    roster: RefCell<Roster>,
    made: RefCell<Option<Made>>,
    logs: RefCell<Targets>,
    lines: Lines,
    live: Arc<Live>,
    timeline: Rc<Timeline>,
    directory: Arc<Directory>,
    outage: Cell<Outage>,
    /// Who waited for a server when the last view came: it calls all of them.
    waited: RefCell<BTreeMap<Option<ServerIdx>, usize>>,
    /// Results of checks that a successor would not hear of, while one is told how the servers are.
    held: RefCell<Option<Held>>,
    pub(crate) followed: Followed,
    clock: Clock,
    /// The next deadline may have changed.
    told: Notify,
    /// The backend is not configured any more.
    is_retired: Cell<bool>,
}

impl Keeper {
    pub(crate) fn new(
        watched: Watched,
        clock: Clock,
        lines: Lines,
        live: Arc<Live>,
        timeline: Rc<Timeline>,
        directory: Arc<Directory>,
    ) -> Rc<Keeper> {
        let Watched {
            backend,
            machine,
            checks,
            roster,
            made,
            logs,
        } = watched;
        // Whoever was added in the process before this one is there already.
        backend
            .now()
            .servers
            .all()
            .for_each(|server| directory.meet(&server.plan()));
        Rc::new(Keeper {
            backend,
            machine: RefCell::new(machine),
            checks: RefCell::new(checks),
            roster: RefCell::new(roster),
            made: RefCell::new(made),
            logs: RefCell::new(logs),
            lines,
            live,
            timeline,
            directory,
            outage: Cell::default(),
            waited: RefCell::default(),
            held: RefCell::default(),
            followed: Followed::default(),
            clock,
            told: Notify::new(),
            is_retired: Cell::new(false),
        })
    }

    /// Keeps the machine's time.
    pub(crate) async fn run(self: Rc<Keeper>) {
        self.carry_out();
        while !self.is_retired.get() {
            let due = self.machine.borrow().poll_deadline().unwrap_or(Mono::FAR);
            tokio::select! {
                () = self.told.notified() => {}
                () = self.backend.alarm.notified() => self.hear_alarms(),
                () = tokio::time::sleep_until(self.clock.instant(due).into()) => {
                    self.machine.borrow_mut().on_deadline(self.clock.now());
                    self.carry_out();
                }
            }
        }
    }

    /// Workers have met errors at some of the servers.
    fn hear_alarms(self: &Rc<Keeper>) {
        let servers: Vec<_> = self.backend.now().servers.all().cloned().collect();
        for server in servers {
            for _ in 0..server.take_alarms() {
                self.tell(Input::Errors { server: server.place });
            }
        }
    }

    /// Gives the machine an input; everything that follows from it has happened on return.
    pub(crate) fn tell(self: &Rc<Keeper>, input: Input) {
        self.machine.borrow_mut().handle(input, self.clock.now());
        self.carry_out();
        self.told.notify_one();
    }

    pub(crate) fn backend(&self) -> &Arc<Backend> {
        &self.backend
    }

    /// How a server is, for those who follow it.
    pub(crate) fn lead(&self, server: ServerIdx) -> Option<Lead> {
        self.machine.borrow().lead(server)
    }

    pub(crate) fn logs(&self) -> Targets {
        self.logs.borrow().clone()
    }

    /// What the machine reports of a server now; `None` when there is no such server.
    pub(crate) fn report<T>(&self, server: ServerIdx, read: impl FnOnce(ServerReport<'_>) -> T) -> Option<T> {
        self.machine.borrow().report(server, self.clock.now()).map(read)
    }

    /// What the next process needs to go on with a server.
    pub(crate) fn saved(&self, server: ServerIdx) -> Option<Saved> {
        self.machine.borrow().saved(server, self.clock.now())
    }

    /// The outages of an earlier process count too.
    pub(crate) fn resume(&self, count: u64, total: Duration) {
        let is_out = self
            .backend
            .now()
            .view
            .as_ref()
            .is_some_and(|view| view.online.is_none());
        self.outage.set(Outage::resumed(count, total, is_out, self.clock.now()));
    }

    /// When no server was left.
    pub(crate) fn outage(&self) -> Outage {
        self.outage.get()
    }

    /// The look-up of its name gave another address; in HAProxy's words.
    pub(crate) fn moved(&self, server: ServerIdx, (from, to): (IpAddr, IpAddr), said: &str) {
        let Some(live) = self.backend.server(server) else {
            return;
        };
        let (backend, name) = (self.backend.name(), live.name());
        let text = format!(
            "{backend}/{name} changed its IP from {} to {to} by {said}.",
            if from.is_unspecified() {
                "(none)".to_owned()
            } else {
                from.to_string()
            }
        );
        self.write(state::Severity::Notice, text);
    }

    /// From now on the server is there: new connections go there, and its checks, unless they have an address of their own.
    pub(crate) fn relocate(self: &Rc<Keeper>, server: ServerIdx, to: ServerAddress) {
        let Some(live) = self.backend.server(server) else {
            return;
        };
        let plan = live.plan();
        self.follow_checks(&live, &to);
        if **live.address.load() != to {
            if !to.is_nowhere() {
                tracing::warn!("{}/{} moves to {to}", self.backend.name(), plan.name);
            }
            let at = to.known();
            live.relocate(to);
            self.tell(Input::At { server, at });
        }
    }

    pub(crate) fn check_place(&self, server: ServerIdx) -> Option<SockAddr> {
        self.checks.borrow().get(server.place()).cloned().flatten()
    }

    /// As an operator wants it; what is not there stays.
    pub(crate) fn check_at(&self, server: ServerIdx, wanted: Recheck) {
        let Some(live) = self.backend.server(server) else {
            return;
        };
        let said = live.rechecked().unwrap_or_default();
        live.check_at(Recheck {
            ip: wanted.ip.or(said.ip),
            port: wanted.port.or(said.port),
        });
        self.follow_checks(&live, &live.address.load());
    }

    /// Has it checked where that is by now.
    fn follow_checks(&self, server: &Server, at: &ServerAddress) {
        let said = server.rechecked().unwrap_or_default();
        if let Some(place) = self.checks.borrow_mut().get_mut(server.place.place())
            && let Some(before) = place.as_ref().and_then(SockAddr::as_socket)
        {
            *place = Some(said.place(&server.plan(), at, before).into());
        }
    }

    fn carry_out(self: &Rc<Keeper>) {
        loop {
            let output = self.machine.borrow_mut().poll_output();
            match output {
                None => break,
                Some(Output::StartCheck { server }) => self.start_check(server),
                Some(Output::StartAgent { server }) => self.start_agent(server),
                Some(Output::EndSessions { server, reason }) => self.live.end_at(&self.backend, server, reason),
                Some(Output::Publish(view)) => {
                    self.note(&view);
                    self.backend.publish(view);
                }
                Some(other) => self.say(&other),
            }
        }
        let news = self.followed.news(|server| self.lead(server));
        news.into_iter().for_each(|(keeper, input)| keeper.tell(input));
    }

    /// What is remembered of a view that is about to be published.
    fn note(&self, view: &View) {
        self.waited.replace(self.backend.queue.standing());
        let mut outage = self.outage.get();
        outage.note(view.online.is_none(), self.clock.now());
        self.outage.set(outage);
    }

    fn start_check(self: &Rc<Keeper>, server: ServerIdx) {
        let to = self.checks.borrow().get(server.place()).and_then(Option::clone);
        let (Some(to), Some(live)) = (to, self.backend.server(server)) else {
            return;
        };
        let Some(check) = live.plan().check.clone() else {
            return;
        };
        let patience = Patience {
            connect: check.settings.connect_timeout,
            answer: check.answer_timeout,
        };
        let keeper = self.clone();
        if let Some(external) = check.external.clone() {
            // All the time that it has, for it says nothing in between.
            let limit = check.answer_timeout.unwrap_or(check.settings.inter);
            tokio::task::spawn_local(async move {
                let plan = keeper.backend.now().plan.clone();
                let result = external::check(&external, &plan, &live, limit, keeper.clock).await;
                if result.status.outcome() == Outcome::Passed {
                    live.did_well();
                }
                keeper.checked(Input::CheckDone { server, result }, live);
            });
            return;
        }
        let wanted = check.tls.as_ref().map(|tls| &tls.origination);
        let origin = wanted.and_then(|tls| self.directory.tls.check(&self.backend.name(), &live.name(), tls));
        if wanted.is_some() && origin.is_none() {
            // In the clear it would pass for a server that no client reaches.
            let result = CheckResult::new(CheckStatus::SocketError, Duration::ZERO);
            let result = result.with_info("there is no TLS for this server");
            return self.checked(Input::CheckDone { server, result }, live);
        }
        tokio::task::spawn_local(async move {
            let state = || keeper.thought_of(&live);
            let around = Around {
                of: Some((&keeper.directory, &keeper.backend, &live)),
                state: Some(&state),
            };
            let asked = Asked {
                around: &around,
                server: &live,
                to: &to,
                script: check.script.as_deref(),
                header: check.send_proxy,
                tls: origin.as_deref().map(|origin| Secure {
                    vault: &keeper.directory.tls,
                    origin,
                    name: check.tls.as_ref().and_then(|tls| tls.sni.as_deref()),
                    alpn: None,
                    is_usual: check.tls.as_ref().is_some_and(|tls| tls.is_usual),
                }),
            };
            let result = probe::check(asked, patience, keeper.clock).await;
            if result.status.outcome() == Outcome::Passed {
                live.did_well();
            }
            keeper.checked(Input::CheckDone { server, result }, live);
        });
    }

    /// What its check may tell the server of itself, in HAProxy's words.
    fn thought_of(&self, live: &Server) -> Option<String> {
        let (status, weight) = self.report(live.place, |report| (report.status.to_string(), report.view.weight))?;
        let snapshot = self.backend.now();
        let servers = &snapshot.view.as_ref()?.servers;
        let sum = |backups: bool| -> u32 {
            let usable = servers
                .iter()
                .filter(|server| server.takes_new() && server.is_backup == backups);
            usable.map(|server| u32::from(server.weight)).sum()
        };
        let total = Some(sum(false)).filter(|total| *total > 0).unwrap_or_else(|| sum(true));
        let at = live.address.load().for_client_of(|| 0).as_socket();
        let (address, port) = at.map_or_else(|| ("unix".to_owned(), 0), |at| (at.ip().to_string(), at.port()));
        let (waiting, _) = self.backend.queue.waiting(Some(live.place));
        let (sessions, all) = (live.traffic.sessions.now(), self.backend.traffic.sessions.now());
        let all = (all as usize).saturating_sub(waiting);
        Some(format!(
            "{status}; address={address}; port={port}; name={}/{}; node={}; weight={weight}/{total}; \
             scur={sessions}/{all}; qcur={waiting}",
            self.backend.name(),
            live.name(),
            self.directory.node()
        ))
    }

    fn start_agent(self: &Rc<Keeper>, server: ServerIdx) {
        let Some(live) = self.backend.server(server) else {
            return;
        };
        let Some((place, configured)) = live.agent.load_full().zip(live.plan().agent.clone()) else {
            return;
        };
        let own = live.address.load().for_client_of(|| 0).as_socket().map(|at| at.ip());
        let keeper = self.clone();
        tokio::task::spawn_local(async move {
            let to = place.ip.or(own).map(|ip| SocketAddr::new(ip, place.port));
            let limit = configured.settings.connect_timeout;
            let answer = probe::agent(&live, to, place.send.as_deref(), limit, keeper.clock).await;
            keeper.checked(Input::AgentDone { server, answer }, live);
        });
    }

    /// As long as somebody has the server, its place cannot become another's, and the result that of another's check.
    fn checked(self: &Rc<Keeper>, result: Input, server: Arc<Server>) {
        if let Some(held) = &mut *self.held.borrow_mut() {
            return held.push((result, server));
        }
        self.tell(result);
    }

    /// From now on no check counts, until it is known in which process they do.
    pub(crate) fn hold_checks(&self) {
        self.held.borrow_mut().get_or_insert_default();
    }

    /// Checks count here, those that were held first.
    pub(crate) fn release_checks(self: &Rc<Keeper>) {
        let held = self.held.take();
        held.into_iter()
            .flatten()
            .for_each(|(result, _server)| self.tell(result));
    }

    /// What a change of state meant for those who are at the server, and for those who waited.
    fn sessions(&self, place: ServerIdx) -> Sessions {
        let now = self.backend.now();
        let view = now.view.as_ref().and_then(|view| view.server(place));
        let waited = self.waited.borrow();
        let waited_for = |line| waited.get(&line).copied().unwrap_or(0);
        let requeued = match view {
            // Whoever waited for any server may come, as many as it takes.
            Some(view) if view.takes_new() => waited_for(None).min(match view.room() {
                0 => usize::MAX,
                most => most as usize,
            }),
            // Whoever waited for this one goes elsewhere.
            _ => waited_for(Some(place)),
        };
        Sessions {
            active: now.servers.at(place).map_or(0, |s| s.traffic.sessions.now()),
            requeued: u32::try_from(requeued).unwrap_or(u32::MAX),
            queued: 0,
        }
    }

    fn say(&self, output: &Output) {
        let (severity, text) = match output {
            Output::Changed(change) => {
                let sessions = self.sessions(change.place);
                (change.severity(), change.text(sessions).to_string())
            }
            Output::CheckLogged(check) => (CheckLog::SEVERITY, check.to_string()),
            Output::NoServerLeft(left) => (NoServerLeft::SEVERITY, left.to_string()),
            Output::StartCheck { .. } | Output::Publish(_) | Output::EndSessions { .. } | Output::StartAgent { .. } => {
                return;
            }
        };
        self.write(severity, text);
    }

    /// For the page and the log.
    fn write(&self, severity: state::Severity, text: String) {
        self.timeline.note(Happening {
            at: Wall::now(),
            proxy: self.backend.name(),
            severity,
            text: text.clone(),
        });
        let severity = match severity {
            state::Severity::Emergency => Severity::Emerg,
            state::Severity::Alert => Severity::Alert,
            state::Severity::Notice => Severity::Notice,
        };
        tracing::info!("{text}");
        self.lines
            .borrow_mut()
            .send(&self.logs(), severity, text.as_str(), Wall::now());
    }
}

#[cfg(test)]
pub(crate) mod tests;
