//! What is remembered of one server beyond its counters: how its sessions were spread, and its last hour.
//!
//! It belongs to the server that all threads share, so it lives as long as that one does, whatever is reloaded around it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tandem_lb_core::conn::Summary;
use tandem_lb_core::stats::histogram::{BUCKETS, Distribution, Distributions, Measure};
use tandem_lb_core::stats::hour::{Hour, Past, Reading};
use tandem_time::Mono;

use crate::counters::Traffic;

/// Workers beyond so many share.
const SHARDS: usize = 8;

#[derive(Debug, Default)]
pub(crate) struct History {
    /// Each worker has its own, so that no two write to the same cache line.
    shards: Box<[Shard; SHARDS]>,
    /// Only the control runtime looks at it.
    hour: Mutex<Hour>,
}

#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard([Tally; Measure::ALL.len()]);

#[derive(Debug, Default)]
struct Tally {
    counts: [AtomicU64; BUCKETS],
    sum: AtomicU64,
}

impl History {
    /// Counts a session that has reached its server, on the worker's own shard: it may stay for days, and what it took to
    /// get there is of now.
    pub(crate) fn reached(&self, worker: usize, session: &Summary) {
        if let (Some(wait), Some(connect)) = (session.wait, session.connect) {
            self.tally(worker, Measure::QueueTime, micros(wait));
            self.tally(worker, Measure::ConnectTime, micros(connect));
        }
    }

    /// Counts a session that has ended, on the worker's own shard. One that reached no server is not counted.
    pub(crate) fn ended(&self, worker: usize, session: &Summary, from_client: u64, to_client: u64) {
        if session.connect.is_some() {
            self.tally(worker, Measure::Age, micros(session.total));
            self.tally(worker, Measure::BytesIn, from_client);
            self.tally(worker, Measure::BytesOut, to_client);
        }
    }

    fn tally(&self, worker: usize, measure: Measure, amount: u64) {
        let Shard(tallies) = &self.shards[worker % SHARDS];
        let tally = &tallies[measure.place()];
        tally.counts[measure.bucket(amount)].fetch_add(1, Relaxed);
        tally.sum.fetch_add(amount, Relaxed);
    }

    /// Goes on from what an earlier process counted.
    pub(crate) fn resume(&self, before: &Distributions) {
        let [Shard(tallies), ..] = &*self.shards;
        for (tally, before) in tallies.iter().zip(before) {
            for (count, before) in tally.counts.iter().zip(&before.counts) {
                count.fetch_add(*before, Relaxed);
            }
            tally.sum.fetch_add(before.sum, Relaxed);
        }
    }

    /// In the order of [`Measure::ALL`].
    pub(crate) fn distributions(&self) -> Distributions {
        Measure::ALL.map(|measure| self.distribution(measure))
    }

    /// Adds this moment to the hour.
    pub(crate) fn look(&self, traffic: &Traffic, now: Mono) {
        let reading = self.reading(traffic);
        self.hour().look(reading, now);
    }

    /// The hour for another process.
    pub(crate) fn past(&self, traffic: &Traffic, now: Mono) -> Vec<Past> {
        let reading = self.reading(traffic);
        self.hour().past(reading, now)
    }

    fn reading(&self, traffic: &Traffic) -> Reading {
        let connects = self.distribution(Measure::ConnectTime);
        Reading {
            sessions: traffic.sessions.now(),
            sessions_total: traffic.sessions.total(),
            bytes: traffic.bytes_in.now() + traffic.bytes_out.now(),
            connects: connects.total(),
            connect_micros: connects.sum,
        }
    }

    pub(crate) fn hour(&self) -> MutexGuard<'_, Hour> {
        // A look leaves the hour whole, so a panic elsewhere has broken nothing.
        self.hour.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn clear(&self) {
        for Shard(tallies) in self.shards.iter() {
            for tally in tallies {
                tally.sum.store(0, Relaxed);
                tally.counts.iter().for_each(|count| count.store(0, Relaxed));
            }
        }
    }

    fn distribution(&self, measure: Measure) -> Distribution {
        let mut all = Distribution::default();
        for Shard(tallies) in self.shards.iter() {
            let tally = &tallies[measure.place()];
            for (sum, count) in all.counts.iter_mut().zip(&tally.counts) {
                *sum += count.load(Relaxed);
            }
            all.sum = all.sum.wrapping_add(tally.sum.load(Relaxed));
        }
        all
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_lb_core::conn::Ending;

    #[test]
    fn workers_count_apart_and_are_read_together() {
        let history = History::default();
        let session = |connect| Summary {
            wait: Some(Duration::ZERO),
            connect: Some(connect),
            total: Duration::from_secs(2),
            retries: 0,
            redispatched: false,
            server: None,
            ending: Ending::NORMAL,
        };
        let led = |history: &History, worker, session: &Summary, (bytes_in, bytes_out)| {
            history.reached(worker, session);
            history.ended(worker, session, bytes_in, bytes_out);
        };
        led(&history, 0, &session(Duration::from_micros(200)), (10, 70_000));
        led(&history, 1, &session(Duration::from_millis(3)), (20, 0));
        led(&history, SHARDS, &session(Duration::from_millis(3)), (30, 0));
        let nobody = Summary {
            connect: None,
            ..session(Duration::ZERO)
        };
        led(&history, 0, &nobody, (1, 1));
        let all = history.distributions();
        let connect = &all[Measure::ConnectTime.place()];
        assert_eq!((connect.total(), connect.sum), (3, 6_200));
        assert_eq!((connect.counts[0], connect.counts[4]), (1, 2));
        assert_eq!(all[Measure::BytesIn.place()].sum, 60);
        assert_eq!(all[Measure::BytesOut.place()].counts[6], 1);
        let heir = History::default();
        heir.resume(&all);
        led(&heir, 1, &session(Duration::from_micros(1)), (0, 0));
        assert_eq!(heir.distributions()[Measure::ConnectTime.place()].counts[0], 2);
        history.clear();
        assert!(history.distributions().iter().all(|d| *d == Distribution::default()));
    }

    #[test]
    fn how_long_it_took_to_get_there_is_known_before_the_end() {
        let history = History::default();
        let session = Summary {
            wait: Some(Duration::from_millis(1)),
            connect: Some(Duration::from_millis(2)),
            total: Duration::ZERO,
            retries: 0,
            redispatched: false,
            server: None,
            ending: Ending::NORMAL,
        };
        history.reached(0, &session);
        let counts = |history: &History| history.distributions().map(|d| d.total());
        assert_eq!(counts(&history), [1, 1, 0, 0, 0]);
        history.ended(0, &session, 1, 1);
        assert_eq!(counts(&history), [1; 5]);
    }

    #[test]
    fn a_shard_shares_no_cache_line() {
        assert_eq!(align_of::<Shard>(), 128);
        assert_eq!(size_of::<Shard>() % 128, 0);
    }
}
