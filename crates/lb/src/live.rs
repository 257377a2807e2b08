//! The connections of all workers as an operator sees them: who, from where, to where, and how to end one.
//!
//! A connection writes here when it begins, when it chooses a server and when it ends; its bytes cost one store, of the
//! time. The map is sharded, so workers do not wait for each other, and the operator's walk holds one shard at a time.

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicI32, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::task::Waker;

use arc_swap::ArcSwapOption;
use dashmap::DashMap;
use socket2::Socket;
use tandem_lb_core::ServerIdx;
use tandem_lb_core::conn::KillReason;
use tandem_lb_core::stats::histogram::{Distribution, Measure};
use tandem_time::Mono;

use crate::frontend::Frontend;
use crate::publish::Backend;
use crate::session::Peer;
use crate::upgrade::Gate;

/// All connections by their number.
#[derive(Debug, Default)]
pub(crate) struct Live {
    connections: DashMap<u64, Arc<Connection>>,
    next: AtomicU64,
    /// Numbers up to this one are of a process before this one.
    inherited: AtomicU64,
    /// The way to another process, while there is one.
    gate: ArcSwapOption<Gate>,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) frontend: Arc<Frontend>,
    pub(crate) peer: Peer,
    pub(crate) began: Mono,
    /// Known when its rules have chosen it.
    backend: OnceLock<Arc<Backend>>,
    /// The place of its server, counted from 1; 0 is none.
    server: AtomicU32,
    /// The number of its listener's line, counted from 1; 0 is none.
    listener: AtomicU32,
    /// The numbers of its sockets; below 0 there is none.
    sockets: [AtomicI32; 2],
    /// Why it has to end; 0 while it need not.
    sentence: AtomicU8,
    /// When bytes last moved, in milliseconds since the start.
    moved: AtomicU64,
    calling: AtomicU8,
    waker: Waker,
}

pub(crate) type Ages = BTreeMap<(Arc<str>, ServerIdx), Distribution>;

/// What one connection may have to end for.
const SENTENCES: [KillReason; 3] = [KillReason::Admin, KillReason::ServerDown, KillReason::ActiveUp];

/// Whether a connection is wanted in another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Calling {
    No,
    Called,
    /// Even if it connects to a server.
    Urged,
    /// It was called, and cannot go.
    Stays,
}

/// When a connection that is called is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    WhenAtRest,
    /// It need not wait for what comes of a connect.
    WhileConnecting,
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
        self.put(id, frontend, peer, began, waker)
    }

    /// Enters one that had this number in another process, and keeps it unless it may be given here too: whoever was
    /// still on the way in there when the last number was asked for has a later one.
    pub(crate) fn arrive(
        self: &Arc<Self>,
        id: u64,
        frontend: &Arc<Frontend>,
        peer: Peer,
        began: Mono,
        waker: Waker,
    ) -> Entry {
        if id > self.inherited.load(Relaxed) {
            return self.enter(frontend, peer, began, waker);
        }
        self.put(id, frontend, peer, began, waker)
    }

    /// Numbers up to this one are another process's.
    pub(crate) fn go_on_from(&self, last: u64) {
        self.inherited.store(last, Relaxed);
        self.next.fetch_max(last, Relaxed);
    }

    /// The number that was given last.
    pub(crate) fn last(&self) -> u64 {
        self.next.load(Relaxed)
    }

    /// Where connections go that are [called](Connection::call).
    pub(crate) fn open_gate(&self, gate: Option<Gate>) {
        self.gate.store(gate.map(Arc::new));
    }

    pub(crate) fn gate(&self) -> Option<Arc<Gate>> {
        self.gate.load_full()
    }

    fn put(self: &Arc<Self>, id: u64, frontend: &Arc<Frontend>, peer: Peer, began: Mono, waker: Waker) -> Entry {
        let connection = Arc::new(Connection {
            frontend: frontend.clone(),
            peer,
            began,
            backend: OnceLock::new(),
            server: AtomicU32::new(0),
            listener: AtomicU32::new(0),
            sockets: [AtomicI32::new(-1), AtomicI32::new(-1)],
            sentence: AtomicU8::new(0),
            moved: AtomicU64::new(began.as_millis()),
            calling: AtomicU8::new(Calling::No as u8),
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

    /// How long the connections to each server have lasted: by the backend's name and the server's place.
    pub(crate) fn ages(&self, now: Mono) -> Ages {
        let mut ages = Ages::new();
        for pair in &self.connections {
            let Some((backend, server)) = pair.backend().zip(pair.server()) else {
                continue;
            };
            let age = u64::try_from(now.since(pair.began).as_micros()).unwrap_or(u64::MAX);
            let place = (backend.name(), server);
            ages.entry(place).or_default().add(Measure::Age, age);
        }
        ages
    }

    pub(crate) fn count(&self) -> usize {
        self.connections.len()
    }

    /// All may be called again.
    pub(crate) fn forget_calls(&self) {
        for pair in &self.connections {
            pair.calling.store(Calling::No as u8, Relaxed);
        }
    }

    /// Ends the connections that are at this server.
    pub(crate) fn end_at(&self, backend: &Arc<Backend>, server: ServerIdx, reason: KillReason) {
        for pair in &self.connections {
            let is_there = pair.backend().is_some_and(|b| Arc::ptr_eq(b, backend)) && pair.server() == Some(server);
            if is_there {
                pair.end_for(reason);
            }
        }
    }
}

impl Connection {
    pub(crate) fn backend(&self) -> Option<&Arc<Backend>> {
        self.backend.get()
    }

    pub(crate) fn server(&self) -> Option<ServerIdx> {
        self.server.load(Relaxed).checked_sub(1).map(ServerIdx)
    }

    /// The number of the line that it came by.
    pub(crate) fn listener(&self) -> u32 {
        self.listener.load(Relaxed)
    }

    /// The numbers of the client's socket and of the server's. By the time somebody looks they may be another's.
    pub(crate) fn sockets(&self) -> [Option<RawFd>; 2] {
        let [client, server] = &self.sockets;
        let known = |socket: &AtomicI32| Some(socket.load(Relaxed)).filter(|number| *number >= 0);
        [known(client), known(server).filter(|_| self.server().is_some())]
    }

    /// Asks it to go through the gate when nothing is under way; whether it has not said yet that it cannot.
    pub(crate) fn call(&self, how: Call) -> bool {
        let called = match how {
            Call::WhenAtRest => Calling::Called,
            Call::WhileConnecting => Calling::Urged,
        };
        if self.calling.load(Relaxed) == Calling::Stays as u8 {
            return false;
        }
        if self.calling.swap(called as u8, Relaxed) != called as u8 {
            self.waker.wake_by_ref();
        }
        true
    }

    /// It has said that it cannot go.
    pub(crate) fn is_staying(&self) -> bool {
        self.calling.load(Relaxed) == Calling::Stays as u8
    }

    /// When bytes last moved.
    pub(crate) fn moved(&self) -> Mono {
        Mono::from_millis(self.moved.load(Relaxed))
    }

    /// It was told to end.
    pub(crate) fn is_ending(&self) -> bool {
        self.sentence.load(Relaxed) != 0
    }

    /// Tells it to end, as an operator may.
    pub(crate) fn end(&self) {
        self.end_for(KillReason::Admin);
    }

    fn end_for(&self, reason: KillReason) {
        let place = SENTENCES.iter().position(|known| *known == reason).unwrap_or(0);
        // The list is short.
        self.sentence.store(place as u8 + 1, Relaxed);
        self.waker.wake_by_ref();
    }
}

impl Entry {
    /// Why it has to end, when somebody wants it to.
    pub(crate) fn sentence(&self) -> Option<KillReason> {
        let place = usize::from(self.connection.sentence.load(Relaxed)).checked_sub(1)?;
        SENTENCES.get(place).copied()
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn peer(&self) -> Peer {
        self.connection.peer
    }

    pub(crate) fn moved(&self, now: Mono) {
        self.connection.moved.store(now.as_millis(), Relaxed);
    }

    /// How it was called, if it was.
    pub(crate) fn call(&self) -> Option<Call> {
        let calling = self.connection.calling.load(Relaxed);
        if calling == Calling::Urged as u8 {
            return Some(Call::WhileConnecting);
        }
        (calling == Calling::Called as u8).then_some(Call::WhenAtRest)
    }

    /// Nobody has come for it after all.
    pub(crate) fn is_not_wanted(&self) {
        self.connection.calling.store(Calling::No as u8, Relaxed);
    }

    pub(crate) fn stays(&self) {
        self.connection.calling.store(Calling::Stays as u8, Relaxed);
    }

    pub(crate) fn came_by(&self, listener: u32, client: &Socket) {
        self.connection.listener.store(listener, Relaxed);
        self.connection.sockets[0].store(client.as_raw_fd(), Relaxed);
    }

    pub(crate) fn goes_by(&self, server: Option<&Socket>) {
        let number = server.map_or(-1, AsRawFd::as_raw_fd);
        self.connection.sockets[1].store(number, Relaxed);
    }

    pub(crate) fn at_backend(&self, backend: &Arc<Backend>) {
        // It is chosen once.
        let _first = self.connection.backend.set(backend.clone());
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
