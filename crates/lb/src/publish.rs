//! What the workers see of a backend: the snapshot that the control runtime publishes, and the counters they share.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use arc_swap::{ArcSwap, ArcSwapOption};
use tandem_lb_config as plan;
use tandem_lb_core::ServerIdx;
use tandem_lb_core::backend::View;
use tandem_lb_core::balance::{Algorithm, Loads, Request};
use tandem_time::{Mono, Seed};

use crate::address::ServerAddress;
use crate::affinity::Affinity;
use crate::counters::{Attempts, Traffic};
use crate::queue::Queue;
use crate::stats::History;

/// One backend, shared by all threads.
#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) plan: plan::Backend,
    /// Empty only until the machine's first word.
    view: ArcSwapOption<View>,
    pub(crate) traffic: Traffic,
    pub(crate) attempts: Attempts,
    pub(crate) servers: Vec<Server>,
    pub(crate) affinity: Option<Affinity>,
    ticket: AtomicU64,
    /// Who waits for a place on a server.
    pub(crate) queue: Arc<Queue>,
}

/// One server: where it is, and what it carries now.
#[derive(Debug)]
pub(crate) struct Server {
    /// Where it is; an operator may move it.
    pub(crate) address: ArcSwap<ServerAddress>,
    pub(crate) traffic: Traffic,
    pub(crate) attempts: Attempts,
    pub(crate) history: History,
}

/// What came of asking for a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pick {
    /// A stick entry names it.
    Known(ServerIdx),
    Balanced(ServerIdx),
    /// The only one for this client is full, or all that may be used are.
    Full(Option<ServerIdx>),
    NoServer,
}

impl Backend {
    /// `seed` is where the tickets start, so that two balancers do not draw the same.
    pub(crate) fn new(plan: plan::Backend, addresses: Vec<ServerAddress>, seed: &mut Seed) -> Backend {
        let server = |address| Server {
            address: ArcSwap::from_pointee(address),
            traffic: Traffic::default(),
            attempts: Attempts::default(),
            history: History::default(),
        };
        Backend {
            view: ArcSwapOption::empty(),
            traffic: Traffic::default(),
            attempts: Attempts::default(),
            servers: addresses.into_iter().map(server).collect(),
            affinity: plan.stick.as_ref().map(|stick| Affinity::new(stick, seed)),
            ticket: AtomicU64::new(seed.next_u64()),
            queue: Arc::default(),
            plan,
        }
    }

    /// From now on the workers pick from this. Whoever waits for a server may find one in it.
    pub(crate) fn publish(&self, view: Arc<View>) {
        self.view.store(Some(view));
        self.queue.call_all();
    }

    /// What was published last.
    pub(crate) fn view(&self) -> Option<Arc<View>> {
        self.view.load_full()
    }

    pub(crate) fn server(&self, idx: ServerIdx) -> Option<&Server> {
        self.servers.get(idx.place())
    }

    /// Whether a server takes only so many connections at a time.
    pub(crate) fn is_limited(&self, idx: ServerIdx) -> bool {
        self.view
            .load()
            .as_ref()
            .and_then(|v| v.server(idx))
            .is_some_and(|s| s.maxconn > 0)
    }

    /// The server for a client. What the stick table says comes first, but not for one that just failed (`avoid`).
    pub(crate) fn pick(&self, source: Option<IpAddr>, avoid: Option<ServerIdx>, now: Mono) -> Pick {
        let view = self.view.load();
        let Some(view) = view.as_ref().filter(|_| !self.plan.disabled) else {
            return Pick::NoServer;
        };
        if avoid.is_none()
            && let Some((affinity, source)) = self.affinity.as_ref().zip(source)
            && let Some(known) = affinity.server_for(source, view, now)
        {
            return if self.is_full(view, known) {
                Pick::Full(Some(known))
            } else {
                Pick::Known(known)
            };
        }
        let request = Request {
            source,
            ticket: self.ticket.fetch_add(1, Relaxed),
            avoid,
        };
        match view.table.pick(&request, self) {
            // Only a hash names a server without asking whether it is full.
            Some(idx) if self.hashes() && self.is_full(view, idx) => Pick::Full(Some(idx)),
            Some(idx) => Pick::Balanced(idx),
            None if view.table.active() + view.table.backups() > 0 => Pick::Full(None),
            None => Pick::NoServer,
        }
    }

    /// Remembers where a client went, once the server has accepted it.
    pub(crate) fn remember(&self, source: Option<IpAddr>, idx: ServerIdx, now: Mono) {
        let server = self.plan.servers.get(idx.place()).filter(|s| !s.non_stick);
        if let (Some(affinity), Some(source), Some(server)) = (&self.affinity, source, server) {
            affinity.remember(source, server.id, now);
        }
    }

    /// Whether a connection that this server refused may leave it at once (see `Input::MayLeave`).
    pub(crate) fn may_leave(&self, pick: Pick) -> bool {
        let view = self.view.load();
        let Some(view) = view.as_ref() else { return false };
        let is_down = |idx| view.server(idx).is_none_or(|s| !s.takes_known());
        match pick {
            Pick::Known(idx) => is_down(idx),
            Pick::Balanced(idx) => is_down(idx) || !self.hashes() && view.online.active > 1,
            Pick::Full(_) | Pick::NoServer => false,
        }
    }

    fn is_full(&self, view: &View, idx: ServerIdx) -> bool {
        let most = view.server(idx).map_or(0, |s| s.maxconn);
        most > 0 && self.served(idx) >= most
    }

    /// Whether the client's address decides; otherwise any server would have done.
    fn hashes(&self) -> bool {
        matches!(self.plan.policy.algorithm, Algorithm::Source | Algorithm::HashSrc)
    }
}

impl Loads for Backend {
    fn served(&self, s: ServerIdx) -> u32 {
        self.server(s).map_or(0, |s| s.traffic.sessions.now())
    }
}
