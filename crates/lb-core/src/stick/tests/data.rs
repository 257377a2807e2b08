//! What entries hold, and who holds entries.

use super::*;

fn store(all: &[(DataType, u16, u32)]) -> Vec<Stored> {
    let stored = |&(data, count, period)| Stored { data, count, period };
    all.iter().map(stored).collect()
}

fn everything() -> Vec<Stored> {
    let of = |data: DataType| {
        let count = if data.is_array() { 3 } else { 1 };
        let period = if data.form() == Form::Rate { 1_000 } else { 0 };
        (data, count, period)
    };
    store(&DataType::ALL.map(of))
}

fn with(store: Vec<Stored>, size: u32) -> StickTable {
    let settings = TableSettings {
        expire: Some(Duration::from_secs(60)),
        store,
        ..TableSettings::new(KeyType::Ipv4, size)
    };
    StickTable::new(settings, [3, 4])
}

#[test]
fn every_value_is_its_own() {
    let (mut table, now) = (with(everything(), 10), Mono::from_millis(7));
    let place = table.obtain(&key(1), now).expect("there is room");
    let columns = table.layout().columns().to_vec();
    let mut all = columns
        .iter()
        .flat_map(|c| (0..c.stored.count).map(|at| (c.stored.data, at)));
    let all: Vec<_> = all.by_ref().filter(|(data, _)| *data != DataType::ServerKey).collect();
    for ((data, at), n) in all.iter().zip(1..) {
        assert!(table.set(place, *data, *at, n, now), "{data:?}");
    }
    for ((data, at), n) in all.iter().zip(1..) {
        assert_eq!(table.value(place, *data, *at, now), Some(n), "{data:?}[{at}]");
    }
    assert_eq!(table.value(place, DataType::Gpc, 3, now), None);
    assert!(table.set(place, DataType::BytesInCnt, 0, u64::MAX - 1, now));
    assert_eq!(table.count(place, DataType::BytesInCnt, 0, 1, now), Some(u64::MAX));
}

#[test]
fn an_array_stands_for_its_first_places() {
    let now = Mono::ZERO;
    let mut table = with(store(&[(DataType::Gpc, 2, 0), (DataType::GpcRate, 1, 1_000)]), 4);
    let place = table.obtain(&key(1), now).expect("there is room");
    assert_eq!(table.count(place, DataType::Gpc1, 0, 5, now), Some(5));
    assert_eq!(table.count(place, DataType::Gpc0, 0, 2, now), Some(2));
    assert_eq!(table.value(place, DataType::Gpc, 1, now), Some(5));
    assert_eq!(table.value(place, DataType::Gpc0Rate, 0, now), Some(2));
    assert_eq!(table.value(place, DataType::Gpc1Rate, 0, now), None);
    assert_eq!(table.count(place, DataType::ConnCnt, 0, 1, now), None);
}

#[test]
fn a_session_is_counted_while_it_lives() {
    let at = Mono::from_millis;
    let mut table = with(everything(), 2);
    let values = |table: &StickTable, place, now| {
        use DataType::{BytesInCnt, BytesOutCnt, ConnCnt, ConnCur, ConnRate, SessCnt};
        [ConnCnt, ConnCur, ConnRate, SessCnt, BytesInCnt, BytesOutCnt].map(|data| table.value(place, data, 0, now))
    };
    let place = table.track(&key(1), at(0)).expect("there is room");
    assert_eq!(table.track(&key(1), at(10)), Some(place));
    table.began(place, at(11));
    table.carried(place, 3, 4, at(12));
    let some = |n: [u64; 6]| n.map(Some);
    assert_eq!(values(&table, place, at(12)), some([2, 2, 2, 1, 3, 4]));
    table.release(place, at(20));
    assert_eq!(values(&table, place, at(20)), some([2, 1, 2, 1, 3, 4]));
    // Who is held does not expire, is not purged, and cannot be removed.
    let late = at(200_000);
    assert_eq!((table.expire(late), table.remove(&key(1))), (0, Removed::InUse));
    table.clear();
    table.store(&key(2), ServerId(1), "a", late);
    assert_eq!(
        table.store(&key(3), ServerId(1), "a", late),
        Store::Purged { dropped: 1 }
    );
    assert_eq!(table.find(&key(1), late), Some(place));
    table.release(place, late);
    assert_eq!(values(&table, place, late), some([2, 0, 0, 1, 3, 4]));
    assert_eq!(table.expire(late + Duration::from_secs(59)), 0);
    let late = late + Duration::from_secs(60);
    assert_eq!([1, 9, 9].map(|most| table.expire_some(most, late)), [1, 1, 0]);
}

#[test]
fn who_is_let_go_lives_as_long_as_a_new_one() {
    let at = Mono::from_millis;
    let mut table = with(everything(), 3);
    let held = table.track(&key(1), at(0)).expect("there is room");
    table.store(&key(2), ServerId(1), "a", at(10_000));
    table.release(held, at(20_000));
    assert_eq!(table.expire(at(70_000)), 1, "the other one");
    assert_eq!(table.find(&key(1), at(79_999)), Some(held));
    assert_eq!(table.expire(at(80_000)), 1);
}

#[test]
fn what_is_stored_may_change() {
    let now = Mono::ZERO;
    let mut table = with(store(&[(DataType::ServerId, 1, 0), (DataType::Gpc, 3, 0)]), 4);
    let place = table.hold(&key(1), now).expect("there is room");
    table.set(place, DataType::ServerId, 0, 7, now);
    (0..3).for_each(|at| assert!(table.set(place, DataType::Gpc, at, 10 + u64::from(at), now)));
    let after = store(&[
        (DataType::ServerId, 1, 0),
        (DataType::ConnCur, 1, 0),
        (DataType::Gpc, 2, 0),
    ]);
    table.reconfigure(TableSettings {
        store: after,
        ..table.settings().clone()
    });
    let value = |data, at| table.value(place, data, at, now);
    assert_eq!(value(DataType::ServerId, 0), Some(7));
    assert_eq!(value(DataType::Gpc, 1), Some(11));
    assert_eq!((value(DataType::Gpc, 2), value(DataType::ConnCur, 0)), (None, Some(0)));
    table.release(place, now);
    assert_eq!(
        table.value(place, DataType::ConnCur, 0, now),
        Some(0),
        "it never falls below 0"
    );
}

#[test]
fn names_of_servers() {
    let now = Mono::ZERO;
    let mut table = with(store(&[(DataType::ServerId, 1, 0), (DataType::ServerKey, 1, 0)]), 4);
    table.store(&key(1), ServerId(1), "a", now);
    let name = |table: &StickTable| table.peek(&key(1), now).and_then(|entry| entry.name);
    assert_eq!(name(&table).as_deref(), Some("a"));
    let place = table.find(&key(1), now).expect("stored");
    table.set(place, DataType::ServerId, 0, 2, now);
    assert_eq!(name(&table), None, "the number was meant, not the name that was there");
}

#[test]
fn a_plain_entry_fits_into_64_bytes() {
    for (key, most) in [(KeyType::Ipv4, 48), (KeyType::Ipv6, 64)] {
        let settings = TableSettings {
            store: store(&[(DataType::ServerId, 1, 0), (DataType::ServerKey, 1, 0)]),
            ..TableSettings::new(key, 10)
        };
        let bytes = StickTable::new(settings, [0, 0]).bytes_per_entry();
        assert!(bytes <= most, "{bytes} bytes");
    }
}

#[derive(Clone, Debug)]
enum Act {
    Track(u8),
    /// The session at this place among those that live.
    End(usize),
    Store(u8),
    Wait(u64),
    Expire,
    Clear,
    Resize(u32),
    Store2,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        20 => (0u8..12).prop_map(Act::Track),
        16 => any::<usize>().prop_map(Act::End),
        8 => (0u8..12).prop_map(Act::Store),
        6 => (0u64..90_000).prop_map(Act::Wait),
        2 => Just(Act::Expire),
        1 => Just(Act::Clear),
        1 => (1u32..8).prop_map(Act::Resize),
        1 => Just(Act::Store2),
    ]
}

proptest! {
    /// Whatever else happens: an entry is counted by as many as hold it, and those who end take themselves away.
    #[test]
    fn nobody_is_counted_who_is_not_there(acts in proptest::collection::vec(act(), 1..300)) {
        let mut table = with(everything(), 6);
        let mut now = Mono::ZERO;
        let mut live: Vec<(u8, Place)> = Vec::new();
        for act in acts {
            match act {
                Act::Track(k) => live.extend(table.track(&key(k.into()), now).map(|place| (k, place))),
                Act::End(n) if !live.is_empty() => {
                    let (_, place) = live.swap_remove(n % live.len());
                    table.release(place, now);
                }
                Act::End(_) => {}
                Act::Store(k) => { table.store(&key(k.into()), ServerId(1), "a", now); }
                Act::Wait(ms) => now += Duration::from_millis(ms),
                Act::Expire => { table.expire(now); }
                Act::Clear => table.clear(),
                Act::Resize(size) => table.reconfigure(TableSettings { size, ..table.settings().clone() }),
                Act::Store2 => {
                    let mut store = everything();
                    store.retain(|stored| stored.data == DataType::ConnCur || table.settings().store.len() < 3);
                    table.reconfigure(TableSettings { store, ..table.settings().clone() });
                }
            }
            for (k, place) in &live {
                let here = live.iter().filter(|(_, p)| p == place).count();
                prop_assert_eq!(table.find(&key((*k).into()), now), Some(*place));
                prop_assert_eq!(table.holders(*place) as usize, here);
                prop_assert_eq!(table.value(*place, DataType::ConnCur, 0, now), Some(here as u64));
            }
            let (all, _) = table.page(0, u32::MAX, now);
            let held: u32 = all.iter().map(|entry| entry.holders).sum();
            prop_assert_eq!(held as usize, live.len());
        }
    }
}

/// Two tables that count at the same time, one of which began with what the other had: together they are one that has
/// counted everything.
#[test]
fn what_was_counted_meanwhile_adds_up() {
    let at = Mono::from_millis;
    let (mut old, mut new, mut whole) = (with(everything(), 9), with(everything(), 9), with(everything(), 9));
    let count = |tables: &mut [&mut StickTable], n: u32, by: u64, now: Mono| {
        for table in tables {
            let place = table.obtain(&key(n), now).expect("there is room");
            for data in [DataType::ConnCnt, DataType::BytesInCnt, DataType::Gpc0] {
                table.count(place, data, 0, by, now);
            }
        }
    };
    count(&mut [&mut old, &mut whole], 1, 5, at(5_000));
    count(&mut [&mut old, &mut whole], 2, 1, at(5_000));
    let given = old.page(0, 100, at(5_100)).0;
    new.restore(given.clone(), at(5_100));
    count(&mut [&mut old, &mut whole], 1, 7, at(5_200));
    count(&mut [&mut new, &mut whole], 1, 2, at(5_300));
    count(&mut [&mut old, &mut whole], 3, 4, at(5_300));
    // A period of the rates ends.
    count(&mut [&mut old, &mut whole], 1, 3, at(6_100));
    let place = old.obtain(&key(2), at(6_200)).expect("it is there");
    assert!(old.set(place, DataType::Gpt0, 0, 9, at(6_200)));
    let now = at(6_200);
    let since = old.page(0, 100, now).0;
    let since = since.iter().filter_map(|entry| {
        let before = given.iter().find(|before| before.key == entry.key);
        entry.since(before)
    });
    let since: Vec<_> = since.collect();
    assert_eq!(since.len(), 3);
    new.add_counted(&since, now);
    for n in 1..=3 {
        for data in [DataType::ConnCnt, DataType::BytesInCnt, DataType::Gpc0] {
            let read = |table: &StickTable| table.find(&key(n), now).and_then(|at| table.value(at, data, 0, now));
            assert_eq!(read(&new), read(&whole), "{n} {data:?}");
        }
        let rate = |table: &StickTable| {
            let place = table.find(&key(n), now).expect("it is there");
            table.value(place, DataType::ConnRate, 0, now).expect("it is stored")
        };
        assert!(
            rate(&new).abs_diff(rate(&whole)) <= 10,
            "{n}: {} {}",
            rate(&new),
            rate(&whole)
        );
    }
    let tag = |table: &StickTable| {
        table
            .find(&key(2), now)
            .and_then(|at| table.value(at, DataType::Gpt0, 0, now))
    };
    assert_eq!(tag(&new), Some(9));
    assert!(since.iter().all(|entry| entry.since(Some(entry)).is_none()));
}

#[test]
fn bytes_may_be_counted_by_the_block() {
    let now = Mono::from_millis(7);
    let settings = TableSettings {
        bytes_unit: 1_000,
        store: store(&[
            (DataType::BytesInCnt, 1, 0),
            (DataType::BytesInRate, 1, 1_000),
            (DataType::ConnRate, 1, 1_000),
        ]),
        ..TableSettings::new(KeyType::Ipv4, 4)
    };
    let mut table = StickTable::new(settings, [3, 4]);
    let place = table.track(&key(1), now).expect("there is room");
    table.carried(place, 5_000_000_000_000, 0, now);
    table.carried(place, 1, 0, now);
    let value = |table: &StickTable, data| table.value(place, data, 0, now);
    assert_eq!(value(&table, DataType::BytesInCnt), Some(5_000_000_000_001));
    // More than 32 bits can say; what is less than a block is one.
    assert_eq!(value(&table, DataType::ConnRate), Some(1), "what is no bytes is not");
    let counted = table.rate(place, DataType::BytesInRate).expect("it is stored");
    assert_eq!(
        (counted.unit, value(&table, DataType::BytesInRate)),
        (1_000, Some(705_032_705_000))
    );
    let mut table = StickTable::new(table.settings().clone(), [3, 4]);
    let place = table.track(&key(1), now).expect("there is room");
    table.carried(place, 4_000_000_000_000, 0, now);
    assert_eq!(
        table.value(place, DataType::BytesInRate, 0, now),
        Some(4_000_000_000_000)
    );
}

/// What a peer says of an entry.
fn said(key: &Key<'_>, values: &[(DataType, u32)]) -> (Key<'static>, Vec<Value>) {
    let value = |(data, word): &(DataType, u32)| Value {
        data: *data,
        at: 0,
        period: 0,
        raw: Raw::Word(*word),
    };
    (key.clone().into_owned(), values.iter().map(value).collect())
}

#[test]
fn only_a_table_that_counts_nothing_itself_learns_of_the_present() {
    let now = Mono::ZERO;
    let (key, values) = said(&key(1), &[(DataType::ConnCur, 3), (DataType::ConnCnt, 4)]);
    let learned = Learned {
        key: &key,
        left: None,
        values: &values,
    };
    for (learns_present, present) in [(false, 0), (true, 3)] {
        let settings = TableSettings {
            learns_present,
            store: store(&[(DataType::ConnCnt, 1, 0), (DataType::ConnCur, 1, 0)]),
            ..TableSettings::new(KeyType::Ipv4, 4)
        };
        let mut table = StickTable::new(settings, [3, 4]);
        assert!(table.learn(&learned, None, now));
        let place = table.find(&key, now).expect("it is there");
        assert_eq!(table.value(place, DataType::ConnCur, 0, now), Some(present));
        assert_eq!(table.value(place, DataType::ConnCnt, 0, now), Some(4));
    }
}

#[test]
fn what_is_no_count_may_be_written_to_another_table() {
    let now = Mono::ZERO;
    let all = [(DataType::ServerId, 2), (DataType::Gpt0, 9), (DataType::Gpc0, 7)];
    let (key, values) = said(&key(1), &all);
    let settings = TableSettings {
        is_shared: true,
        store: store(&all.map(|(data, _)| (data, 1, 0))),
        ..TableSettings::new(KeyType::Ipv4, 4)
    };
    let mut table = StickTable::new(settings, [3, 4]);
    let place = table.obtain(&key, now).expect("there is room");
    table.set(place, DataType::Gpc0, 0, 1, now);
    let learned = Learned {
        key: &key,
        left: None,
        values: &values,
    };
    table.adopt(&learned, now);
    let values = all.map(|(data, _)| table.value(place, data, 0, now));
    assert_eq!(values, [Some(2), Some(9), Some(1)]);
    let (last_own, _) = table.last_change();
    assert!(last_own > 0, "its peers are told, as if it was said here");
}

/// What peers say is bounded, and does not shorten a life that has no end.
#[test]
fn what_is_learned_is_bounded() {
    let mut settings = TableSettings::new(KeyType::Integer, 10_000);
    settings.also(DataType::ServerKey);
    let mut table = StickTable::new(settings, [1, 2]);
    let now = Mono::from_millis(5);
    let mut learn = |n: u32, name: &str| {
        let key = Key::Int(n);
        let value = Value {
            data: DataType::ServerKey,
            at: 0,
            period: 0,
            raw: Raw::Name(Some(name.into())),
        };
        let learned = Learned {
            key: &key,
            left: Some(Duration::from_millis(1)),
            values: &[value],
        };
        assert!(table.learn(&learned, None, now));
        let place = table.obtain(&key, now).expect("it is there");
        table.server_name(place).cloned()
    };
    assert_eq!(learn(0, &"x".repeat(256)), None);
    for n in 0..4_096 {
        assert!(learn(n, &format!("s{n}")).is_some());
    }
    assert_eq!(learn(5_000, "one too many"), None);
    assert_eq!(learn(5_001, "s7").as_deref(), Some("s7"), "it is known");
    table.store(&Key::Int(6_000), ServerId(1), "local", now);
    let place = table.obtain(&Key::Int(6_000), now).expect("it is there");
    assert_eq!(table.server_name(place).map(|name| &**name), Some("local"));
    assert_eq!(table.expire(now + Duration::from_secs(9)), 0, "nothing expires here");
}
