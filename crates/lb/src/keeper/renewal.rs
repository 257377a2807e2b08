//! A backend that is configured anew: what stays the same goes on as if nothing had been.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use arc_swap::Guard;
use tandem_lb_config as plan;
use tandem_lb_core::ServerId;
use tandem_lb_core::backend::{BackendSettings, Input, Output};
use tandem_ops::syslog::Targets;
use tandem_time::Seed;

use super::Keeper;
use crate::address::{Found, ServerAddress};
use crate::affinity::Affinity;
use crate::publish::Snapshot;
use crate::servers::Servers;

/// What the configuration says of a backend now.
pub(crate) struct Renewal<'a> {
    pub(crate) plan: &'a plan::Backend,
    /// Of each server where it and its checks are, when that was looked up because it has changed.
    pub(crate) found: Vec<Option<Found>>,
    pub(crate) logs: Targets,
}

impl Keeper {
    /// Nothing is done here any more.
    pub(crate) fn retire(&self) {
        self.is_retired.set(true);
        self.told.notify_one();
    }

    /// `settings` is asked for when the servers have their places.
    pub(crate) fn renew(
        self: &Rc<Keeper>,
        renewal: Renewal<'_>,
        seed: &mut Seed,
        settings: impl FnOnce(&Servers) -> BackendSettings,
    ) {
        let Renewal { plan, found, logs } = renewal;
        let before = Guard::into_inner(self.backend.now());
        // Before the servers take on what they are now.
        let numbers: Vec<(Arc<str>, ServerId)> = before.servers.all().map(|s| (s.name(), s.plan().id)).collect();
        let wanted = plan.servers.iter().zip(&found).map(|(server, found)| {
            let known = || before.servers.named(&server.name).map(|s| s.address.load_full());
            let at = found
                .as_ref()
                .map(|f| f.server.clone())
                .or_else(|| known().map(|at| ServerAddress::clone(&at)));
            (server.clone(), at)
        });
        // Whoever is new has been looked up.
        let wanted = wanted.filter_map(|(server, at)| Some((server, at?)));
        let servers = before.servers.renewed(wanted);
        self.renew_checks(&servers, &found);
        let present = numbers
            .iter()
            .filter_map(|(name, id)| Some((*id, servers.named(name)?.plan().id)));
        let present: BTreeMap<ServerId, ServerId> = present.collect();
        let affinity = match (&plan.stick, &before.affinity) {
            (None, _) => None,
            (Some(stick), Some(known)) => Some(Arc::new(known.renewed(stick, &present))),
            (Some(stick), None) => Some(Arc::new(Affinity::new(stick, seed))),
        };
        self.logs.replace(logs);
        let now = self.clock.now();
        self.machine
            .borrow_mut()
            .handle(Input::Settings(Box::new(settings(&servers))), now);
        let first = self.machine.borrow_mut().poll_output();
        let (view, other) = match first {
            Some(Output::Publish(view)) => {
                self.note(&view);
                (Some(view), None)
            }
            other => (before.view.clone(), other),
        };
        self.backend.replace(Snapshot {
            plan: Arc::new(plan.clone()),
            servers: servers.clone(),
            affinity,
            view,
        });
        other.iter().for_each(|output| self.say(output));
        for (server, found) in servers.all().zip(&found) {
            if found.is_some() && numbers.iter().any(|(name, _)| *name == server.name()) {
                self.machine
                    .borrow_mut()
                    .handle(Input::Moved { server: server.place }, now);
            }
        }
        self.carry_out();
        self.told.notify_one();
    }

    fn renew_checks(&self, servers: &Servers, found: &[Option<Found>]) {
        let mut checks = self.checks.borrow_mut();
        for (server, found) in servers.all().zip(found) {
            let place = server.place.place();
            if checks.len() <= place {
                checks.resize(place + 1, None);
            }
            if let Some(found) = found {
                checks[place].clone_from(&found.check);
            }
        }
    }
}
