//! How long a client may come back to a session (`tune.ssl.lifetime`), by a ticket or to what is kept of it here: the
//! second in which it was made stands before it, and once that is too long ago it is nothing.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::UnixTime;
use rustls::server::{ProducesTickets, StoresServerSessions};

/// Whoever makes tickets or keeps sessions, for so long.
#[derive(Debug)]
pub(crate) struct Lasting<T: ?Sized> {
    inner: Arc<T>,
    seconds: u64,
}

impl<T: ?Sized> Lasting<T> {
    pub(crate) fn new(inner: Arc<T>, lifetime: Duration) -> Lasting<T> {
        Lasting {
            inner,
            seconds: lifetime.as_secs(),
        }
    }

    /// What is left of it now. Where the clock was put back it is as if it had been made just now.
    fn fresh(&self, stamped: &[u8], now: u64) -> Option<Vec<u8>> {
        let (made, session) = stamped.split_first_chunk()?;
        let age = now.saturating_sub(u64::from_be_bytes(*made));
        (age <= self.seconds).then(|| session.to_vec())
    }
}

fn stamped(session: &[u8], now: u64) -> Vec<u8> {
    [&now.to_be_bytes()[..], session].concat()
}

fn now() -> u64 {
    UnixTime::now().as_secs()
}

impl ProducesTickets for Lasting<dyn ProducesTickets> {
    fn enabled(&self) -> bool {
        self.inner.enabled()
    }

    fn lifetime(&self) -> u32 {
        let seconds = u32::try_from(self.seconds).unwrap_or(u32::MAX);
        self.inner.lifetime().min(seconds)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.inner.encrypt(&stamped(plain, now()))
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        self.fresh(&self.inner.decrypt(ticket)?, now())
    }
}

impl StoresServerSessions for Lasting<dyn StoresServerSessions> {
    fn put(&self, key: Vec<u8>, session: Vec<u8>) -> bool {
        self.inner.put(key, stamped(&session, now()))
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.fresh(&self.inner.get(key)?, now())
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.fresh(&self.inner.take(key)?, now())
    }

    fn can_cache(&self) -> bool {
        self.inner.can_cache()
    }
}

#[cfg(test)]
mod tests {
    use rustls::server::ServerSessionMemoryCache;

    use super::*;

    #[test]
    fn what_is_older_is_nothing() {
        let kept: Arc<dyn StoresServerSessions> = ServerSessionMemoryCache::new(16);
        let lasting = Lasting::new(kept, Duration::from_secs(300));
        let made = stamped(b"session", 1000);
        for (now, left) in [(1000, true), (1300, true), (1301, false), (5000, false), (10, true)] {
            assert_eq!(lasting.fresh(&made, now).is_some(), left, "{now}");
        }
        assert_eq!(lasting.fresh(&made, 1000).as_deref(), Some(&b"session"[..]));
        assert_eq!(lasting.fresh(b"short", 1000), None);
        assert!(lasting.put(b"key".to_vec(), b"session".to_vec()));
        assert_eq!(lasting.get(b"key").as_deref(), Some(&b"session"[..]));
        assert_eq!(lasting.take(b"key").as_deref(), Some(&b"session"[..]));
        assert_eq!(lasting.take(b"key"), None);
    }

    #[test]
    fn clients_are_told() {
        let tickets = rustls::crypto::ring::Ticketer::new().expect("the system has randomness");
        let usual = tickets.lifetime();
        let lasting = |seconds| Lasting::new(tickets.clone(), Duration::from_secs(seconds)).lifetime();
        assert_eq!((lasting(300), lasting(u64::MAX)), (300, usual));
    }
}
