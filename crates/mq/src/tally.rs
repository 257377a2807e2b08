//! What the threads count beside the broker: connections, logins, and how far the journal is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::sniff::Spoken;

/// What is counted of a protocol.
#[derive(Debug, Default)]
struct Speakers {
    now: AtomicU64,
    ever: AtomicU64,
}

#[derive(Debug, Default)]
pub(crate) struct Tally {
    speakers: [Speakers; SPOKEN.len()],
    accepted: AtomicU64,
    refused: AtomicU64,
    turned_away: AtomicU64,
    records: AtomicU64,
    commits: AtomicU64,
    journal: AtomicU64,
}

/// The protocols that are served, and what a label calls them.
const SPOKEN: [(Spoken, &str); 4] = [
    (Spoken::Stomp, "stomp"),
    (Spoken::Mqtt, "mqtt"),
    (Spoken::Amqp091, "amqp091"),
    (Spoken::Amqp10, "amqp10"),
];

/// One connection, until it is dropped.
pub(crate) struct Here {
    tally: Arc<Tally>,
    place: usize,
}

impl Drop for Here {
    fn drop(&mut self) {
        self.tally.speakers[self.place].now.fetch_sub(1, Relaxed);
    }
}

/// All of it at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counted {
    /// Of each protocol those that are here, and those that ever were.
    pub(crate) connections: Vec<(&'static str, u64, u64)>,
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    pub(crate) turned_away: u64,
    pub(crate) records: u64,
    pub(crate) commits: u64,
    /// What the journal takes on disk, in bytes.
    pub(crate) journal: u64,
}

impl Tally {
    /// `None` for what is no protocol of ours.
    pub(crate) fn enter(self: &Arc<Tally>, spoken: Spoken) -> Option<Here> {
        let place = SPOKEN.iter().position(|(known, _)| *known == spoken)?;
        self.speakers[place].now.fetch_add(1, Relaxed);
        self.speakers[place].ever.fetch_add(1, Relaxed);
        let tally = self.clone();
        Some(Here { tally, place })
    }

    pub(crate) fn logged_in(&self, is_accepted: bool) {
        let count = if is_accepted { &self.accepted } else { &self.refused };
        count.fetch_add(1, Relaxed);
    }

    /// A listener had no place for it.
    pub(crate) fn turned_away(&self) {
        self.turned_away.fetch_add(1, Relaxed);
    }

    /// So many records more are on disk, where the journal takes so many bytes.
    pub(crate) fn committed(&self, records: u64, size: u64) {
        self.records.fetch_add(records, Relaxed);
        self.commits.fetch_add(u64::from(records > 0), Relaxed);
        self.journal.store(size, Relaxed);
    }

    pub(crate) fn counted(&self) -> Counted {
        let of = |count: &AtomicU64| count.load(Relaxed);
        let connections = SPOKEN.iter().zip(&self.speakers);
        Counted {
            connections: connections
                .map(|((_, name), speakers)| (*name, of(&speakers.now), of(&speakers.ever)))
                .collect(),
            accepted: of(&self.accepted),
            refused: of(&self.refused),
            turned_away: of(&self.turned_away),
            records: of(&self.records),
            commits: of(&self.commits),
            journal: of(&self.journal),
        }
    }
}
