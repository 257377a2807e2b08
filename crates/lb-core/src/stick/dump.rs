//! Entries as others see them: for a dump, for a file, for the process after this one.

use std::sync::Arc;
use std::time::Duration;

use tandem_time::Mono;

use super::rate::Rate;
use super::slots::{MOST, Place};
use super::{DataType, Key, StickTable, Stored, TableSettings};

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dumped {
    pub key: Key<'static>,
    /// How much time it has left; `None` in a table whose entries do not expire.
    pub left: Option<Duration>,
    /// How many sessions hold it.
    pub holders: u32,
    pub values: Vec<Value>,
}

/// One value of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    pub data: DataType,
    /// Its place in an array.
    pub at: u16,
    pub period: u32,
    pub raw: Raw,
}

/// A value as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Raw {
    Word(u32),
    Wide(u64),
    /// How many milliseconds ago the present period began, what it counted, and what the one before it did.
    Rate {
        age: u32,
        present: u32,
        before: u32,
    },
    Name(Option<Arc<str>>),
}

impl Raw {
    /// 0 for a name.
    pub fn number(&self, period: u32) -> u64 {
        match self {
            Raw::Word(word) => (*word).into(),
            Raw::Wide(value) => *value,
            Raw::Rate { age, present, before } => {
                let rate = Rate {
                    began: 0u32.wrapping_sub(*age),
                    present: *present,
                    before: *before,
                };
                rate.read(period, 0).into()
            }
            Raw::Name(_) => 0,
        }
    }
}

impl Value {
    /// As it is kept: what is counted in blocks is so many blocks.
    pub fn number(&self) -> u64 {
        self.raw.number(self.period)
    }

    /// As a table of these settings shows it.
    pub fn shown(&self, settings: &TableSettings) -> u64 {
        self.number() * settings.unit(self.data)
    }
}

impl Dumped {
    pub fn value(&self, data: DataType) -> Option<&Value> {
        self.values.iter().find(|value| value.data == data && value.at == 0)
    }
}

impl StickTable {
    /// So many places from one on, for a dump that must not keep others waiting: the entries there that live, and where
    /// to go on. An entry that lives through the whole dump is in it once.
    pub fn page(&self, from: u32, most: u32, now: Mono) -> (Vec<Dumped>, Option<u32>) {
        let (places, next) = self.slots.page(from, most);
        let alive = places.filter(|&place| !self.expired(place, now));
        (alive.map(|place| self.dumped(place, now)).collect(), next)
    }

    /// The entry of one key.
    pub fn dump(&self, key: &Key<'_>, now: Mono) -> Option<Dumped> {
        self.find(key, now).map(|place| self.dumped(place, now))
    }

    /// Goes on with what an earlier process knew. To be called before anything else is stored. What the table has no room
    /// for is forgotten, the oldest first. Nobody holds anything yet.
    pub fn restore(&mut self, mut entries: Vec<Dumped>, now: Mono) {
        let now = self.advance(now);
        entries.sort_by_key(|entry| entry.left.unwrap_or(Duration::MAX));
        let most = self.settings.size.min(MOST) as usize;
        let too_many = entries.len().saturating_sub(most);
        for entry in entries.into_iter().skip(too_many) {
            if self.index.find(&self.slots, entry.key.bytes().as_ref()).is_some() {
                continue;
            }
            let place = self.add(&entry.key, self.lifetime_of(entry.left, now));
            for value in &entry.values {
                self.restore_value(place, value, now);
            }
            self.note_learned(place);
        }
    }

    pub(super) fn restore_value(&mut self, place: Place, value: &Value, now: Mono) {
        let known = self.layout.column(value.data).copied();
        let fits = |stored: Stored| stored.period == value.period && value.at < stored.count;
        let is_ours = value.data == DataType::ConnCur && !self.settings.learns_present;
        if let Some(column) = known.filter(|column| fits(column.stored) && !is_ours) {
            self.set_raw(place, &column, value.at, &value.raw, now);
        }
    }

    pub(super) fn dumped(&self, place: Place, now: Mono) -> Dumped {
        let columns = self.layout.columns().iter();
        let values = columns.flat_map(|column| {
            (0..column.stored.count).map(|at| Value {
                data: column.stored.data,
                at,
                period: column.stored.period,
                raw: self.raw(place, column, at, now),
            })
        });
        Dumped {
            key: Key::of_bytes(self.settings.key, self.slots.key(place)).into_owned(),
            left: self.left(place, now),
            holders: self.slots.at(place).holders,
            values: values.collect(),
        }
    }
}
