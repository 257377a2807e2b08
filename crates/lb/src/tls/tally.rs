//! How much TLS is spoken: `show info` tells.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use tandem_lb_core::snapshot::ProcessCounts;
use tandem_time::Mono;

use crate::counters::{Count, Gauge, Rate};

/// Of the whole process.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    connections: Arc<Gauge>,
    /// 0 is no limit.
    most: AtomicU32,
    clients: Pace,
    /// Full handshakes: each costs a key.
    client_keys: Pace,
    server_keys: Pace,
    /// Clients who got through the handshake, and how many of them went on with an earlier session.
    sessions: Count,
    resumed: Count,
}

/// How many in a second, now and at most.
#[derive(Debug, Default)]
struct Pace {
    rate: Rate,
    most: AtomicU32,
}

/// A connection that is counted, with a client or a server; no more when dropped.
#[derive(Debug)]
pub(crate) struct Spoken(Arc<Gauge>);

/// The figures of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// How many there may be; 0 is no limit.
    pub(crate) most: u32,
    pub(crate) now: u32,
    pub(crate) total: u64,
    pub(crate) rate: u32,
    pub(crate) rate_max: u32,
    pub(crate) client_keys: u32,
    pub(crate) client_keys_max: u32,
    pub(crate) server_keys: u32,
    pub(crate) server_keys_max: u32,
    pub(crate) resumed_percent: u32,
}

impl Pace {
    fn one(&self, now: Mono) {
        self.rate.one(now);
        self.most.fetch_max(self.rate.now(now), Relaxed);
    }
}

impl Tally {
    /// So many connections from now on; whoever is there stays.
    pub(crate) fn allow(&self, most: Option<u32>) {
        self.most.store(most.unwrap_or(0), Relaxed);
    }

    /// A session's connection, if there is room for one more.
    pub(crate) fn enter(&self) -> Option<Spoken> {
        let most = match self.most.load(Relaxed) {
            0 => u32::MAX,
            most => most,
        };
        self.connections
            .enter_below(most)
            .then(|| Spoken(self.connections.clone()))
    }

    /// One that belongs to no session: too much of the others' is no reason against it.
    pub(crate) fn spoken(&self) -> Spoken {
        self.connections.enter();
        Spoken(self.connections.clone())
    }

    /// A client has come to speak it.
    pub(crate) fn came(&self, now: Mono) {
        self.clients.one(now);
    }

    /// It got through the handshake.
    pub(crate) fn client(&self, is_resumed: bool, now: Mono) {
        self.sessions.one();
        match is_resumed {
            true => self.resumed.one(),
            false => self.client_keys.one(now),
        }
    }

    /// So did a server.
    pub(crate) fn server(&self, is_resumed: bool, now: Mono) {
        if !is_resumed {
            self.server_keys.one(now);
        }
    }

    /// Goes on from what an earlier process counted.
    pub(crate) fn resume(&self, before: ProcessCounts) {
        self.connections.resume(before.tls);
        for (pace, most) in [
            (&self.clients, before.tls_rate_max),
            (&self.client_keys, before.client_keys_max),
            (&self.server_keys, before.server_keys_max),
        ] {
            pace.most.fetch_max(most, Relaxed);
        }
    }

    pub(crate) fn told(&self, now: Mono) -> Told {
        let sessions = self.sessions.now();
        let percent = (self.resumed.now() * 100).checked_div(sessions).unwrap_or(0);
        let most = |pace: &Pace| pace.most.load(Relaxed);
        Told {
            most: self.most.load(Relaxed),
            now: self.connections.now(),
            total: self.connections.total(),
            rate: self.clients.rate.now(now),
            rate_max: most(&self.clients),
            client_keys: self.client_keys.rate.now(now),
            client_keys_max: most(&self.client_keys),
            server_keys: self.server_keys.rate.now(now),
            server_keys_max: most(&self.server_keys),
            resumed_percent: u32::try_from(percent).unwrap_or(0),
        }
    }
}

impl Drop for Spoken {
    fn drop(&mut self) {
        self.0.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_allowed_however_many_ask_at_once() {
        let tally = Tally::default();
        tally.allow(Some(3));
        let asked = || (0..1000).filter_map(|_| tally.enter()).collect::<Vec<_>>();
        let held: Vec<Vec<Spoken>> = std::thread::scope(|scope| {
            let asking: Vec<_> = (0..4).map(|_| scope.spawn(asked)).collect();
            asking.into_iter().map(|all| all.join().unwrap_or_default()).collect()
        });
        assert_eq!(held.iter().flatten().count(), 3);
        let told = tally.told(Mono::ZERO);
        assert_eq!((told.now, told.total), (3, 3), "who is turned away was never there");
        drop(held);
        assert!(tally.enter().is_some());
        tally.allow(None);
        assert!(
            (0..9)
                .map(|_| tally.enter())
                .collect::<Vec<_>>()
                .iter()
                .all(Option::is_some)
        );
    }
}
