//! Going on where an earlier process ended.
//!
//! States, places and stick entries come before the first connection. Counters follow when there is somebody to count.

use std::sync::Arc;
use std::time::Duration;

use socket2::SockAddr;
use tandem_lb_config::{self as plan, Host, ServerPort};
use tandem_lb_core::ServerId;
use tandem_lb_core::acl::Library;
use tandem_lb_core::backend::{Input, Output};
use tandem_lb_core::expr::{Scope, Variable};
use tandem_lb_core::snapshot::{BackendState, Counters, Elsewhere, Moved, OtherAgent, ServerState, Told};
use tandem_lb_core::stats::histogram::Distributions;
use tandem_lb_core::stick::{DataType, Dumped, Key, Raw, Value, key_for};
use tandem_time::Mono;

use super::Past;
use crate::address::{Recheck, ServerAddress, asked, checked, fixed_check, named};
use crate::admission::Limit;
use crate::directory::Directory;
use crate::frontend::Gate;
use crate::frontends::Frontends;
use crate::keeper::Watched;
use crate::listeners::place_of;
use crate::newcomer;
use crate::publish::Snapshot as Present;
use crate::servers::{AgentPlace, Server};
use crate::tables::{Table, Tables};

/// Entries that are added to a table before others get their turn.
const PIECE: usize = 512;

impl Past {
    /// What operators have said of frontends and of the process. To be called before the workers start.
    pub(crate) fn restore_orders(&self, frontends: &Frontends, process: &Limit, directory: &Directory) {
        for frontend in frontends.all() {
            let Some(state) = self.own.frontend(&frontend.plan.name) else {
                continue;
            };
            frontend.limit.follow(state.orders.maxconn);
            if state.orders.is_paused {
                frontend.gate.send_if_modified(|gate| {
                    let is_open = *gate == Gate::Open;
                    if is_open {
                        *gate = Gate::Paused;
                    }
                    is_open
                });
            }
        }
        let said = &self.own.process;
        process.follow(said.maxconn);
        process.paces().connections.most.follow(said.connection_rate);
        process.paces().sessions.most.follow(said.session_rate);
        process.paces().tls.most.follow(said.tls_rate);
        for (name, value) in &said.variables {
            let variable = Variable {
                scope: Scope::Process,
                name: (&**name).into(),
            };
            directory.set_variable(&variable, Some(value.clone()));
        }
    }

    /// To be called before the workers start.
    pub(crate) fn restore(&self, backends: &mut [Watched], tables: &Tables, now: Mono) {
        for watched in &mut *backends {
            self.restore_backend(watched, now);
        }
        for (table, entries) in self.entries(tables, |name| {
            let of = backends.iter().find(|watched| *watched.backend.name() == *name);
            of.map(|watched| watched.backend.now().clone())
        }) {
            table.lock().restore(entries, now);
            self.tell_again(&table, now);
        }
    }

    /// Peers hear from us what they have not confirmed to the process before.
    fn tell_again(&self, table: &Table, now: Mono) {
        let Some(state) = self.own.table(table.name()) else {
            return;
        };
        let kind = table.settings().key;
        let untold = state.entries.iter().filter(|entry| state.untold.contains(&entry.key));
        let mut table = table.lock();
        for key in untold.filter_map(|entry| key_for(kind, entry.key.sample())) {
            table.tell_again(&key, now);
        }
    }

    /// Lists of patterns as operators have left them, where the files say what they said then.
    pub(crate) fn restore_lists(&self, library: &Library) {
        for state in &self.own.lists {
            let found = library.shelved.iter().find(|shelved| state.is_of(shelved));
            let is_taken = found.is_some_and(|shelved| library.resume(shelved, state.content.clone()));
            if !is_taken {
                let name = state.file.clone().unwrap_or_else(|| format!("#{}", state.id).into());
                tracing::info!("list {name}: the files say something else now: what was changed in it is gone");
            }
        }
    }

    /// What was counted in tables here while another process counted there.
    pub(crate) async fn add_counted(&self, directory: &Directory, now: Mono) {
        let backend = |name: &str| directory.backend(name).map(|backend| backend.now().clone());
        for (table, entries) in self.entries(&directory.tables, backend) {
            for piece in entries.chunks(PIECE) {
                table.lock().add_counted(piece, now);
                tokio::task::yield_now().await;
            }
        }
    }

    /// Tables by name, with their entries by today's numbers. Numbers of servers may have changed; names say who is meant.
    fn entries(
        &self,
        tables: &Tables,
        backend: impl Fn(&str) -> Option<Arc<Present>>,
    ) -> impl Iterator<Item = (Arc<Table>, Vec<Dumped>)> {
        let of = move |table: Arc<Table>| {
            let state = self.own.table(table.name())?;
            let (kind, backend) = (table.settings().key, backend(table.name()));
            let known = self.own.backend(table.name());
            let today = |entry: &Dumped| {
                let mut entry = entry.clone();
                let is_there = backend
                    .as_ref()
                    .is_none_or(|backend| renumber(&mut entry, known, backend));
                let key = key_for(kind, entry.key.sample()).map(Key::into_owned);
                key.filter(|_| is_there).map(|key| Dumped { key, ..entry })
            };
            let entries = state.entries.iter().filter_map(today).collect();
            Some((table, entries))
        };
        tables.all().into_iter().filter_map(of)
    }

    fn restore_backend(&self, watched: &mut Watched, now: Mono) {
        let name = watched.backend.name();
        let (own, theirs) = (self.own.backend(&name), self.servers.backend(&name));
        own.into_iter().for_each(|own| follow_roster(watched, own, now));
        watched.backend.set_published(own.is_none_or(|own| !own.is_unpublished));
        let present = watched.backend.now().clone();
        let mut servers = Vec::new();
        for server in present.servers.all() {
            let plan = server.plan();
            let ours = own.and_then(|b| b.server(&plan.name)).filter(|s| s.health.is_some());
            let Some(state) = ours.or_else(|| theirs?.server(&plan.name)) else {
                continue;
            };
            if let Some(moved) = &state.moved {
                relocate(watched, server, moved);
            }
            if let Some(told) = &state.told {
                obey(server, told);
            }
            if let Some(moved) = &state.check_moved {
                recheck(watched, server, moved);
            }
            if let Some(moved) = &state.agent_moved {
                ask_elsewhere(server, moved);
            }
            servers.extend(state.health.clone().map(|saved| (server.place, saved)));
        }
        if !servers.is_empty() {
            let age = own.map(|b| b.age).unwrap_or_default();
            watched.machine.handle(Input::Restore { servers, age }, now);
            publish(watched);
        }
    }

    /// What a frontend counted before.
    pub(crate) fn of_frontend(&self, plan: &plan::Frontend) -> Counters {
        let own = self.own.frontend(&plan.name).map(|f| &f.counters);
        let theirs = || plan.guid.as_deref().and_then(|guid| self.stats.frontend(guid));
        chosen(own, theirs)
    }

    /// What one of its listeners counted.
    pub(crate) fn of_listener(&self, frontend: &plan::Frontend, bind: &plan::Bind) -> Counters {
        let own = self
            .own
            .frontend(&frontend.name)
            .and_then(|f| f.listener(&place_of(bind)));
        let guid = bind.guid_prefix.as_ref().map(|prefix| format!("{prefix}-0"));
        chosen(own, || self.stats.frontend(&guid?))
    }

    /// What is known of a server.
    pub(crate) fn server(&self, backend: &plan::Backend, server: &plan::Server) -> Option<&ServerState> {
        self.own.backend(&backend.name)?.server(&server.name)
    }

    /// How a server's sessions were spread.
    pub(crate) fn spread_of(&self, backend: &plan::Backend, server: &plan::Server) -> Option<&Distributions> {
        self.server(backend, server)?.spread.as_deref()
    }

    pub(crate) fn last_session_of_backend(&self, backend: &plan::Backend) -> Option<Duration> {
        self.own.backend(&backend.name)?.last_session
    }

    pub(crate) fn of_backend(&self, plan: &plan::Backend) -> Counters {
        let own = self.own.backend(&plan.name).map(|b| &b.counters);
        let theirs = || plan.guid.as_deref().and_then(|guid| self.stats.backend(guid));
        chosen(own, theirs)
    }

    pub(crate) fn of_server(&self, backend: &plan::Backend, server: &plan::Server) -> Counters {
        let own = self.server(backend, server);
        let theirs = || server.guid.as_deref().and_then(|guid| self.stats.backend(guid));
        chosen(own.map(|s| &s.counters), theirs)
    }
}

/// Our own file is the later word.
fn chosen<'a>(own: Option<&'a Counters>, theirs: impl FnOnce() -> Option<&'a Counters>) -> Counters {
    let own = own.filter(|counters| !counters.is_empty());
    own.or_else(theirs).cloned().unwrap_or_default()
}

/// The workers are to see what was restored from the first connection on.
fn publish(watched: &mut Watched) {
    while let Some(output) = watched.machine.poll_output() {
        if let Output::Publish(view) = output {
            watched.backend.publish(view);
        }
    }
}

/// An operator's word counts as long as the configuration names the place that it named then. HAProxy's file only knows
/// where a name led to, and a port.
fn relocate(watched: &mut Watched, server: &Server, moved: &Moved) {
    let plan = server.plan();
    let is_theirs = matches!(&plan.host, Host::Name(name) if *name.bare() == *moved.from) || moved.from.is_empty();
    let ServerAddress::Ip { ip, port } = **server.address.load() else {
        return;
    };
    let ip = match &plan.host {
        Host::Ip(_) if is_theirs => ip,
        _ if is_theirs || *moved.from == *named(&plan) => moved.ip,
        _ => return,
    };
    let to = ServerAddress::Ip {
        ip,
        port: moved.port.map_or(port, |port| kept_kind(plan.port, port)),
    };
    if let (Some(check), Some(place)) = (fixed_check(&plan, &to), watched.checks.get_mut(server.place.place())) {
        *place = Some(check);
    }
    server.relocate(to);
}

/// As [`relocate`], of how it is found and spoken to.
fn obey(server: &Server, told: &Told) {
    let plan = server.plan();
    if *told.from != *named(&plan) {
        return;
    }
    if let Some(fqdn) = told.fqdn.as_deref().filter(|_| plan.resolve.is_some()) {
        server.rename(fqdn);
    }
    if told.is_plain {
        server.speak_tls(false);
    }
}

/// As [`relocate`], of its checks.
fn recheck(watched: &mut Watched, server: &Server, moved: &Elsewhere) {
    let plan = server.plan();
    if !moved.from.is_empty() && *moved.from != *checked(&plan) {
        return;
    }
    let place = watched.checks.get_mut(server.place.place());
    if let Some(place) = place
        && let Some(before) = place.as_ref().and_then(SockAddr::as_socket)
    {
        let said = Recheck {
            ip: moved.ip,
            port: moved.port,
        };
        *place = Some(said.place(&plan, &server.address.load(), before).into());
        server.check_at(said);
    }
}

/// As [`relocate`], of its agent.
fn ask_elsewhere(server: &Server, moved: &OtherAgent) {
    let plan = server.plan();
    let OtherAgent { at, send } = moved;
    if !at.from.is_empty() && *at.from != *asked(&plan) {
        return;
    }
    if let Some(configured) = AgentPlace::of(&plan) {
        server.agent.store(Some(Arc::new(AgentPlace {
            ip: at.ip.or(configured.ip),
            port: at.port.unwrap_or(configured.port),
            send: send.clone().or_else(|| configured.send.clone()),
        })));
    }
}

/// A port that follows the client's stays one.
fn kept_kind(configured: ServerPort, port: u16) -> ServerPort {
    match configured {
        ServerPort::Fixed(_) => ServerPort::Fixed(port),
        ServerPort::Offset(by) => ServerPort::Offset(by),
    }
}

/// Servers that operators have added and removed elsewhere, where the files say what they said then.
fn follow_roster(watched: &mut Watched, state: &BackendState, now: Mono) {
    let (name, roster) = (watched.backend.name(), &state.roster);
    if roster.is_empty() {
        return;
    }
    if roster.origin != watched.roster.origin {
        return tracing::info!(
            "backend {name}: the files name other servers now: who was added and removed is forgotten"
        );
    }
    roster.removed.iter().for_each(|server| watched.remove(server, now));
    watched.rename(&roster.renamed, now);
    for (server, words) in &roster.added {
        let present = watched.backend.now().clone();
        let added = newcomer::read(&present, server, words).and_then(|mut plan| {
            let before = state.server(server).map(|state| state.id);
            let is_free = |id: &ServerId| present.servers.all().all(|other| other.plan().id != *id);
            plan.id = before.filter(is_free).unwrap_or(plan.id);
            watched.add(plan, words, now).map_err(|why| why.to_string())
        });
        if let Err(why) = added {
            tracing::warn!("{name}/{server}: it was added to the process before this one, and cannot be here: {why}");
        }
    }
}

/// False when the server that it names is there no more.
fn renumber(entry: &mut Dumped, state: Option<&BackendState>, backend: &Present) -> bool {
    let Some(before) = entry.value(DataType::ServerId).map(Value::number).filter(|id| *id > 0) else {
        return true;
    };
    let named = entry.value(DataType::ServerKey).and_then(|value| match &value.raw {
        Raw::Name(name) => name.clone(),
        _ => None,
    });
    let by_number = || {
        let servers = &state?.servers;
        servers
            .iter()
            .find(|s| u64::from(s.id.0) == before)
            .map(|s| s.name.clone())
    };
    let Some(name) = named.or_else(by_number) else {
        return true;
    };
    let today = backend.plan.servers.iter().find(|server| server.name == name);
    let Some(today) = today else { return false };
    for value in &mut entry.values {
        match value.data {
            DataType::ServerId => value.raw = Raw::Word(today.id.0),
            DataType::ServerKey => value.raw = Raw::Name(Some(name.clone())),
            _ => {}
        }
    }
    true
}
