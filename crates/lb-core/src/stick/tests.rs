//! The table against a model that is too simple to be wrong: a sorted map, and a scan for everything.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use proptest::prelude::*;
use tandem_time::Mono;

use super::*;
use crate::ServerId;

/// Entries with when and how recently they were used.
#[derive(Debug)]
struct Model {
    settings: TableSettings,
    entries: BTreeMap<Key<'static>, (ServerId, Mono, u64)>,
    uses: u64,
}

impl Model {
    fn expired(&self, used: Mono, now: Mono) -> bool {
        self.settings.expire.is_some_and(|lifetime| used + lifetime <= now)
    }

    fn found(&self, key: &Key<'static>, now: Mono) -> Option<StickEntry> {
        let &(server, used, _) = self.entries.get(key)?;
        (!self.expired(used, now)).then(|| StickEntry {
            server,
            name: None,
            expires: self.settings.expire.map(|e| used + e),
        })
    }

    fn put(&mut self, key: Key<'static>, server: ServerId, now: Mono) {
        self.uses += 1;
        self.entries.insert(key, (server, now, self.uses));
    }

    fn lookup(&mut self, key: &Key<'static>, now: Mono) -> Option<StickEntry> {
        let server = self.found(key, now)?.server;
        self.put(key.clone(), server, now);
        self.found(key, now)
    }

    fn expire(&mut self, now: Mono) -> usize {
        let gone: Vec<Key<'static>> = self
            .entries
            .iter()
            .filter(|(_, (_, used, _))| self.expired(*used, now))
            .map(|(k, _)| k.clone())
            .collect();
        self.entries.retain(|k, _| !gone.contains(k));
        gone.len()
    }

    fn store(&mut self, key: &Key<'static>, server: ServerId, now: Mono) -> Store {
        if self.found(key, now).is_some() {
            self.put(key.clone(), server, now);
            return Store::Updated;
        }
        self.entries.remove(key);
        let size = self.settings.size as usize;
        if self.entries.len() >= size {
            self.expire(now);
        }
        if self.entries.len() < size {
            self.put(key.clone(), server, now);
            return Store::New;
        }
        if self.settings.nopurge || size == 0 {
            return Store::Full;
        }
        let batch = (self.settings.size / 256 + 1) as usize;
        for _ in 0..batch {
            let oldest = self
                .entries
                .iter()
                .min_by_key(|(_, (_, _, use_))| *use_)
                .expect("a full table has entries")
                .0
                .clone();
            self.entries.remove(&oldest);
        }
        self.put(key.clone(), server, now);
        Store::Purged { dropped: batch as u32 }
    }

    fn deadline(&self) -> Option<Mono> {
        let oldest = self.entries.values().map(|&(_, used, _)| used).min()?;
        self.settings.expire.map(|lifetime| oldest + lifetime)
    }
}

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Lookup(u8),
    Peek(u8),
    Store(u8, u32),
    Remove(u8),
    Expire,
    Clear,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0u64..40).prop_map(Step::Wait),
        8 => any::<u8>().prop_map(Step::Lookup),
        4 => any::<u8>().prop_map(Step::Peek),
        20 => (any::<u8>(), 1u32..5).prop_map(|(k, s)| Step::Store(k, s)),
        1 => any::<u8>().prop_map(Step::Remove),
        1 => Just(Step::Expire),
        1 => Just(Step::Clear),
    ]
}

fn settings() -> impl Strategy<Value = TableSettings> {
    (
        prop_oneof![0u32..12, 250u32..270, Just(600)],
        proptest::option::of(1u64..200),
        any::<bool>(),
    )
        .prop_map(|(size, expire, nopurge)| TableSettings {
            expire: expire.map(Duration::from_millis),
            nopurge,
            store: server_id(),
            ..TableSettings::new(KeyType::Ipv4, size)
        })
}

fn server_id() -> Vec<Stored> {
    let mut settings = TableSettings::new(KeyType::Ipv4, 1);
    settings.also(DataType::ServerId);
    settings.store
}

fn key(n: u32) -> Key<'static> {
    Key::V4(Ipv4Addr::from(0x7f00_0000 + n))
}

/// All entries, expired ones included, in the order of their keys.
fn sorted(table: &StickTable) -> Vec<(Key<'static>, ServerId, Option<Duration>)> {
    let (mut all, mut from) = (Vec::new(), Some(0));
    while let Some(place) = from {
        let (page, next) = table.page(place, 3, Mono::ZERO);
        assert!(page.len() <= 3 && next.is_none_or(|next| next > place));
        all.extend(page.into_iter().map(|entry| {
            let server = entry.value(DataType::ServerId).map_or(0, Value::number);
            (entry.key, ServerId(server as u32), entry.left)
        }));
        from = next;
    }
    all.sort();
    all
}

fn agree(table: &StickTable, model: &Model) -> Result<(), TestCaseError> {
    prop_assert_eq!(table.len(), model.entries.len());
    prop_assert!(table.len() <= model.settings.size as usize);
    prop_assert_eq!(table.poll_deadline(), model.deadline());
    let listed: Vec<_> = sorted(table).into_iter().map(|(k, server, _)| (k, server)).collect();
    let expected: Vec<_> = model.entries.iter().map(|(k, v)| (k.clone(), v.0)).collect();
    prop_assert_eq!(listed, expected);
    Ok(())
}

proptest! {
    #[test]
    fn does_what_the_model_does(settings in settings(), steps in proptest::collection::vec(step(), 1..400), fill in 0u32..700) {
        let mut table = StickTable::new(settings.clone(), [1, 2]);
        let mut model = Model { settings, entries: BTreeMap::new(), uses: 0 };
        let mut now = Mono::ZERO;
        for n in 0..fill {
            let k = key(n);
            prop_assert_eq!(table.store(&k, ServerId(9), "", now), model.store(&k, ServerId(9), now));
        }
        agree(&table, &model)?;
        for step in steps {
            match step {
                Step::Wait(ms) => now += Duration::from_millis(ms),
                Step::Lookup(k) => prop_assert_eq!(table.lookup(&key(k.into()), now), model.lookup(&key(k.into()), now)),
                Step::Peek(k) => prop_assert_eq!(table.peek(&key(k.into()), now), model.found(&key(k.into()), now)),
                Step::Store(k, s) => {
                    let k = key(k.into());
                    prop_assert_eq!(table.store(&k, ServerId(s), "", now), model.store(&k, ServerId(s), now));
                }
                Step::Remove(k) => {
                    prop_assert_eq!(table.remove(&key(k.into())) == Removed::Gone, model.entries.remove(&key(k.into())).is_some());
                }
                Step::Expire => {
                    prop_assert_eq!(table.expire(now), model.expire(now));
                }
                Step::Clear => {
                    table.clear();
                    model.entries.clear();
                }
            }
            agree(&table, &model)?;
        }
    }
}

fn table(size: u32, expire: Option<u64>, nopurge: bool) -> StickTable {
    let expire = expire.map(Duration::from_millis);
    StickTable::new(
        TableSettings {
            expire,
            nopurge,
            store: server_id(),
            ..TableSettings::new(KeyType::Ipv4, size)
        },
        [0, 0],
    )
}

#[test]
fn a_match_makes_it_live_on_and_a_glance_does_not() {
    let at = Mono::from_millis;
    let mut t = table(4, Some(100), false);
    assert_eq!(t.store(&key(1), ServerId(1), "", at(0)), Store::New);
    assert!(t.peek(&key(1), at(99)).is_some());
    assert_eq!(t.poll_deadline(), Some(at(100)));
    assert_eq!(t.lookup(&key(1), at(99)).and_then(|e| e.expires), Some(at(199)));
    assert_eq!(t.lookup(&key(1), at(199)), None);
    assert_eq!((t.len(), t.expire(at(199)), t.len()), (1, 1, 0));
    assert_eq!(t.poll_deadline(), None);
}

#[test]
fn a_full_table_drops_the_least_recently_used() {
    let mut t = table(2, None, false);
    t.store(&key(1), ServerId(1), "", Mono::ZERO);
    t.store(&key(2), ServerId(1), "", Mono::ZERO);
    t.lookup(&key(1), Mono::ZERO);
    assert_eq!(
        t.store(&key(3), ServerId(1), "", Mono::ZERO),
        Store::Purged { dropped: 1 }
    );
    assert_eq!(
        sorted(&t).into_iter().map(|(k, ..)| k).collect::<Vec<_>>(),
        [key(1), key(3)]
    );
}

#[test]
fn nopurge_refuses_but_still_updates() {
    let mut t = table(1, None, true);
    t.store(&key(1), ServerId(1), "", Mono::ZERO);
    assert_eq!(t.store(&key(2), ServerId(1), "", Mono::ZERO), Store::Full);
    assert_eq!(t.store(&key(1), ServerId(2), "", Mono::ZERO), Store::Updated);
}

#[test]
fn a_clock_read_a_little_late_does_no_harm() {
    let at = Mono::from_millis;
    let mut t = table(4, Some(100), false);
    t.store(&key(1), ServerId(1), "", at(50));
    t.store(&key(2), ServerId(1), "", at(40));
    assert_eq!(t.poll_deadline(), Some(at(150)));
    assert_eq!(t.expire(at(149)), 0);
    assert_eq!(t.expire(at(150)), 2);
}

#[test]
fn what_an_earlier_process_knew() {
    let hour = Duration::from_secs(3_600);
    let mut t = table(3, Some(3_600_000), false);
    // The process is younger than what it is told.
    let now = Mono::from_millis(5);
    let left = |seconds| Some(Duration::from_secs(seconds));
    let known = [(1, left(5)), (2, left(10)), (3, left(600)), (4, left(90_000))];
    let known = known.map(|(n, left)| Dumped {
        key: key(n),
        left,
        holders: 7,
        values: vec![Value {
            data: DataType::ServerId,
            at: 0,
            period: 0,
            raw: Raw::Word(n),
        }],
    });
    t.restore(known.into(), now);
    // The oldest has no room, and the last cannot live longer than others do here.
    let lives: Vec<_> = sorted(&t).into_iter().map(|(k, _, left)| (k, left)).collect();
    let more = |seconds| left(seconds).map(|left| left + Duration::from_millis(5));
    assert_eq!(lives, [(key(2), more(10)), (key(3), more(600)), (key(4), more(3_600))]);
    assert_eq!(t.poll_deadline(), Some(now + Duration::from_secs(10)));
    assert_eq!(t.lookup(&key(3), now).map(|e| e.server), Some(ServerId(3)));
    assert_eq!(t.expire(now + Duration::from_secs(11)), 1);
    assert_eq!(t.expire(now + hour), 2, "nobody holds anything");
}

#[test]
fn who_lives_through_a_walk_is_met_once() {
    let mut t = table(100, None, false);
    for n in 0..50 {
        t.store(&key(n), ServerId(1), "", Mono::ZERO);
    }
    let (first, next) = t.page(0, 20, Mono::ZERO);
    for n in 0..10 {
        t.remove(&key(n));
        t.store(&key(60 + n), ServerId(2), "", Mono::ZERO);
        t.lookup(&key(n + 30), Mono::ZERO);
    }
    let (second, next) = t.page(next.expect("there is more"), 100, Mono::ZERO);
    assert_eq!(next, None);
    for n in 10..50 {
        let met = first.iter().chain(&second).filter(|entry| entry.key == key(n)).count();
        assert_eq!(met, 1, "{n}");
    }
}

#[test]
fn other_rules_keep_the_entries_that_fit() {
    let mut table = table(4, None, false);
    (1..=4).for_each(|n| {
        table.store(&key(n), ServerId(n), "", Mono::from_millis(u64::from(n)));
    });
    let now = Mono::from_millis(10);
    let settings = table.settings().clone();
    table.reconfigure(TableSettings {
        size: 3,
        ..settings.clone()
    });
    assert_eq!(
        (table.len(), table.peek(&key(1), now)),
        (3, None),
        "the one used longest ago goes"
    );
    table.renumber(|entry| (entry.server != ServerId(2)).then_some(ServerId(entry.server.0 + 10)));
    assert_eq!(table.peek(&key(2), now), None);
    assert_eq!(table.peek(&key(4), now).map(|entry| entry.server), Some(ServerId(14)));
    let of_v6 = TableSettings {
        key: KeyType::Ipv6,
        ..settings
    };
    let mut table = table.converted(of_v6, [3, 4], now);
    let mapped = Key::V6(Ipv4Addr::from(0x7f00_0004).to_ipv6_mapped());
    assert_eq!(table.peek(&mapped, now).map(|entry| entry.server), Some(ServerId(14)));
    assert_eq!(table.len(), 2);
    let expire = Some(Duration::from_millis(50));
    table.reconfigure(TableSettings {
        expire,
        ..table.settings().clone()
    });
    assert_eq!(table.poll_deadline(), Some(now + Duration::from_millis(50)));
}

mod data;
