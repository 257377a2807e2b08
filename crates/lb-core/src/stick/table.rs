//! The table of one backend.

use std::time::Duration;

use tandem_time::Mono;

use super::index::Index;
use super::slots::{NONE, Place, Slots};
use super::{Key, TableSettings, key_for};
use crate::ServerId;

/// Which server each known key went to, for as long as it was seen lately.
#[derive(Clone, Debug)]
pub struct StickTable {
    settings: TableSettings,
    slots: Slots,
    index: Index,
    /// The latest time seen. Several workers share a table and their clocks are read at slightly different moments;
    /// the order of use must not run backwards for that.
    latest: Mono,
}

/// What the table knows of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StickEntry {
    pub server: ServerId,
    pub expires: Option<Mono>,
}

/// What became of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    New,
    Updated,
    /// New, after that many of the entries nearest to expiry were dropped.
    Purged {
        dropped: u32,
    },
    /// Refused: the table is full and may not drop anything. The connection is simply not sticky.
    Full,
}

impl StickTable {
    /// `secret` should be drawn anew for each run: it keeps clients from choosing addresses that collide.
    pub fn new(settings: TableSettings, secret: [u64; 2]) -> StickTable {
        StickTable {
            settings,
            slots: Slots::new(),
            index: Index::new(secret),
            latest: Mono::ZERO,
        }
    }

    pub fn settings(&self) -> &TableSettings {
        &self.settings
    }

    /// How many entries there are, expired ones included that [`StickTable::expire`] has not been asked to remove.
    pub fn len(&self) -> usize {
        self.slots.len() as usize
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is known of the key; finding it makes it live on.
    pub fn lookup(&mut self, key: &Key, now: Mono) -> Option<StickEntry> {
        let now = self.advance(now);
        let place = self.live(key, now)?;
        self.slots.refresh(place, now);
        Some(self.entry(place))
    }

    /// What is known of the key, without making it live on.
    pub fn peek(&self, key: &Key, now: Mono) -> Option<StickEntry> {
        self.live(key, now.max(self.latest)).map(|place| self.entry(place))
    }

    /// Remembers where the key went. To be called when the server has accepted the connection, not before.
    pub fn store(&mut self, key: &Key, server: ServerId, now: Mono) -> Stored {
        let now = self.advance(now);
        if let Some(place) = self.live(key, now) {
            self.slots.at_mut(place).server = server;
            self.slots.refresh(place, now);
            return Stored::Updated;
        }
        self.remove(key);
        if !self.is_full() || self.expire(now) > 0 && !self.is_full() {
            self.add(key, server, now);
            return Stored::New;
        }
        if self.settings.nopurge || self.is_empty() {
            return Stored::Full;
        }
        let dropped = self.purge();
        self.add(key, server, now);
        Stored::Purged { dropped }
    }

    /// Removes the key; false when it was not there.
    pub fn remove(&mut self, key: &Key) -> bool {
        let found = self.index.find(&self.slots, key);
        if let Some(place) = found {
            self.drop_at(place);
        }
        found.is_some()
    }

    pub fn clear(&mut self) {
        while let Some(place) = self.slots.oldest() {
            self.drop_at(place);
        }
    }

    /// Removes what has expired and says how many those were.
    pub fn expire(&mut self, now: Mono) -> usize {
        let now = self.advance(now);
        let before = self.len();
        while let Some(place) = self.slots.oldest().filter(|&place| self.expired(place, now)) {
            self.drop_at(place);
        }
        before - self.len()
    }

    /// Other rules from now on. Entries stay; what does not fit any more goes, what was used longest ago first.
    pub fn reconfigure(&mut self, settings: TableSettings) {
        let before = std::mem::replace(&mut self.settings, settings);
        if before.key != settings.key {
            self.convert();
        }
        while self.slots.len() > settings.size
            && let Some(place) = self.slots.oldest()
        {
            self.drop_at(place);
        }
    }

    /// The servers have other numbers now; entries of those that have none go.
    pub fn renumber(&mut self, number: impl Fn(ServerId) -> Option<ServerId>) {
        let places: Vec<Place> = self.slots.places().collect();
        for place in places {
            match number(self.slots.at(place).server) {
                Some(server) => self.slots.at_mut(place).server = server,
                None => self.drop_at(place),
            }
        }
    }

    /// Gives every entry a key of the present type, in the order of use; those that cannot have one go.
    fn convert(&mut self) {
        let slots = self.slots.places().map(|place| self.slots.at(place));
        let entries: Vec<_> = slots.map(|slot| (slot.key, slot.server, slot.used)).collect();
        self.clear();
        for (key, server, used) in entries {
            let Some(key) = key_for(&self.settings, key.address()) else {
                continue;
            };
            self.remove(&key);
            let place = self.slots.add(key, server, used);
            self.index.add(&mut self.slots, place);
        }
    }

    /// When the next entry expires.
    pub fn poll_deadline(&self) -> Option<Mono> {
        self.expires(self.slots.oldest()?)
    }

    /// So many places from one on, for a dump that must not keep others waiting: the entries there that live, and where
    /// to go on. An entry that lives through the whole dump is in it once.
    pub fn page(&self, from: u32, most: u32, now: Mono) -> (Vec<(Key, StickEntry)>, Option<u32>) {
        let (places, next) = self.slots.page(from, most);
        let alive = places.filter(|&place| !self.expired(place, now));
        let entries = alive.map(|place| (self.slots.at(place).key, self.entry(place)));
        (entries.collect(), next)
    }

    /// Goes on with what an earlier process knew: keys and the time each has left, the one with the least first. To be
    /// called before anything else is stored. What the table has no room for is forgotten, the oldest first.
    pub fn restore(&mut self, entries: impl ExactSizeIterator<Item = (Key, ServerId, Option<Duration>)>, now: Mono) {
        let now = self.advance(now);
        let most = self.settings.size.min(NONE - 1) as usize;
        let too_many = entries.len().saturating_sub(most);
        for (key, server, left) in entries.skip(too_many) {
            let used = match (self.settings.expire, left) {
                (Some(lifetime), Some(left)) => now.before(lifetime.saturating_sub(left)),
                _ => now,
            };
            if self.index.find(&self.slots, &key).is_none() {
                let place = self.slots.add(key, server, used);
                self.index.add(&mut self.slots, place);
            }
        }
    }

    fn is_full(&self) -> bool {
        self.slots.len() >= self.settings.size.min(NONE - 1)
    }

    fn advance(&mut self, now: Mono) -> Mono {
        self.latest = self.latest.max(now);
        self.latest
    }

    fn live(&self, key: &Key, now: Mono) -> Option<Place> {
        self.index
            .find(&self.slots, key)
            .filter(|&place| !self.expired(place, now))
    }

    fn add(&mut self, key: &Key, server: ServerId, now: Mono) {
        let place = self.slots.add(*key, server, now);
        self.index.add(&mut self.slots, place);
    }

    fn drop_at(&mut self, place: Place) {
        self.index.remove(&mut self.slots, place);
        self.slots.remove(place);
    }

    fn purge(&mut self) -> u32 {
        let before = self.slots.len();
        for _ in 0..self.settings.purge_batch() {
            let Some(place) = self.slots.oldest() else { break };
            self.drop_at(place);
        }
        before - self.slots.len()
    }

    fn entry(&self, place: Place) -> StickEntry {
        StickEntry {
            server: self.slots.at(place).server,
            expires: self.expires(place),
        }
    }

    fn expires(&self, place: Place) -> Option<Mono> {
        self.settings
            .expire
            .map(|lifetime: Duration| self.slots.at(place).used + lifetime)
    }

    fn expired(&self, place: Place, now: Mono) -> bool {
        self.expires(place).is_some_and(|at| at <= now)
    }
}
