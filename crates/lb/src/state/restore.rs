//! Going on where an earlier process ended.
//!
//! States, places and stick entries come before the first connection. Counters follow when there is somebody to count.

use std::net::SocketAddr;

use tandem_lb_config::{self as plan, Host, ServerPort};
use tandem_lb_core::ServerId;
use tandem_lb_core::backend::{Input, Output};
use tandem_lb_core::expr::{Scope, Variable};
use tandem_lb_core::snapshot::{BackendState, Counters, Moved};
use tandem_lb_core::stats::histogram::Distributions;
use tandem_lb_core::stick::Key;
use tandem_time::Mono;

use super::Past;
use crate::address::{ServerAddress, checked, fixed_check, named};
use crate::admission::Limit;
use crate::affinity::Restored;
use crate::directory::Directory;
use crate::frontend::Gate;
use crate::frontends::Frontends;
use crate::keeper::Watched;
use crate::listeners::place_of;
use crate::publish::Snapshot;
use crate::servers::Server;

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
        process.paces().connections.follow(said.connection_rate);
        process.paces().sessions.follow(said.session_rate);
        for (name, value) in &said.variables {
            let variable = Variable {
                scope: Scope::Process,
                name: (&**name).into(),
            };
            directory.set_variable(&variable, Some(value.clone()));
        }
    }

    /// To be called before the workers start.
    pub(crate) fn restore(&self, backends: &mut [Watched], now: Mono) {
        for watched in backends {
            self.restore_backend(watched, now);
        }
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
        if let Some(own) = own {
            remember(&present, own, now);
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

/// Numbers of servers may have changed; names say who is meant.
fn remember(backend: &Snapshot, state: &BackendState, now: Mono) {
    let (Some(affinity), Some(table)) = (&backend.affinity, &state.table) else {
        return;
    };
    let today = |id: ServerId| {
        let name = &state.servers.iter().find(|s| s.id == id)?.name;
        backend.plan.servers.iter().find(|s| s.name == *name).map(|s| s.id)
    };
    let entries = table.entries.iter().filter_map(|entry| {
        let source = match entry.key {
            Key::V4(ip) => ip.into(),
            Key::V6(ip) => ip.into(),
        };
        Some(Restored {
            source,
            server: today(entry.server)?,
            left: entry.left,
        })
    });
    affinity.restore(entries.collect(), now);
}
