//! Going on where an earlier process ended.
//!
//! States, places and stick entries come before the first connection. Counters follow when there is somebody to count.

use std::net::SocketAddr;

use tandem_lb_config::{self as plan, Host, ServerPort};
use tandem_lb_core::backend::{Input, Output};
use tandem_lb_core::expr::{Scope, Variable};
use tandem_lb_core::snapshot::{BackendState, Counters, Moved, Snapshot};
use tandem_lb_core::stats::histogram::Distributions;
use tandem_lb_core::stick::{DataType, Dumped, Key, Raw, Value, key_for};
use tandem_time::Mono;

use super::Past;
use crate::address::{ServerAddress, checked, fixed_check, named};
use crate::admission::Limit;
use crate::directory::Directory;
use crate::frontend::Gate;
use crate::frontends::Frontends;
use crate::keeper::Watched;
use crate::listeners::place_of;
use crate::publish::Snapshot as Present;
use crate::servers::Server;
use crate::tables::Tables;

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
        restore_tables(&self.own, tables, backends, now);
    }

    fn restore_backend(&self, watched: &mut Watched, now: Mono) {
        let present = watched.backend.now().clone();
        let name = &present.plan.name;
        let (own, theirs) = (self.own.backend(name), self.servers.backend(name));
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
            if let Some(moved) = &state.check_moved {
                recheck(watched, server, moved);
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

    /// How a server's sessions were spread.
    pub(crate) fn spread_of(&self, backend: &plan::Backend, server: &plan::Server) -> Option<&Distributions> {
        let own = self.own.backend(&backend.name).and_then(|b| b.server(&server.name));
        own?.spread.as_deref()
    }

    pub(crate) fn of_backend(&self, plan: &plan::Backend) -> Counters {
        let own = self.own.backend(&plan.name).map(|b| &b.counters);
        let theirs = || plan.guid.as_deref().and_then(|guid| self.stats.backend(guid));
        chosen(own, theirs)
    }

    pub(crate) fn of_server(&self, backend: &plan::Backend, server: &plan::Server) -> Counters {
        let own = self.own.backend(&backend.name).and_then(|b| b.server(&server.name));
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
    let is_theirs = matches!(&plan.host, Host::Name(name) if **name == *moved.from) || moved.from.is_empty();
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

/// As [`relocate`], of its checks.
fn recheck(watched: &mut Watched, server: &Server, moved: &Moved) {
    let Some(port) = moved.port.filter(|_| *moved.from == *checked(&server.plan())) else {
        return;
    };
    if let Some(place) = watched
        .checks
        .get_mut(server.place.place())
        .filter(|place| place.is_some())
    {
        let to = SocketAddr::new(moved.ip, port);
        *place = Some(to.into());
        watched.rechecked.insert(server.place, to);
    }
}

/// A port that follows the client's stays one.
fn kept_kind(configured: ServerPort, port: u16) -> ServerPort {
    match configured {
        ServerPort::Fixed(_) => ServerPort::Fixed(port),
        ServerPort::Offset(by) => ServerPort::Offset(by),
    }
}

/// Tables by name. Numbers of servers may have changed; names say who is meant.
fn restore_tables(past: &Snapshot, tables: &Tables, backends: &[Watched], now: Mono) {
    for table in tables.all() {
        let Some(state) = past.table(table.name()) else {
            continue;
        };
        let backend = backends.iter().find(|watched| watched.backend.name() == *table.name());
        let (kind, mut entries) = (table.settings().key, Vec::new());
        for entry in &state.entries {
            let mut entry = entry.clone();
            if let Some(watched) = backend
                && !renumber(&mut entry, past.backend(table.name()), &watched.backend.now())
            {
                continue;
            }
            if let Some(key) = key_for(kind, entry.key.sample()).map(Key::into_owned) {
                entries.push(Dumped { key, ..entry });
            }
        }
        table.lock().restore(entries, now);
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
