//! Sending a known client back to its server: one backend's stick table and the rules that use it.
//!
//! The table is under a lock that is held for one lookup or one store, never across anything that waits.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tandem_lb_config::Stick;
use tandem_lb_core::backend::View;
use tandem_lb_core::stick::{
    Assigned, Key, KeyType, Standing, StickEntry, StickTable, Stored, TableSettings, assign, key_for,
};
use tandem_lb_core::{ServerId, ServerIdx};
use tandem_time::{Mono, Seed};

#[derive(Debug)]
pub(crate) struct Affinity {
    settings: TableSettings,
    matches: bool,
    stores: bool,
    /// The next generation has the same one.
    table: Arc<Mutex<StickTable>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fill {
    /// What it is keyed by, in the word of the configuration.
    pub(crate) key: &'static str,
    pub(crate) size: u32,
    pub(crate) used: usize,
}

/// Places of a table that are looked at under one lock.
const PAGE: u32 = 2_048;

/// Some entries of a table, and where the next page begins.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) entries: Vec<(Key, StickEntry)>,
    pub(crate) next: Option<u32>,
}

/// An entry of an earlier process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Restored {
    pub(crate) source: IpAddr,
    pub(crate) server: ServerId,
    pub(crate) left: Option<Duration>,
}

impl Affinity {
    pub(crate) fn new(stick: &Stick, seed: &mut Seed) -> Affinity {
        Affinity {
            settings: stick.table,
            matches: stick.rules.iter().any(|rule| rule.matches),
            stores: stick.rules.iter().any(|rule| rule.stores),
            table: Arc::new(Mutex::new(StickTable::new(
                stick.table,
                [seed.next_u64(), seed.next_u64()],
            ))),
        }
    }

    /// The same table by other rules. `numbers` leads from the number that a server had to the one that it has now.
    ///
    /// Where one has another, the table is copied: who still goes by the old ones must not read the new. What they store in
    /// the time of the copy is forgotten, so a client may be sent elsewhere once.
    pub(crate) fn renewed(&self, stick: &Stick, numbers: &BTreeMap<ServerId, ServerId>) -> Affinity {
        let mut table = self.table();
        let table = if numbers.iter().any(|(before, after)| before != after) {
            let mut copy = table.clone();
            copy.renumber(|server| numbers.get(&server).copied());
            copy.reconfigure(stick.table);
            Arc::new(Mutex::new(copy))
        } else {
            table.renumber(|server| numbers.get(&server).copied());
            table.reconfigure(stick.table);
            self.table.clone()
        };
        Affinity {
            settings: stick.table,
            matches: stick.rules.iter().any(|rule| rule.matches),
            stores: stick.rules.iter().any(|rule| rule.stores),
            table,
        }
    }

    /// The server that knows this client, if it may still be used.
    pub(crate) fn server_for(&self, source: IpAddr, view: &View, now: Mono) -> Option<ServerIdx> {
        let key = self.key(source).filter(|_| self.matches)?;
        let entry = self.table().lookup(&key, now);
        match assign(entry, |id| standing(view, id)) {
            Assigned::To(idx) => Some(idx),
            Assigned::Choose => None,
        }
    }

    /// Remembers where the client went; to be called when the server has accepted it.
    pub(crate) fn remember(&self, source: IpAddr, server: ServerId, now: Mono) {
        if let Some(key) = self.key(source).filter(|_| self.stores) {
            // That a full table refuses it means that this client is not sticky, and nothing else.
            self.table().store(&key, server, now);
        }
    }

    /// Drops what has expired, and says when there will be more.
    pub(crate) fn expire(&self, now: Mono) -> Option<Mono> {
        let mut table = self.table();
        table.expire(now);
        table.poll_deadline()
    }

    /// All entries in the order of their keys, looked at a page at a time.
    pub(crate) fn entries(&self, now: Mono) -> Vec<(Key, StickEntry)> {
        let (mut entries, mut from) = (Vec::new(), Some(0));
        while let Some(place) = from {
            let page = self.page(place, now);
            entries.extend(page.entries);
            from = page.next;
        }
        // One that left its place and came back between two pages may have been met twice.
        entries.sort_unstable_by_key(|(key, _)| *key);
        entries.dedup_by_key(|(key, _)| *key);
        entries
    }

    /// The entries of one page, for which the table is locked no longer than a worker may wait.
    pub(crate) fn page(&self, from: u32, now: Mono) -> Page {
        let (entries, next) = self.table().page(from, PAGE, now);
        Page { entries, next }
    }

    /// Goes on with what an earlier process knew, before anybody else asks.
    pub(crate) fn restore(&self, mut entries: Vec<Restored>, now: Mono) {
        entries.sort_by_key(|entry| entry.left.unwrap_or(Duration::MAX));
        let keyed = entries
            .into_iter()
            .filter_map(|entry| Some((self.key(entry.source)?, entry.server, entry.left)));
        let keyed: Vec<_> = keyed.collect();
        self.table().restore(keyed.into_iter(), now);
    }

    pub(crate) fn key_type(&self) -> KeyType {
        self.settings.key
    }

    /// What is known of a client, without making it live on.
    pub(crate) fn peek(&self, source: IpAddr, now: Mono) -> Option<(Key, StickEntry)> {
        let key = self.key(source)?;
        self.table().peek(&key, now).map(|entry| (key, entry))
    }

    /// Sends a client to a server from now on; false when the table has no room for it.
    pub(crate) fn put(&self, source: IpAddr, server: ServerId, now: Mono) -> bool {
        let Some(key) = self.key(source) else { return false };
        self.table().store(&key, server, now) != Stored::Full
    }

    pub(crate) fn forget(&self, key: &Key) {
        self.table().remove(key);
    }

    pub(crate) fn forget_source(&self, source: IpAddr) {
        if let Some(key) = self.key(source) {
            self.forget(&key);
        }
    }

    pub(crate) fn clear(&self) {
        self.table().clear();
    }

    /// How full the table is.
    pub(crate) fn fill(&self) -> Fill {
        Fill {
            key: match self.settings.key {
                KeyType::Ipv4 => "ip",
                KeyType::Ipv6 => "ipv6",
            },
            size: self.settings.size,
            used: self.table().len(),
        }
    }

    fn key(&self, source: IpAddr) -> Option<Key> {
        key_for(&self.settings, source)
    }

    fn table(&self) -> MutexGuard<'_, StickTable> {
        // Each operation leaves the table whole, so a panic elsewhere with the lock held has broken nothing.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn standing(view: &View, id: ServerId) -> Standing {
    match view
        .place_of(id)
        .and_then(|idx| view.server(idx).map(|server| (idx, server)))
    {
        None => Standing::Unknown,
        Some((idx, server)) if server.takes_known() => Standing::Running(idx),
        Some(_) => Standing::Stopped,
    }
}
