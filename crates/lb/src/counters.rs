//! What is counted, where it happens: by any worker, read by anyone at any time.
//!
//! Every group of counters fills its own cache lines, so that two workers counting on two servers do not disturb each
//! other. Relaxed ordering is enough: each number stands alone.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tandem_lb_core::snapshot::Counters;
use tandem_lb_core::stats::Field;
use tandem_time::Mono;

use crate::stats::Times;

/// A count of things that happened.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    /// Counts one, and says how many there were before it.
    pub(crate) fn next(&self) -> u64 {
        self.0.fetch_add(1, Relaxed)
    }

    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    pub(crate) fn one(&self) {
        self.add(1);
    }

    pub(crate) fn now(&self) -> u64 {
        self.0.load(Relaxed)
    }

    pub(crate) fn clear(&self) {
        self.0.store(0, Relaxed);
    }
}

/// How many there are now, the most there ever were, and how many have come.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    now: AtomicU32,
    max: AtomicU32,
    total: Count,
}

impl Gauge {
    pub(crate) fn enter(&self) {
        self.arrive();
        self.total.one();
    }

    /// The same, where there is room: fewer than `most` are here, counting and looking at once.
    pub(crate) fn enter_below(&self, most: u32) -> bool {
        let entered = self
            .now
            .fetch_update(Relaxed, Relaxed, |now| (now < most).then_some(now + 1));
        if let Ok(before) = entered {
            self.max.fetch_max(before + 1, Relaxed);
            self.total.one();
        }
        entered.is_ok()
    }

    /// One that is there already has come again.
    pub(crate) fn again(&self) {
        self.total.one();
    }

    /// One that has come before and was counted then.
    pub(crate) fn arrive(&self) {
        let now = self.now.fetch_add(1, Relaxed) + 1;
        self.max.fetch_max(now, Relaxed);
    }

    pub(crate) fn leave(&self) {
        self.now.fetch_sub(1, Relaxed);
    }

    pub(crate) fn now(&self) -> u32 {
        self.now.load(Relaxed)
    }

    /// The most there ever were is the most since now.
    pub(crate) fn forget_max(&self) {
        self.max.store(self.now(), Relaxed);
    }

    pub(crate) fn max(&self) -> u32 {
        self.max.load(Relaxed)
    }

    pub(crate) fn total(&self) -> u64 {
        self.total.now()
    }

    /// So many had come elsewhere.
    pub(crate) fn resume(&self, total: u64) {
        self.total.add(total);
    }
}

/// What rules refused.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Denials {
    pub(crate) connections: Count,
    pub(crate) sessions: Count,
    pub(crate) requests: Count,
    /// No PROXY header where one was expected, or one that is wrong.
    pub(crate) headers: Count,
    /// Clients who did not get through the handshake of TLS.
    pub(crate) handshakes: Count,
    pub(crate) responses: Count,
}

impl Denials {
    /// Goes on from what an earlier process counted.
    pub(crate) fn resume(&self, before: &Counters) {
        self.connections.add(before.count(Field::Dcon));
        self.sessions.add(before.count(Field::Dses));
        self.requests.add(before.count(Field::Dreq));
        self.headers.add(before.count(Field::Ereq));
        self.responses.add(before.count(Field::Dresp));
    }

    /// As if nothing had been refused yet.
    pub(crate) fn clear(&self) {
        for count in [
            &self.connections,
            &self.sessions,
            &self.requests,
            &self.headers,
            &self.responses,
            &self.handshakes,
        ] {
            count.clear();
        }
    }
}

/// How many come in a second, for rules that ask: this second's, and as much of the last one's as a sliding second still
/// covers, as HAProxy counts. Two workers at the turn of a second may lose a count, which no rule can tell.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    /// The second in the upper half, its count in the lower.
    this: AtomicU64,
    last: AtomicU64,
}

impl Rate {
    pub(crate) fn one(&self, now: Mono) {
        self.many(1, now);
    }

    /// As many as fit into 32 bits.
    pub(crate) fn many(&self, count: u64, now: Mono) {
        let second = now.as_millis() / 1000;
        let before = self.this.fetch_add(count, Relaxed);
        if before >> 32 != second {
            self.last.store(before, Relaxed);
            self.this.store(second << 32 | count, Relaxed);
        }
    }

    pub(crate) fn now(&self, now: Mono) -> u32 {
        let (second, part) = (now.as_millis() / 1000, now.as_millis() % 1000);
        let of = |packed: u64, wanted: Option<u64>| if Some(packed >> 32) == wanted { packed as u32 } else { 0 };
        let (this, last) = (self.this.load(Relaxed), self.last.load(Relaxed));
        let before = second.checked_sub(1);
        let previous = u64::from(of(last, before).max(of(this, before)));
        of(this, Some(second)) + (previous * (1000 - part) / 1000) as u32
    }
}

/// What every proxy and server counts.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Traffic {
    pub(crate) sessions: Gauge,
    pub(crate) rate: Rate,
    /// From clients.
    pub(crate) bytes_in: Count,
    /// To clients.
    pub(crate) bytes_out: Count,
    /// When a session last began, in milliseconds since the start, counted from 1; 0 is never.
    last: AtomicU64,
}

impl Traffic {
    pub(crate) fn began(&self, now: Mono) {
        self.sessions.enter();
        self.rate.one(now);
        self.last.store(now.as_millis() + 1, Relaxed);
    }

    /// So many sessions began elsewhere lately, and so many bytes came from clients and went to them.
    pub(crate) fn carried(&self, new: u64, (from, to): (u64, u64), now: Mono) {
        if new > 0 {
            self.sessions.resume(new);
            self.rate.many(new, now);
            self.last.store(now.as_millis() + 1, Relaxed);
        }
        self.bytes_in.add(from);
        self.bytes_out.add(to);
    }

    /// Goes on from what an earlier process counted.
    pub(crate) fn resume(&self, before: &Counters) {
        self.sessions.total.add(before.count(Field::Stot));
        let most = u32::try_from(before.count(Field::Smax)).unwrap_or(u32::MAX);
        self.sessions.max.fetch_max(most, Relaxed);
        self.bytes_in.add(before.count(Field::Bin));
        self.bytes_out.add(before.count(Field::Bout));
    }

    /// A session last began so long ago, elsewhere.
    pub(crate) fn resume_last(&self, ago: Option<Duration>, now: Mono) {
        if let Some(ago) = ago {
            let ago = u64::try_from(ago.as_millis()).unwrap_or(u64::MAX);
            self.last.fetch_max(now.as_millis().saturating_sub(ago) + 1, Relaxed);
        }
    }

    /// How long ago a session last began.
    pub(crate) fn last_ago(&self, now: Mono) -> Option<Duration> {
        let last = self.last.load(Relaxed).checked_sub(1)?;
        Some(Duration::from_millis(now.as_millis().saturating_sub(last)))
    }

    /// As if nothing had come yet; what is there stays.
    pub(crate) fn clear(&self) {
        self.sessions.forget_max();
        for count in [&self.sessions.total, &self.bytes_in, &self.bytes_out] {
            count.clear();
        }
    }

    /// Seconds since a session last began.
    pub(crate) fn last_seconds(&self, now: Mono) -> Option<u64> {
        self.last_ago(now).map(|ago| ago.as_secs())
    }
}

/// How connecting to servers goes; for a backend, and for each of its servers.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Attempts {
    pub(crate) connects: Count,
    /// Connections that no retry could save.
    pub(crate) connect_errors: Count,
    pub(crate) retries: Count,
    pub(crate) redispatches: Count,
    /// Chosen by balancing, not by a stick entry.
    pub(crate) balanced: Count,
    pub(crate) client_aborts: Count,
    pub(crate) server_aborts: Count,
    /// Answers that broke off; a server that fell silent has not begun one.
    pub(crate) response_errors: Count,
    /// Answers that rules refused.
    pub(crate) refused_answers: Count,
    pub(crate) times: Times,
}

impl Attempts {
    /// Goes on from what an earlier process counted.
    pub(crate) fn resume(&self, before: &Counters) {
        for (count, field) in [
            (&self.connects, Field::Connect),
            (&self.connect_errors, Field::Econ),
            (&self.retries, Field::Wretr),
            (&self.redispatches, Field::Wredis),
            (&self.balanced, Field::Lbtot),
            (&self.client_aborts, Field::CliAbrt),
            (&self.server_aborts, Field::SrvAbrt),
            (&self.response_errors, Field::Eresp),
            (&self.refused_answers, Field::Dresp),
        ] {
            count.add(before.count(field));
        }
        self.times.resume(before);
    }

    /// As if nothing had been tried yet.
    pub(crate) fn clear(&self) {
        let Attempts {
            connects,
            connect_errors,
            retries,
            redispatches,
            balanced,
            client_aborts,
            server_aborts,
            response_errors,
            refused_answers,
            times,
        } = self;
        for count in [
            connects,
            connect_errors,
            retries,
            redispatches,
            balanced,
            client_aborts,
            server_aborts,
            response_errors,
            refused_answers,
        ] {
            count.clear();
        }
        times.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_remembers_its_height() {
        let g = Gauge::default();
        g.enter();
        g.enter();
        g.leave();
        assert_eq!((g.now(), g.max.load(Relaxed), g.total()), (1, 2, 2));
    }

    #[test]
    fn what_was_refused_before_is_counted_on() {
        let mut before = Counters::default();
        for (field, count) in [(Field::Dcon, 1), (Field::Dses, 2), (Field::Dreq, 3), (Field::Ereq, 4)] {
            before.set(field, count);
        }
        let denials = Denials::default();
        denials.requests.one();
        denials.resume(&before);
        let counted = [
            &denials.connections,
            &denials.sessions,
            &denials.requests,
            &denials.headers,
        ]
        .map(Count::now);
        assert_eq!(counted, [1, 2, 4, 4]);
    }

    #[test]
    fn the_first_session_may_be_at_zero() {
        let t = Traffic::default();
        assert_eq!(t.last.load(Relaxed), 0);
        t.began(Mono::ZERO);
        assert_eq!(t.last.load(Relaxed), 1);
    }

    #[test]
    fn groups_share_no_cache_line() {
        assert_eq!(align_of::<Traffic>(), 128);
        assert_eq!(size_of::<Attempts>() % 128, 0);
    }
}
