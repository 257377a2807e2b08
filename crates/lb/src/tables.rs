//! All stick tables by name, shared by all threads.
//!
//! A table is under a lock that is held for one lookup, one count or one store, never across anything that waits.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use tandem_lb_config as plan;
use tandem_lb_core::ServerId;
use tandem_lb_core::expr::{Ask, Sample};
use tandem_lb_core::rules::{Change, How};
use tandem_lb_core::stick::{Counted, DataType, Dumped, Key, Place, StickEntry, StickTable, TableSettings, key_for};
use tandem_ops::clock::Clock;
use tandem_time::{Mono, Seed};
use tokio::sync::Notify;

#[derive(Debug)]
pub(crate) struct Table {
    name: Arc<str>,
    /// As they were when the table got its name; only sizes and what is stored change later.
    kind: tandem_lb_core::stick::KeyType,
    table: Mutex<StickTable>,
    /// Whether it has columns for bytes, so that those who carry some need no lock where it has none.
    counts_bytes: AtomicBool,
    /// Whether servers are known by their addresses (`srvkey addr`).
    by_address: AtomicBool,
    /// How often somebody may have changed something.
    changes: AtomicU64,
    bell: Arc<Notify>,
}

/// Those that are there.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    names: ArcSwap<Names>,
    /// Rung when something has changed that peers are to be told.
    bell: Arc<Notify>,
}

/// A table that nobody else reads or changes meanwhile.
#[derive(Debug)]
pub(crate) struct Locked<'a> {
    table: MutexGuard<'a, StickTable>,
    changes: &'a AtomicU64,
    bell: &'a Notify,
}

#[derive(Debug, Default)]
struct Names {
    /// In the order of the configuration.
    order: Vec<Arc<Table>>,
    names: BTreeMap<Arc<str>, Arc<Table>>,
}

/// A hold on an entry, in which its connection is counted. It ends when this is dropped, however the connection ends.
#[derive(Debug)]
pub(crate) struct Tracked {
    table: Arc<Table>,
    place: Place,
    clock: Clock,
}

/// Places of a table that are looked at under one lock.
const PAGE: u32 = 512;

/// Some entries of a table, and where the next page begins.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) entries: Vec<Dumped>,
    pub(crate) next: Option<u32>,
}

impl Tables {
    pub(crate) fn named(&self, name: &str) -> Option<Arc<Table>> {
        self.names.load().names.get(name).cloned()
    }

    /// Rung when something has changed that peers are to be told.
    pub(crate) const fn bell(&self) -> &Arc<Notify> {
        &self.bell
    }

    /// In the order of the configuration.
    pub(crate) fn all(&self) -> Vec<Arc<Table>> {
        self.names.load().order.clone()
    }

    /// From now on there are these. Who was there goes on with its entries, by its new settings. To be called by the
    /// control runtime only.
    pub(crate) fn follow(&self, tables: &[plan::Table], seed: &mut Seed, now: Mono) {
        let before = self.names.load();
        let order: Vec<Arc<Table>> = tables
            .iter()
            .map(|table| match before.names.get(&table.name) {
                Some(known) => Table::renewed(known, &table.settings, seed, now),
                None => Arc::new(Table::fresh(table, seed, &self.bell)),
            })
            .collect();
        let names = order.iter().map(|table| (table.name.clone(), table.clone())).collect();
        self.names.store(Arc::new(Names { order, names }));
    }
}

fn secret(seed: &mut Seed) -> [u64; 2] {
    [seed.next_u64(), seed.next_u64()]
}

impl Table {
    fn new(name: Arc<str>, table: StickTable, bell: &Arc<Notify>) -> Table {
        Table {
            bell: bell.clone(),
            name,
            kind: table.settings().key,
            counts_bytes: AtomicBool::new(table.counts_bytes()),
            by_address: AtomicBool::new(table.settings().by_address),
            changes: AtomicU64::new(0),
            table: Mutex::new(table),
        }
    }

    /// One that nobody knew before; says what it may take.
    fn fresh(plan: &plan::Table, seed: &mut Seed, bell: &Arc<Notify>) -> Table {
        let table = StickTable::new(plan.settings.clone(), secret(seed));
        let (each, size) = (table.bytes_per_entry(), plan.settings.size);
        let most = each * size as usize / 1024;
        tracing::info!(
            "stick-table {}: {each} bytes an entry, {most} KiB when all {size} are there",
            plan.name
        );
        Table::new(plan.name.clone(), table, bell)
    }

    /// The same table where keys have the same type; another one, with the same entries, where they have not: who still
    /// goes by the old ones must not read the new.
    fn renewed(known: &Arc<Table>, settings: &TableSettings, seed: &mut Seed, now: Mono) -> Arc<Table> {
        let mut table = known.lock();
        if known.kind == settings.key {
            if table.settings() != settings {
                table.reconfigure(settings.clone());
                known.counts_bytes.store(table.counts_bytes(), Relaxed);
                known.by_address.store(settings.by_address, Relaxed);
            }
            return known.clone();
        }
        let converted = table.converted(settings.clone(), secret(seed), now);
        Arc::new(Table::new(known.name.clone(), converted, &known.bell))
    }

    /// The servers of its backend are these now; entries of those that are gone go.
    pub(crate) fn renumber(&self, before: &plan::Backend, after: &plan::Backend) {
        let numbers = |backend: &plan::Backend| -> Vec<(Arc<str>, ServerId)> {
            backend
                .servers
                .iter()
                .map(|server| (server.name.clone(), server.id))
                .collect()
        };
        let (before, after) = (numbers(before), numbers(after));
        if before == after {
            return;
        }
        self.lock().renumber(|entry| {
            let by_name = || before.iter().find(|(name, _)| Some(name) == entry.name.as_ref());
            let by_number = || before.iter().find(|(_, id)| *id == entry.server);
            let Some((name, _)) = by_name().or_else(|| by_number().filter(|_| entry.name.is_none())) else {
                return Some(entry.server);
            };
            after.iter().find(|(known, _)| known == name).map(|(_, id)| *id)
        });
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(crate) fn settings(&self) -> TableSettings {
        self.lock().settings().clone()
    }

    /// Whether servers are known by their addresses, and not by their names.
    pub(crate) fn is_by_address(&self) -> bool {
        self.by_address.load(Relaxed)
    }

    pub(crate) fn lock(&self) -> Locked<'_> {
        // Each operation leaves the table whole, so a panic elsewhere with the lock held has broken nothing.
        Locked {
            table: self.table.lock().unwrap_or_else(PoisonError::into_inner),
            changes: &self.changes,
            bell: &self.bell,
        }
    }

    /// A number that is another one when anything may have changed.
    pub(crate) fn changes(&self) -> u64 {
        // Whoever changes something now is heard of.
        let _quiet = self.lock();
        self.changes.load(Relaxed)
    }

    /// The key that a value is in this table; `None` when it cannot hold it.
    pub(crate) fn key<'v>(&self, value: Sample<'v>) -> Option<Key<'v>> {
        key_for(self.kind, value)
    }

    pub(crate) fn lookup(&self, key: &Key<'_>, now: Mono) -> Option<StickEntry> {
        self.lock().lookup(key, now)
    }

    /// What is known of a client by its address, without making it live on.
    pub(crate) fn peek(&self, value: Sample<'_>, now: Mono) -> Option<StickEntry> {
        let key = self.key(value)?;
        self.lock().peek(&key, now)
    }

    pub(crate) fn answer(&self, key: Sample<'_>, ask: Ask, now: Mono) -> Option<Sample<'static>> {
        let key = self.key(key)?;
        let mut table = self.lock();
        let place = match ask {
            Ask::Increase(..) => table.obtain(&key, now),
            _ => table.find(&key, now),
        };
        table.answer(place, ask, now)
    }

    /// A rate of this key, new if there is none.
    pub(crate) fn rate(&self, key: &Key<'_>, data: DataType, now: Mono) -> Option<Counted> {
        let mut table = self.lock();
        let place = table.obtain(key, now)?;
        table.rate(place, data)
    }

    /// Counts there, and says what it is then.
    pub(crate) fn spend(&self, key: &Key<'_>, data: DataType, by: u64, now: Mono) -> Option<Counted> {
        let mut table = self.lock();
        let place = table.obtain(key, now)?;
        table.spend(place, data, by, now);
        table.rate(place, data)
    }

    /// Begins to count a connection there; `None` when the table cannot hold its key, or has no room.
    pub(crate) fn track(self: &Arc<Table>, key: Sample<'_>, clock: Clock) -> Option<Tracked> {
        let key = self.key(key)?;
        let place = self.lock().track(&key, clock.now())?;
        Some(self.held(place, clock))
    }

    /// The same for one that was counted when it began, by another process.
    pub(crate) fn hold(self: &Arc<Table>, key: Sample<'_>, clock: Clock) -> Option<Tracked> {
        let key = self.key(key)?;
        let place = self.lock().hold(&key, clock.now())?;
        Some(self.held(place, clock))
    }

    fn held(self: &Arc<Table>, place: Place, clock: Clock) -> Tracked {
        Tracked {
            table: self.clone(),
            place,
            clock,
        }
    }

    /// The entries of one page, for which the table is locked no longer than a worker may wait.
    pub(crate) fn page(&self, from: u32, now: Mono) -> Page {
        let (entries, next) = self.lock().page(from, PAGE, now);
        Page { entries, next }
    }

    /// All entries in the order in which HAProxy dumps their keys, looked at a page at a time.
    pub(crate) fn entries(&self, now: Mono) -> Vec<Dumped> {
        let (mut entries, mut from) = (Vec::new(), Some(0));
        while let Some(place) = from {
            let page = self.page(place, now);
            entries.extend(page.entries);
            from = page.next;
        }
        // One that left its place and came back between two pages may have been met twice.
        entries.sort_by(|one, other| one.key.cmp_in_memory(&other.key));
        entries.dedup_by(|one, other| one.key == other.key);
        entries
    }
}

impl Tracked {
    pub(crate) fn table(&self) -> &Arc<Table> {
        &self.table
    }

    pub(crate) fn answer(&self, ask: Ask, now: Mono) -> Option<Sample<'static>> {
        self.table.lock().answer(Some(self.place), ask, now)
    }

    /// What another table says of the key of this entry.
    pub(crate) fn elsewhere(&self, table: &Table, ask: Ask, now: Mono) -> Option<Sample<'static>> {
        table.answer(self.key().sample(), ask, now)
    }

    pub(crate) fn key(&self) -> Key<'static> {
        self.table.lock().key_at(self.place).into_owned()
    }

    pub(crate) fn change(&self, change: Change, by: u64, now: Mono) {
        let mut table = self.table.lock();
        let done = match change.how {
            How::Add => table.count(self.place, change.data, change.at, by, now).is_some(),
            How::Set => table.set(self.place, change.data, change.at, by, now),
        };
        if done {
            table.touch(self.place, now);
        }
    }

    pub(crate) fn began(&self, now: Mono) {
        self.table.lock().began(self.place, now);
    }

    pub(crate) fn carried(&self, from_client: u64, to_client: u64, now: Mono) {
        if self.table.counts_bytes.load(Relaxed) {
            self.table.lock().carried(self.place, from_client, to_client, now);
        }
    }
}

impl Deref for Locked<'_> {
    type Target = StickTable;

    fn deref(&self) -> &StickTable {
        &self.table
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut StickTable {
        self.changes.fetch_add(1, Relaxed);
        &mut self.table
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // Whoever is woken waits for nothing but the end of this.
        if self.table.take_news() {
            self.bell.notify_one();
        }
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.table.lock().release(self.place, self.clock.now());
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;
    use std::time::Duration;

    use tandem_lb_core::bandwidth::{Allowance, Quota};

    use super::*;

    fn table(now: Mono) -> Arc<Table> {
        let text = "backend t\n stick-table type ip size 10 store bytes_in_rate(1s)\n";
        let loaded = plan::load(&[plan::NamedText::new("t", text)], &|_| None, None);
        let plan = loaded.plan.expect("it is whole");
        let tables = Tables::default();
        tables.follow(&plan.tables, &mut Seed::new(1), now);
        tables.named("t").expect("it is there")
    }

    #[test]
    fn what_is_spent_is_said_at_once() {
        let now = Mono::ZERO + Duration::from_secs(9);
        let table = table(now);
        let key = table.key(Sample::Ip([127, 0, 0, 1].into())).expect("an address");
        for sum in [10, 20, 30] {
            let counted = table.spend(&key, DataType::BytesInRate, 10, now).expect("room");
            let quota = Quota {
                limit: NonZero::new(100).expect("some"),
                period: Duration::from_millis(counted.period.into()),
            };
            assert_eq!(quota.allows(counted.rate, 0, now), Allowance::Bytes(100 - sum));
            assert_eq!(table.rate(&key, DataType::BytesInRate, now), Some(counted));
        }
    }
    #[test]
    fn who_only_looks_changes_nothing() {
        let now = Mono::ZERO + Duration::from_secs(9);
        let table = table(now);
        let address = || Sample::Ip([127, 0, 0, 1].into());
        let key = table.key(address()).expect("an address");
        let empty = table.changes();
        table.spend(&key, DataType::BytesInRate, 10, now);
        let one = table.changes();
        assert_ne!(one, empty);
        assert_eq!(table.entries(now).len(), 1);
        assert!(table.settings().size == 10 && table.lock().len() == 1);
        assert_eq!(table.changes(), one);
        table.spend(&key, DataType::BytesInRate, 10, now);
        assert_ne!(table.changes(), one);
    }
}
