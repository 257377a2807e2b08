//! Servers that operators add and remove while the process runs, and those of the process before this one.

use std::rc::Rc;
use std::sync::Arc;

use socket2::SockAddr;
use tandem_lb_config as plan;
use tandem_lb_core::ServerIdx;
use tandem_lb_core::backend::{Input, ServerSettings};
use tandem_lb_core::snapshot::{Made, Roster};
use tandem_time::Mono;

use super::{Keeper, Watched};
use crate::address::{AddressError, Found, ServerAddress};
use crate::build::server_settings;
use crate::outside::Outside;
use crate::publish::{Backend, Snapshot};

impl Keeper {
    /// A server that nobody has heard of comes in maintenance.
    pub(crate) fn add(self: &Rc<Keeper>, server: plan::Server, words: &str) -> Result<(), AddressError> {
        let name = server.name.clone();
        let arrived = arrive(&self.backend, &mut self.checks.borrow_mut(), server)?;
        self.roster.borrow_mut().add(name, words);
        arrived.into_iter().for_each(|settings| self.tell(Input::Add(settings)));
        Ok(())
    }

    /// A server is not there any more; who is at it stays until the end.
    pub(crate) fn remove(self: &Rc<Keeper>, server: ServerIdx) {
        let Some(name) = self.backend.server(server).map(|s| s.name()) else {
            return;
        };
        self.rechecked.borrow_mut().remove(&server);
        self.tell(Input::Remove { server });
        rearrange(&self.backend, |servers| servers.retain(|(plan, _)| plan.name != name));
        self.roster.borrow_mut().remove(&name);
    }

    /// It is called otherwise from now on; its connections, counters and states stay.
    pub(crate) fn rename(self: &Rc<Keeper>, server: ServerIdx, to: &Arc<str>) {
        let Some(before) = rename(&self.backend, server, to) else {
            return;
        };
        self.roster.borrow_mut().rename(&before, to);
        let name = to.clone();
        self.tell(Input::Rename { server, name });
    }

    pub(crate) fn was_made(&self, made: Made) {
        self.made.replace(Some(made));
    }

    /// How an operator made it, when one did.
    pub(crate) fn made(&self) -> Option<Made> {
        self.made.borrow().clone()
    }

    /// Whom operators have added and removed since the files were read.
    pub(crate) fn roster(&self) -> Roster {
        self.roster.borrow().clone()
    }
}

impl Watched {
    /// One that was added in the process before this one.
    pub(crate) fn add(&mut self, server: plan::Server, words: &str, now: Mono) -> Result<(), AddressError> {
        let name = server.name.clone();
        if let Some(settings) = arrive(&self.backend, &mut self.checks, server)? {
            self.machine.handle(Input::Add(settings), now);
            self.roster.add(name, words);
        }
        Ok(())
    }

    /// One that was called otherwise in the process before this one.
    pub(crate) fn rename(&mut self, name: &Arc<str>, to: &Arc<str>, now: Mono) {
        let known = self.backend.now().servers.named(name).map(|s| s.place);
        if let Some(server) = known
            && rename(&self.backend, server, to).is_some()
        {
            let name = to.clone();
            self.machine.handle(Input::Rename { server, name }, now);
        }
        self.roster.rename(name, to);
    }

    /// One that was removed in the process before this one.
    pub(crate) fn remove(&mut self, name: &Arc<str>, now: Mono) {
        let known = self.backend.now().servers.named(name).map(|s| s.place);
        if let Some(server) = known {
            self.machine.handle(Input::Remove { server }, now);
            rearrange(&self.backend, |servers| servers.retain(|(plan, _)| plan.name != *name));
            self.roster.remove(name);
        }
    }
}

/// What it was called before.
fn rename(backend: &Backend, place: ServerIdx, to: &Arc<str>) -> Option<Arc<str>> {
    let now = backend.now().clone();
    let server = now.servers.all().find(|server| server.place == place)?;
    let before = server.call(to);
    let mut plan = (*now.plan).clone();
    let found = plan.servers.iter_mut().filter(|server| server.name == before);
    found.for_each(|server| server.name = to.clone());
    backend.replace(Snapshot {
        plan: Arc::new(plan),
        ..Snapshot::clone(&now)
    });
    Some(before)
}

/// What the backend's machine is to be told of it.
fn arrive(
    backend: &Backend,
    checks: &mut Vec<Option<SockAddr>>,
    server: plan::Server,
) -> Result<Option<ServerSettings>, AddressError> {
    let Found { server: address, check } = Found::of(&server, &Outside::Here)?;
    let mut settings = server_settings(&backend.now().plan, &server, Some(&address), ServerIdx(0));
    let Some(idx) = rearrange(backend, |servers| servers.push((server, address))) else {
        return Ok(None);
    };
    settings.place = idx;
    checks.resize(checks.len().max(idx.place() + 1), None);
    checks[idx.place()] = check;
    Ok(Some(settings))
}

/// Changes the list of servers; the place of the last of them is given back.
fn rearrange(backend: &Backend, change: impl FnOnce(&mut Vec<(plan::Server, ServerAddress)>)) -> Option<ServerIdx> {
    let now = backend.now().clone();
    let all = now.servers.all();
    let mut list = all
        .map(|s| (plan::Server::clone(&s.plan()), (**s.address.load()).clone()))
        .collect();
    change(&mut list);
    let plan = plan::Backend {
        servers: list.iter().map(|(plan, _)| plan.clone()).collect(),
        ..(*now.plan).clone()
    };
    let servers = now.servers.renewed(list);
    let last = servers.all().last().map(|server| server.place);
    backend.replace(Snapshot {
        plan: Arc::new(plan),
        servers,
        ..Snapshot::clone(&now)
    });
    last
}
