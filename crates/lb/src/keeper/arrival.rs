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
        self.directory.meet(&server);
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
        self.tell(Input::Remove { server });
        rearrange(&self.backend, |servers| servers.retain(|(plan, _)| plan.name != name));
        self.roster.borrow_mut().remove(&name);
    }

    /// It is called otherwise from now on; its connections, counters and states stay.
    pub(crate) fn rename(self: &Rc<Keeper>, server: ServerIdx, to: &Arc<str>) {
        let Some(before) = self.backend.server(server).map(|s| s.name()) else {
            return;
        };
        self.roster.borrow_mut().rename(&before, to);
        for input in rename(&self.backend, &[(server, to.clone())]) {
            self.tell(input);
        }
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

    /// Those that were called otherwise in the process before this one than the configuration has it. They may have changed
    /// names with each other: each is known by its own before any gets another one.
    pub(crate) fn rename(&mut self, renamed: &[(Arc<str>, Arc<str>)], now: Mono) {
        let present = self.backend.now().clone();
        let place = |(name, to): &(Arc<str>, Arc<str>)| Some((present.servers.named(name)?.place, to.clone()));
        let names: Vec<_> = renamed.iter().filter_map(place).collect();
        for input in rename(&self.backend, &names) {
            self.machine.handle(input, now);
        }
        self.roster.renamed = renamed.to_vec();
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

/// The servers at these places are called so; what the backend's machine is to be told of it.
fn rename(backend: &Backend, names: &[(ServerIdx, Arc<str>)]) -> Vec<Input> {
    let now = backend.now().clone();
    for (place, name) in names {
        if let Some(server) = now.servers.at(*place) {
            server.call(name);
        }
    }
    let plan = plan::Backend {
        servers: now.servers.all().map(|s| plan::Server::clone(&s.plan())).collect(),
        ..(*now.plan).clone()
    };
    backend.replace(Snapshot {
        plan: Arc::new(plan),
        ..Snapshot::clone(&now)
    });
    let input = |(server, name): &(ServerIdx, Arc<str>)| Input::Rename {
        server: *server,
        name: name.clone(),
    };
    names.iter().map(input).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::tests::{plan, watched};

    /// What the servers are called, in their order: by the workers, in the plan and by the machine.
    fn names(watched: &Watched) -> [Vec<Arc<str>>; 3] {
        let now = watched.backend.now();
        let places = now.servers.all().map(|server| server.place);
        let reports = places.filter_map(|place| watched.machine.report(place, Mono::ZERO));
        [
            now.servers.all().map(|server| server.name()).collect(),
            now.plan.servers.iter().map(|server| server.name.clone()).collect(),
            reports.map(|report| report.view.name.clone()).collect(),
        ]
    }

    #[test]
    fn names_that_went_from_one_to_the_other_come_to_the_right_ones() {
        for (renamed, expected) in [
            (&[("a", "b"), ("b", "a")][..], ["b", "a", "z"]),
            (&[("b", "z"), ("a", "b"), ("z", "w")], ["b", "z", "w"]),
            (&[("z", "c")], ["a", "b", "c"]),
        ] {
            let servers = ["a 127.0.0.1:1", "b 127.0.0.1:2", "z 127.0.0.1:3"];
            let mut watched = watched(&plan(&servers.map(|words| format!(" server {words}\n")).concat()));
            let pairs = renamed.iter().map(|(name, to)| (Arc::from(*name), Arc::from(*to)));
            let renamed: Vec<(Arc<str>, Arc<str>)> = pairs.collect();
            watched.rename(&renamed, Mono::ZERO);
            for names in names(&watched) {
                assert_eq!(names, expected.map(Arc::from));
            }
            assert_eq!(watched.roster.renamed, renamed);
        }
    }
}
