//! The connections of all workers as an operator sees them: who, from where, to where, and how to end one.
//!
//! A connection writes here when it begins, when it chooses a server and when it ends, never for its bytes. The map is
//! sharded, so workers do not wait for each other, and the operator's walk holds one shard at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::Waker;

use dashmap::DashMap;
use tandem_lb_core::ServerIdx;
use tandem_lb_core::conn::KillReason;
use tandem_time::Mono;

use crate::frontend::Frontend;
use crate::publish::Backend;
use crate::session::Peer;

/// All connections by their number.
#[derive(Debug, Default)]
pub(crate) struct Live {
    connections: DashMap<u64, Arc<Connection>>,
    next: AtomicU64,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) frontend: Arc<Frontend>,
    pub(crate) peer: Peer,
    pub(crate) began: Mono,
    /// The place of its server, counted from 1; 0 is none.
    server: AtomicU32,
    is_sentenced: AtomicBool,
    waker: Waker,
}

/// A connection's entry, gone when dropped.
#[derive(Debug)]
pub(crate) struct Entry {
    live: Arc<Live>,
    id: u64,
    connection: Arc<Connection>,
}

impl Live {
    pub(crate) fn enter(self: &Arc<Self>, frontend: &Arc<Frontend>, peer: Peer, began: Mono, waker: Waker) -> Entry {
        let id = self.next.fetch_add(1, Relaxed) + 1;
        let connection = Arc::new(Connection {
            frontend: frontend.clone(),
            peer,
            began,
            server: AtomicU32::new(0),
            is_sentenced: AtomicBool::new(false),
            waker,
        });
        self.connections.insert(id, connection.clone());
        Entry {
            live: self.clone(),
            id,
            connection,
        }
    }

    pub(crate) fn find(&self, id: u64) -> Option<Arc<Connection>> {
        self.connections.get(&id).map(|found| found.clone())
    }

    /// All that there are, in the order in which they began.
    pub(crate) fn all(&self) -> BTreeMap<u64, Arc<Connection>> {
        let pairs = self.connections.iter();
        pairs.map(|pair| (*pair.key(), pair.value().clone())).collect()
    }

    /// Ends the connections that are at this server.
    pub(crate) fn end_at(&self, backend: &Arc<Backend>, server: ServerIdx) {
        for pair in &self.connections {
            let is_there = pair.backend().is_some_and(|b| Arc::ptr_eq(b, backend)) && pair.server() == Some(server);
            if is_there {
                pair.end();
            }
        }
    }
}

impl Connection {
    pub(crate) fn backend(&self) -> Option<&Arc<Backend>> {
        self.frontend.backend.as_ref()
    }

    pub(crate) fn server(&self) -> Option<ServerIdx> {
        self.server.load(Relaxed).checked_sub(1).map(ServerIdx)
    }

    /// Tells it to end, as an operator may.
    pub(crate) fn end(&self) {
        self.is_sentenced.store(true, Relaxed);
        self.waker.wake_by_ref();
    }
}

impl Entry {
    /// Why it has to end, when an operator wants it to.
    pub(crate) fn sentence(&self) -> Option<KillReason> {
        self.connection.is_sentenced.load(Relaxed).then_some(KillReason::Admin)
    }

    pub(crate) fn at_server(&self, server: Option<ServerIdx>) {
        let place = server.map_or(0, |ServerIdx(place)| place.saturating_add(1));
        self.connection.server.store(place, Relaxed);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.live.connections.remove(&self.id);
    }
}
