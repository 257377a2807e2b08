//! What the workers see of a backend: a snapshot of its configuration, its servers and their states, and the counters
//! that all of them share.
//!
//! A [`Backend`] lives for as long as one of its name is configured, and whoever has a connection there holds it. What may
//! change is in its [`Snapshot`], which is replaced as a whole: when a server changes state, and when the configuration
//! is read again. So whoever asks gets one answer that fits together.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

use arc_swap::{ArcSwap, Guard};
use tandem_lb_config as plan;
use tandem_lb_core::ServerIdx;
use tandem_lb_core::backend::View;
use tandem_lb_core::balance::{Algorithm, Loads, Request, dynamic_limit};
use tandem_time::Seed;
use tokio::sync::Notify;

use crate::counters::{Attempts, Traffic};
use crate::queue::Queue;
use crate::servers::{Server, Servers};

/// One backend, shared by all threads.
#[derive(Debug)]
pub(crate) struct Backend {
    now: ArcSwap<Snapshot>,
    pub(crate) traffic: Traffic,
    pub(crate) attempts: Attempts,
    ticket: AtomicU64,
    /// How many connections are its full load (`fullconn`).
    fullconn: AtomicU32,
    /// Rules lead nobody here, by order.
    is_unpublished: AtomicBool,
    /// Who waits for a place on a server.
    pub(crate) queue: Arc<Queue>,
    /// A server's connections fail so often that its keeper should look.
    pub(crate) alarm: Notify,
    /// For whoever has the kernel forward to its servers.
    pub(crate) changed: Notify,
}

/// What holds of a backend at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) plan: Arc<plan::Backend>,
    pub(crate) servers: Servers,
    /// `None` only until the machine's first word.
    pub(crate) view: Option<Arc<View>>,
}

/// How many connections a backend has, and how many are its full load.
#[derive(Clone, Copy, Debug)]
struct Load {
    now: u32,
    full: u32,
}

/// What the choice of a server may depend on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Client {
    pub(crate) source: Option<IpAddr>,
    /// The hash of what the expression of `balance hash` gave.
    pub(crate) key: Option<u32>,
    /// The server that knows it.
    pub(crate) known: Option<ServerIdx>,
    /// Others have come before it and wait.
    pub(crate) is_behind_others: bool,
}

/// What came of asking for a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pick {
    /// A stick entry names it.
    Known(ServerIdx),
    Balanced(ServerIdx),
    /// The only one for this client is full, or all that may be used are.
    Full(Option<ServerIdx>),
    /// The only one for this client is full, and so is its queue.
    Crowded(ServerIdx),
    NoServer,
}

impl Backend {
    /// Turns begin with the first server, as in HAProxy. `seed` is where the tickets of `random` start, so that two
    /// balancers do not draw the same.
    pub(crate) fn new(plan: plan::Backend, servers: Servers, view: Option<Arc<View>>, seed: &mut Seed) -> Backend {
        let first = match plan.policy.algorithm {
            Algorithm::Random { .. } => seed.next_u64(),
            _ => 0,
        };
        let snapshot = Snapshot {
            plan: Arc::new(plan),
            servers,
            view,
        };
        Backend {
            now: ArcSwap::from_pointee(snapshot),
            traffic: Traffic::default(),
            attempts: Attempts::default(),
            ticket: AtomicU64::new(first),
            fullconn: AtomicU32::new(0),
            is_unpublished: AtomicBool::new(false),
            queue: Arc::default(),
            alarm: Notify::new(),
            changed: Notify::new(),
        }
    }

    /// What holds now. To be looked at and let go; it does not follow what comes later.
    pub(crate) fn now(&self) -> Guard<Arc<Snapshot>> {
        self.now.load()
    }

    /// From now on the workers pick from this. Whoever waits for a server may find one in it.
    pub(crate) fn publish(&self, view: Arc<View>) {
        let before = self.now.load();
        self.replace(Snapshot {
            view: Some(view),
            ..Snapshot::clone(&before)
        });
    }

    /// To be called by the control runtime only, as everything that replaces.
    pub(crate) fn replace(&self, snapshot: Snapshot) {
        self.now.store(Arc::new(snapshot));
        self.queue.servers_changed();
        self.changed.notify_one();
    }

    pub(crate) fn name(&self) -> Arc<str> {
        self.now().plan.name.clone()
    }

    /// The server there, also one that left and has connections still.
    pub(crate) fn server(&self, idx: ServerIdx) -> Option<Arc<Server>> {
        self.now().servers.at(idx).cloned()
    }

    /// The server for a client. What the stick table says comes first, but not for one that just failed (`avoid`).
    pub(crate) fn pick(&self, client: Client, avoid: Option<ServerIdx>) -> Pick {
        // Who is known to a server takes nobody's turn.
        let ticket = match client.known {
            Some(_) => self.ticket.load(Relaxed),
            None => self.ticket.fetch_add(1, Relaxed),
        };
        self.now().pick(client, avoid, ticket, (&self.queue, self.load()))
    }

    /// The same when a rule has named the server.
    pub(crate) fn pick_this(&self, idx: ServerIdx) -> Pick {
        let snapshot = self.now();
        match &snapshot.view {
            Some(view) if snapshot.is_full(view, idx, self.load()) => snapshot.full(&self.queue, idx),
            Some(_) => Pick::Known(idx),
            None => Pick::NoServer,
        }
    }

    /// What it has to do, those who wait included.
    fn load(&self) -> Load {
        Load {
            now: self.traffic.sessions.now(),
            full: self.fullconn.load(Relaxed),
        }
    }

    /// From now on so many are its full load. The limits that follow it may have grown.
    pub(crate) fn set_fullconn(&self, most: u32) {
        if self.fullconn.swap(most, Relaxed) != most {
            self.queue.servers_changed();
        }
    }

    /// Whether rules may lead clients here.
    pub(crate) fn is_published(&self) -> bool {
        !self.is_unpublished.load(Relaxed)
    }

    /// From now on they may, or not; whoever is here stays.
    pub(crate) fn set_published(&self, is_published: bool) {
        self.is_unpublished.store(!is_published, Relaxed);
    }

    /// The number that the next pick will have.
    pub(crate) fn next_ticket(&self) -> u64 {
        self.ticket.load(Relaxed)
    }
}

impl Snapshot {
    /// Whether a server takes only so many connections at a time.
    pub(crate) fn is_limited(&self, idx: ServerIdx) -> bool {
        let view = self.view.as_ref().and_then(|v| v.server(idx));
        view.is_some_and(|s| s.maxconn > 0)
    }

    /// Whether a connection that this server refused may leave it at once (see `Input::MayLeave`).
    pub(crate) fn may_leave(&self, pick: Pick) -> bool {
        let Some(view) = &self.view else { return false };
        let is_down = |idx| view.server(idx).is_none_or(|s| !s.takes_known());
        match pick {
            Pick::Known(idx) => is_down(idx),
            Pick::Balanced(idx) => is_down(idx) || !self.hashes() && view.online.active > 1,
            Pick::Full(_) | Pick::Crowded(_) | Pick::NoServer => false,
        }
    }

    fn pick(&self, client: Client, avoid: Option<ServerIdx>, ticket: u64, (queue, load): (&Queue, Load)) -> Pick {
        let Some(view) = self.view.as_ref().filter(|_| !self.plan.disabled) else {
            return Pick::NoServer;
        };
        if avoid.is_none()
            && let Some(known) = client.known
        {
            if !self.is_full(view, known, load) {
                return Pick::Known(known);
            }
            match self.full(queue, known) {
                // Whom only a table has sent there may go elsewhere.
                Pick::Crowded(_) if self.plan.redispatch.allowed() => {}
                full => return full,
            }
        }
        // While others wait, all servers are full: like HAProxy, nobody who has only just come goes before them.
        if client.is_behind_others && avoid.is_none() && self.takes_turns() {
            return Pick::Full(None);
        }
        let request = Request {
            source: client.source,
            key: client.key,
            ticket,
            avoid,
        };
        match view.table.pick(
            &request,
            &Crowd {
                snapshot: self,
                queue,
                load,
            },
        ) {
            // Only a hash names a server without asking whether it is full.
            Some(idx) if self.hashes() && self.is_full(view, idx, load) => self.full(queue, idx),
            Some(idx) => Pick::Balanced(idx),
            None if view.table.active() + view.table.backups() > 0 => Pick::Full(None),
            None => Pick::NoServer,
        }
    }

    fn is_full(&self, view: &View, idx: ServerIdx, load: Load) -> bool {
        let most = view.server(idx).map_or(0, |s| s.room_under(load.now, load.full));
        most > 0 && self.served(idx) >= most
    }

    /// What a client gets to hear for whom nobody but this full server will do.
    fn full(&self, queue: &Queue, idx: ServerIdx) -> Pick {
        let most = self.servers.at(idx).map_or(0, |server| server.plan().maxqueue);
        if most > 0 && queue.bound_to(idx) >= most {
            Pick::Crowded(idx)
        } else {
            Pick::Full(Some(idx))
        }
    }

    fn served(&self, idx: ServerIdx) -> u32 {
        self.servers.at(idx).map_or(0, |s| s.traffic.sessions.now())
    }

    /// Whether servers are taken one after the other, however much each has to do.
    fn takes_turns(&self) -> bool {
        matches!(
            self.plan.policy.algorithm,
            Algorithm::RoundRobin | Algorithm::StaticRr | Algorithm::First
        )
    }

    /// Whether the client's address decides; otherwise any server would have done.
    fn hashes(&self) -> bool {
        matches!(
            self.plan.policy.algorithm,
            Algorithm::Source | Algorithm::HashSrc | Algorithm::Hash
        )
    }
}

/// Who is at the servers, and who waits for them.
struct Crowd<'a> {
    snapshot: &'a Snapshot,
    queue: &'a Queue,
    load: Load,
}

impl Loads for Crowd<'_> {
    fn served(&self, s: ServerIdx) -> u32 {
        self.snapshot.served(s)
    }

    fn queued(&self, s: ServerIdx) -> u32 {
        self.queue.bound_to(s)
    }

    fn limit(&self, least: u32, most: u32) -> u32 {
        dynamic_limit((least, most), self.load.now, self.load.full)
    }
}
