//! Backends that an operator makes and unmakes while the process runs (HAProxy 3.4): the part of a reload that such a change
//! is. The files know nothing of it, and the next reload follows them.

use std::rc::Rc;
use std::sync::Arc;

use tandem_lb_config::{self as plan, Plan, Service};
use tandem_lb_core::snapshot::{Made, Unmade};
use tandem_ops::syslog::Targets;
use tandem_time::{Mono, Seed};
use thiserror::Error;

use super::Reloader;
use crate::build;
use crate::keeper::{Keeper, Watched};
use crate::logs::{self, LogsError};
use crate::newcomer;
use crate::rings::Lineup;

/// Why there is no such backend after all, in HAProxy's words where it has any.
#[derive(Debug, Error)]
pub(crate) enum NotMade {
    #[error("No such default proxy '{0}'.")]
    NoMould(String),
    #[error("Backends here are in TCP mode: '{0}' is not.")]
    Mode(String),
    #[error("Error during backend creation : a name has letters, digits and - _ . : only.")]
    Name,
    #[error("Error during backend creation : name is already used by other proxy '{0}'.")]
    Taken(String),
    #[error("Error during backend creation : GUID insertion : duplicate entry with {0}.")]
    Guid(String),
    #[error("Error during backend creation : {0}.")]
    Logs(#[from] LogsError),
}

/// Why it stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Kept {
    #[error("Cannot delete a listen section.")]
    Listen,
    #[error("This proxy cannot be removed at runtime due to other configuration elements pointing to it.")]
    Named,
    #[error("Cannot delete a backend with a stick-table.")]
    Table,
    #[error("Backend must be unpublished prior to its deletion.")]
    Published,
    #[error("Only a backend without server can be deleted.")]
    Servers,
    #[error("Backend still has attached streams on it.")]
    InUse,
}

/// What an operator says of a new backend.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) name: &'a str,
    pub(crate) from: &'a str,
    pub(crate) mode: Option<&'a str>,
    pub(crate) guid: Option<&'a str>,
}

impl Reloader {
    /// A backend without servers, where no rule leads yet.
    pub(crate) fn make(&self, wanted: &Wanted<'_>) -> Result<(), NotMade> {
        let running = self.running();
        let made = Made {
            from: wanted.from.into(),
            id: free_number(&running),
            guid: wanted.guid.map(Into::into),
        };
        let backend = cast(&running, &made, wanted.name, wanted.mode)?;
        let logs = self.targets(&running, &backend.logs)?;
        let now = self.estate.clock.now();
        let watched = begun(&running, &backend, made, &logs, &mut self.seed.borrow_mut(), now);
        watched.backend.set_published(false);
        let keeper = self.keep(watched);
        let before = self.estate.orders.backends();
        self.are_there(before.iter().cloned().chain([keeper]).collect());
        tracing::info!(
            "backend {} was made of 'defaults {}' by order",
            wanted.name,
            wanted.from
        );
        Ok(())
    }

    /// Nothing of it is left.
    pub(crate) fn unmake(&self, keeper: &Rc<Keeper>) -> Result<(), Kept> {
        self.removable(keeper)?;
        let before = self.estate.orders.backends();
        let others = before.iter().filter(|other| !Rc::ptr_eq(other, keeper));
        self.are_there(others.cloned().collect());
        keeper.retire();
        tracing::info!("backend {} was deleted by order", keeper.backend().name());
        Ok(())
    }

    /// Whether nothing keeps it from being deleted.
    pub(crate) fn removable(&self, keeper: &Keeper) -> Result<(), Kept> {
        let backend = keeper.backend();
        let now = backend.now();
        let plan = &now.plan;
        if self.is_listen(plan) {
            return Err(Kept::Listen);
        }
        if plan.is_named {
            return Err(Kept::Named);
        }
        if self.estate.directory.tables.named(&plan.name).is_some() {
            return Err(Kept::Table);
        }
        if backend.is_published() {
            return Err(Kept::Published);
        }
        if now.servers.all().next().is_some() {
            return Err(Kept::Servers);
        }
        if backend.traffic.sessions.now() > 0 {
            return Err(Kept::InUse);
        }
        Ok(())
    }

    /// Whether it is the other half of a frontend.
    pub(crate) fn is_listen(&self, backend: &plan::Backend) -> bool {
        let configured = self.configured.borrow();
        configured
            .frontends
            .iter()
            .any(|frontend| frontend.name == backend.name)
    }

    /// Those of the configuration that were deleted since.
    pub(crate) fn unmade(&self) -> Vec<Unmade> {
        let keepers = self.estate.orders.backends();
        let is_gone = |backend: &&plan::Backend| !keepers.iter().any(|keeper| keeper.backend().name() == backend.name);
        let configured = self.configured.borrow();
        let gone = configured.backends.iter().filter(is_gone);
        gone.map(|backend| Unmade {
            name: backend.name.clone(),
            origin: newcomer::origin(backend),
        })
        .collect()
    }

    /// From now on there are these.
    fn are_there(&self, keepers: Vec<Rc<Keeper>>) {
        let estate = &self.estate;
        let seats = estate.frontends.seats();
        let backends = keepers
            .iter()
            .map(|keeper| keeper.backend().clone())
            .collect::<Vec<_>>();
        estate.orders.replace(keepers);
        estate.directory.follow(&seats, &backends);
        estate
            .stats
            .follow(&estate.frontends, &estate.sites.all(), &estate.orders);
    }

    /// To open what is open already may need what the process has given up.
    fn targets(&self, running: &Plan, wanted: &plan::ProxyLogs) -> Result<Targets, LogsError> {
        let keepers = self.estate.orders.backends();
        let same = keepers
            .iter()
            .find(|keeper| keeper.backend().now().plan.logs == *wanted);
        let fronts = self.estate.frontends.all();
        let known = same.map(|keeper| keeper.logs()).or_else(|| {
            let same = fronts.iter().find(|frontend| frontend.plan.logs == *wanted);
            same.map(|frontend| frontend.logs.clone())
        });
        known.map_or_else(
            || {
                logs::Opener::new(
                    &running.global,
                    &self.estate.program,
                    &self.estate.directory.rings.now(),
                )
                .open(wanted)
            },
            Ok,
        )
    }
}

/// A backend that an operator made in the process before this one, by what the files say today.
pub(crate) fn resume(
    running: &Plan,
    name: &str,
    made: &Made,
    (program, seed, rings): (&str, &mut Seed, &Lineup),
    now: Mono,
) -> Result<Watched, NotMade> {
    let made = Made {
        id: if is_free(running, made.id) {
            made.id
        } else {
            free_number(running)
        },
        ..made.clone()
    };
    let backend = cast(running, &made, name, Some("tcp"))?;
    let logs = logs::Opener::new(&running.global, program, rings).open(&backend.logs)?;
    Ok(begun(running, &backend, made, &logs, seed, now))
}

/// Without servers yet.
fn begun(running: &Plan, backend: &plan::Backend, made: Made, logs: &Targets, seed: &mut Seed, now: Mono) -> Watched {
    let all = running.backends.iter().chain([backend]);
    let spread = build::spreads_of(&running.global, all).pop().unwrap_or_default();
    Watched {
        made: Some(made),
        ..build::watched(running, backend, Vec::new(), spread, logs, seed, now)
    }
}

fn cast(running: &Plan, made: &Made, name: &str, mode: Option<&str>) -> Result<plan::Backend, NotMade> {
    if name.is_empty() || plan::misfit(name).is_some() {
        return Err(NotMade::Name);
    }
    let mould = running.moulds.0.iter().find(|mould| mould.name == made.from);
    let mould = mould.ok_or_else(|| NotMade::NoMould(made.from.to_string()))?;
    match mode {
        Some("tcp") => {}
        None if mould.is_tcp => {}
        None => return Err(NotMade::Mode(format!("defaults {}", mould.name))),
        Some(other) => return Err(NotMade::Mode(format!("mode {other}"))),
    }
    if let Some(taken) = who_is(running, name) {
        return Err(NotMade::Taken(taken));
    }
    if let Some(taken) = made.guid.as_deref().and_then(|guid| who_has(running, guid)) {
        return Err(NotMade::Guid(taken));
    }
    Ok(plan::Backend {
        name: name.into(),
        id: made.id,
        guid: made.guid.clone(),
        ..mould.backend.clone()
    })
}

/// The section of that name.
fn who_is(plan: &Plan, name: &str) -> Option<String> {
    let front = plan.frontends.iter().any(|frontend| *frontend.name == *name);
    let back = plan.backends.iter().any(|backend| *backend.name == *name);
    let kind = match (front, back) {
        (true, true) => "listen",
        (true, false) => "frontend",
        (false, true) => "backend",
        (false, false) => return None,
    };
    Some(format!("{kind} {name}"))
}

/// Who is known by that name in files of statistics.
fn who_has(plan: &Plan, guid: &str) -> Option<String> {
    let is_it = |known: &Option<Arc<str>>| known.as_deref() == Some(guid);
    let fronts = plan.frontends.iter().filter(|frontend| is_it(&frontend.guid));
    let mut fronts = fronts.map(|frontend| format!("frontend {}", frontend.name));
    let backs = plan.backends.iter().filter(|backend| is_it(&backend.guid));
    let mut backs = backs.map(|backend| format!("backend {}", backend.name));
    let servers = plan.backends.iter().flat_map(|backend| {
        let own = backend.servers.iter().filter(|server| is_it(&server.guid));
        own.map(move |server| format!("server {}/{}", backend.name, server.name))
    });
    fronts.next().or_else(|| backs.next()).or_else(|| { servers }.next())
}

/// The smallest that no proxy has. HAProxy gives nobody the first.
fn free_number(plan: &Plan) -> u32 {
    (2..u32::MAX).find(|id| is_free(plan, *id)).unwrap_or(u32::MAX)
}

fn is_free(plan: &Plan, id: u32) -> bool {
    let fronts = plan.frontends.iter().map(|frontend| frontend.id);
    let mut all = fronts.chain(plan.backends.iter().map(|backend| backend.id));
    all.all(|known| known != id)
}

/// Frontends name backends by their places, which have changed when one of those before them was deleted.
pub(super) fn renumber(frontends: &mut [plan::Frontend], configured: &[plan::Backend], present: &[plan::Backend]) {
    for frontend in frontends {
        if let Service::Tcp { backend: Some(place) } = &mut frontend.service {
            let name = configured.get(*place).map(|backend| &backend.name);
            let now = present.iter().position(|backend| Some(&backend.name) == name);
            *place = now.unwrap_or(*place);
        }
    }
}
