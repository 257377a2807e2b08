//! One table: entries come, are found, live on, and go.

use std::sync::Arc;
use std::time::Duration;

use tandem_time::Mono;

use super::index::Index;
use super::journal::Journal;
use super::names::Names;
use super::slots::{MOST, Place, Slots};
use super::{DataType, Key, Layout, TableSettings, key_for};
use crate::ServerId;

/// What is known of each key, for as long as it was seen lately.
#[derive(Clone, Debug)]
pub struct StickTable {
    pub(super) settings: TableSettings,
    pub(super) layout: Layout,
    pub(super) slots: Slots,
    pub(super) index: Index,
    pub(super) names: Names,
    /// Where nobody is told of changes, nothing is noted.
    pub(super) journal: Option<Journal>,
    /// The latest time seen. Several workers share a table and their clocks are read at slightly different moments;
    /// the order of use must not run backwards for that.
    latest: Mono,
}

/// The server that the table knows for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StickEntry {
    /// 0 is none.
    pub server: ServerId,
    pub name: Option<Arc<str>>,
    pub expires: Option<Mono>,
}

/// What became of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    New,
    Updated,
    /// New, after that many of the entries nearest to expiry were dropped.
    Purged {
        dropped: u32,
    },
    /// Refused: the table is full and may not drop anything. The connection is simply not sticky.
    Full,
}

/// What became of an entry that was to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    Gone,
    /// Somebody holds it.
    InUse,
    /// There was none.
    Unknown,
}

impl StickTable {
    /// `secret` should be drawn anew for each run: it keeps clients from choosing addresses that collide.
    pub fn new(settings: TableSettings, secret: [u64; 2]) -> StickTable {
        let layout = Layout::new(&settings.store);
        StickTable {
            slots: Slots::new(settings.key.width(), layout.words(), settings.size),
            layout,
            index: Index::new(secret),
            names: Names::default(),
            journal: settings.is_shared.then(Journal::default),
            latest: Mono::ZERO,
            settings,
        }
    }

    pub fn settings(&self) -> &TableSettings {
        &self.settings
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// How many entries there are, expired ones included that [`StickTable::expire`] has not been asked to remove.
    pub fn len(&self) -> usize {
        self.slots.len() as usize
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes an entry takes at the most, with its share of the index.
    pub fn bytes_per_entry(&self) -> usize {
        // A bucket of 4 bytes, in an array that grows by doubling.
        size_of::<super::slots::Head>() + self.settings.key.width() + 4 * self.layout.words() + 8
    }

    /// Where the key is, without making it live on.
    pub fn find(&self, key: &Key<'_>, now: Mono) -> Option<Place> {
        self.live(key, now.max(self.latest))
    }

    /// What is known of the key; finding it makes it live on.
    pub fn lookup(&mut self, key: &Key<'_>, now: Mono) -> Option<StickEntry> {
        let now = self.advance(now);
        let place = self.live(key, now)?;
        self.touch(place, now);
        Some(self.entry(place))
    }

    /// What is known of the key, without making it live on.
    pub fn peek(&self, key: &Key<'_>, now: Mono) -> Option<StickEntry> {
        self.find(key, now).map(|place| self.entry(place))
    }

    /// Remembers where the key went. To be called when the server has accepted the connection, not before.
    pub fn store(&mut self, key: &Key<'_>, server: ServerId, name: &str, now: Mono) -> Store {
        let (place, done) = self.place_for(key, now);
        if let Some(place) = place {
            self.put_server(place, server, Some(name));
            self.touch(place, now);
        }
        done
    }

    /// The entry of this key, a new one if there is none; `None` when the table is full and may not drop anything.
    pub fn obtain(&mut self, key: &Key<'_>, now: Mono) -> Option<Place> {
        self.place_for(key, now).0
    }

    /// From now on it lives as long as a new one.
    pub fn touch(&mut self, place: Place, now: Mono) {
        let now = self.advance(now);
        let expires = self.lifetime_from(now);
        self.slots.renew(place, expires);
        if let Some(journal) = &mut self.journal {
            journal.note(place, self.slots.len());
        }
    }

    /// Removes the key, unless somebody holds it.
    pub fn remove(&mut self, key: &Key<'_>) -> Removed {
        let Some(place) = self.index.find(&self.slots, key.bytes().as_ref()) else {
            return Removed::Unknown;
        };
        if self.slots.at(place).holders > 0 {
            return Removed::InUse;
        }
        self.drop_at(place);
        Removed::Gone
    }

    /// All but what somebody holds.
    pub fn clear(&mut self) {
        while let Some(place) = self.slots.oldest() {
            self.drop_at(place);
        }
    }

    /// Removes what has expired and says how many those were.
    pub fn expire(&mut self, now: Mono) -> usize {
        self.expire_some(usize::MAX, now)
    }

    /// The same, but no more than so many at a time.
    pub fn expire_some(&mut self, most: usize, now: Mono) -> usize {
        let now = self.advance(now);
        let before = self.len();
        while before - self.len() < most
            && let Some(place) = self.slots.oldest().filter(|&place| self.expired(place, now))
        {
            self.drop_at(place);
        }
        before - self.len()
    }

    /// When the next entry expires.
    pub fn poll_deadline(&self) -> Option<Mono> {
        self.expires(self.slots.oldest()?)
    }

    /// Other rules from now on, for keys of the same type ([`StickTable::converted`] is for others). Entries stay; what
    /// does not fit any more goes, what was used longest ago first, but nothing that somebody holds.
    pub fn reconfigure(&mut self, settings: TableSettings) {
        debug_assert_eq!(settings.key, self.settings.key);
        let before = std::mem::replace(&mut self.settings, settings);
        if before.store != self.settings.store {
            self.relayout();
        }
        if before.is_shared != self.settings.is_shared {
            self.share();
        }
        if before.expire != self.settings.expire {
            let (latest, after) = (self.latest, self.settings.expire);
            self.slots.renew_all(|at| match (before.expire, after) {
                (_, None) => Mono::FAR,
                (None, Some(after)) => latest + after,
                (Some(before), Some(after)) => at.before(before) + after,
            });
        }
        while self.slots.len() > self.settings.size
            && let Some(place) = self.slots.oldest()
        {
            self.drop_at(place);
        }
    }

    /// The servers have other numbers now, or are gone: then their entries go, too.
    pub fn renumber(&mut self, number: impl Fn(&StickEntry) -> Option<ServerId>) {
        for place in self.slots.places() {
            let entry = self.entry(place);
            if entry.server == ServerId(0) && entry.name.is_none() {
                continue;
            }
            match number(&entry) {
                Some(server) => self.put_server(place, server, entry.name.as_deref()),
                None if self.slots.at(place).holders > 0 => self.put_server(place, ServerId(0), None),
                None => self.drop_at(place),
            }
        }
    }

    /// The same entries by other rules, in a table of its own: where keys have another type, nobody may go by the old ones
    /// in the new table. Those that cannot have a new key are left behind.
    pub fn converted(&self, settings: TableSettings, secret: [u64; 2], now: Mono) -> StickTable {
        let mut fresh = StickTable::new(settings, secret);
        let kind = fresh.settings.key;
        let entries = self.page(0, u32::MAX, now).0.into_iter().filter_map(|entry| {
            let key = key_for(kind, entry.key.sample())?.into_owned();
            Some(super::Dumped { key, ..entry })
        });
        fresh.restore(entries.collect(), now);
        fresh
    }

    pub(super) fn advance(&mut self, now: Mono) -> Mono {
        self.latest = self.latest.max(now);
        self.latest
    }

    pub(super) fn live(&self, key: &Key<'_>, now: Mono) -> Option<Place> {
        let found = self.index.find(&self.slots, key.bytes().as_ref());
        found.filter(|&place| !self.expired(place, now))
    }

    pub(super) fn expires(&self, place: Place) -> Option<Mono> {
        self.settings.expire.map(|_| self.slots.at(place).expires)
    }

    /// How much time an entry has left; `None` in a table whose entries do not expire.
    pub fn left(&self, place: Place, now: Mono) -> Option<Duration> {
        self.expires(place).map(|at| at.since(now))
    }

    pub(super) fn expired(&self, place: Place, now: Mono) -> bool {
        let head = self.slots.at(place);
        head.holders == 0 && head.expires <= now
    }

    pub(super) fn drop_at(&mut self, place: Place) {
        self.index.remove(&mut self.slots, place);
        self.slots.remove(place);
        if let Some(journal) = &mut self.journal {
            journal.forget(place);
        }
    }

    pub(super) fn lifetime_from(&self, now: Mono) -> Mono {
        self.settings
            .expire
            .map_or(Mono::FAR, |lifetime: Duration| now + lifetime)
    }

    /// The same for one that has so much time left by what somebody else says; here it may live for ever.
    pub(super) fn lifetime_of(&self, left: Option<Duration>, now: Mono) -> Mono {
        let usual = self.lifetime_from(now);
        let left = left.filter(|_| self.settings.expire.is_some());
        left.map_or(usual, |left| usual.min(now + left))
    }

    pub(super) fn is_full(&self) -> bool {
        self.slots.len() >= self.settings.size.min(MOST)
    }

    pub(super) fn add(&mut self, key: &Key<'_>, expires: Mono) -> Place {
        let place = self.slots.add(key.bytes().as_ref(), expires);
        self.index.add(&mut self.slots, place);
        place
    }

    pub(super) fn place_for(&mut self, key: &Key<'_>, now: Mono) -> (Option<Place>, Store) {
        let now = self.advance(now);
        if let Some(place) = self.live(key, now) {
            return (Some(place), Store::Updated);
        }
        self.remove(key);
        let expires = self.lifetime_from(now);
        if !self.is_full() || self.expire(now) > 0 && !self.is_full() {
            return (Some(self.add(key, expires)), Store::New);
        }
        if self.settings.nopurge {
            return (None, Store::Full);
        }
        match self.purge() {
            0 => (None, Store::Full),
            dropped => (Some(self.add(key, expires)), Store::Purged { dropped }),
        }
    }

    fn purge(&mut self) -> u32 {
        let before = self.slots.len();
        for _ in 0..self.settings.purge_batch() {
            let Some(place) = self.slots.oldest() else { break };
            self.drop_at(place);
        }
        before - self.slots.len()
    }

    pub(super) fn entry(&self, place: Place) -> StickEntry {
        let server = self.word(place, DataType::ServerId).unwrap_or(0);
        let name = self.word(place, DataType::ServerKey);
        StickEntry {
            server: ServerId(server),
            name: name.and_then(|number| self.names.name(number)).cloned(),
            expires: self.expires(place),
        }
    }
}
