//! One frontend, shared by all threads.
//!
//! A connection holds the [`Frontend`] that took it until it ends, so what governs it does not change under it. When the
//! configuration is read again, another takes the seat; limits, gate and counters go on in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tandem_lb_config as plan;
use tandem_lb_core::conn::ConnSettings;
use tandem_lb_core::rules::Target;
use tandem_lb_core::snapshot::Counters;
use tandem_ops::syslog::Targets;
use tokio::sync::watch;

use crate::admission::Limit;
use crate::counters::{Count, Denials, Traffic};
use crate::directory::Directory;
use crate::listeners::place_of;
use crate::publish::Backend;

/// Where the present one is found.
pub(crate) type Seat = Arc<ArcSwap<Frontend>>;

#[derive(Clone, Debug)]
pub(crate) struct Frontend {
    pub(crate) plan: plan::Frontend,
    pub(crate) backend: Option<Arc<Backend>>,
    /// Where its rules send clients, by the names that they say: those who came by these rules go there, whatever has been
    /// configured since.
    pub(crate) destinations: Arc<Destinations>,
    /// What governs its connections, from here and from its backend.
    pub(crate) settings: Arc<ConnSettings>,
    pub(crate) logs: Targets,
    pub(crate) traffic: Arc<Traffic>,
    /// Of each listener, with `option socket-stats`; otherwise nobody is counted there.
    pub(crate) listeners: Arc<[Arc<AtListener>]>,
    /// Whether it takes connections; an operator says so.
    pub(crate) gate: Arc<watch::Sender<Gate>>,
    pub(crate) limit: Limit,
    pub(crate) denials: Arc<Denials>,
    /// How many lines it has written.
    pub(crate) lines: Arc<Count>,
    /// Where its rules may send connections.
    pub(crate) directory: Arc<Directory>,
}

pub(crate) type Destinations = BTreeMap<Arc<str>, Arc<Backend>>;

/// What one listener counts for itself.
#[derive(Debug, Default)]
pub(crate) struct AtListener {
    pub(crate) traffic: Traffic,
    pub(crate) denials: Denials,
    /// Those who were no session: a listener's total has them as well.
    pub(crate) turned_away: Count,
}

impl AtListener {
    /// Goes on from what an earlier process counted.
    pub(crate) fn resume(&self, before: &Counters) {
        self.traffic.resume(before);
        self.denials.resume(before);
    }

    /// As if nobody had come yet.
    pub(crate) fn clear(&self) {
        self.traffic.clear();
        self.denials.clear();
        self.turned_away.clear();
    }
}

/// What an operator wants of a frontend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Gate {
    #[default]
    Open,
    /// Clients wait in the backlog.
    Paused,
    /// Its listeners are gone.
    Closed,
}

impl Frontend {
    /// The line of that number, counted from 1.
    pub(crate) fn bind(&self, number: u32) -> Option<&plan::Bind> {
        let place = usize::try_from(number).ok()?.checked_sub(1)?;
        self.plan.binds.get(place)
    }

    /// Where clients go whom no rule sends elsewhere. A `listen` leads to itself, whatever was ordered.
    pub(crate) fn usual_backend(&self) -> Option<&Arc<Backend>> {
        let own = |backend: &Backend| backend.now().plan.id == self.plan.id;
        self.backend
            .as_ref()
            .filter(|backend| backend.is_published() || own(backend))
    }

    /// The backend that a rule names.
    pub(crate) fn destination(&self, name: &str) -> Option<Arc<Backend>> {
        let known = self.destinations.get(name).cloned();
        known.or_else(|| self.directory.backend(name))
    }

    /// Of the listener with this number, counted from 1.
    pub(crate) fn listener(&self, number: u32) -> Option<&AtListener> {
        let place = usize::try_from(number).ok()?.checked_sub(1)?;
        self.listeners.get(place).map(|at| &**at)
    }

    /// The same of somebody who was no session yet.
    pub(crate) fn turned_away(&self, listener: u32, of: impl Fn(&Denials) -> &Count) {
        self.denied(listener, of);
        if let Some(at) = self.listener(listener) {
            at.turned_away.one();
        }
    }

    /// Counts somebody whom it refused, and who came by the listener with this number.
    pub(crate) fn denied(&self, listener: u32, of: impl Fn(&Denials) -> &Count) {
        of(&self.denials).one();
        if let Some(at) = self.listener(listener) {
            of(&at.denials).one();
        }
    }
}

/// The backends that its rules name, found among these.
pub(crate) fn destinations<'a>(
    frontend: &plan::Frontend,
    backends: impl Iterator<Item = &'a Arc<Backend>>,
) -> Arc<Destinations> {
    let names = frontend.routes.0.iter().filter_map(|route| match &route.target {
        Target::Named(name) => Some(name),
        Target::Made(_) => None,
    });
    let names: BTreeSet<&Arc<str>> = names.collect();
    let named = backends.map(|backend| (backend.name(), backend.clone()));
    Arc::new(named.filter(|(name, _)| names.contains(name)).collect())
}

/// Room to count each listener for itself, when that is asked for. Those that were there before count on.
pub(crate) fn of_listeners(frontend: &plan::Frontend, before: Option<&Frontend>) -> Arc<[Arc<AtListener>]> {
    let known = |bind: &plan::Bind| {
        let before = before?;
        let place = before
            .plan
            .binds
            .iter()
            .position(|known| place_of(known) == place_of(bind));
        before.listeners.get(place?).cloned()
    };
    let counted = frontend.binds.iter().filter(|_| frontend.socket_stats);
    counted.map(|bind| known(bind).unwrap_or_default()).collect()
}

/// The frontend's and the backend's part of what governs a connection. Without a backend there is nothing to connect to.
pub(crate) fn conn_settings(frontend: &plan::Frontend, backend: Option<&plan::Backend>) -> ConnSettings {
    let client = ConnSettings {
        inspects: inspects(frontend, backend),
        client: frontend.timeout_client,
        client_fin: frontend.timeout_client_fin,
        client_independent: frontend.independent_streams,
        ..ConnSettings::default()
    };
    match backend {
        None => client,
        Some(b) => ConnSettings {
            queue: b.timeout_queue,
            connect: b.timeout_connect,
            server: b.timeout_server,
            server_fin: b.timeout_server_fin,
            server_independent: b.independent_streams,
            tunnel: b.timeout_tunnel,
            retries: b.retries,
            redispatch: b.redispatch,
            ..client
        },
    }
}

/// Whether rules have to be asked before a connection can go to its backend.
fn inspects(frontend: &plan::Frontend, backend: Option<&plan::Backend>) -> bool {
    let of_backend = backend.is_some_and(|b| b.id != frontend.id && !b.requests.content.is_empty());
    of_backend || !frontend.requests.content.is_empty() || !frontend.routes.0.is_empty()
}
