//! What an entry holds: reading, counting, setting.

use std::sync::Arc;

use tandem_time::Mono;

use super::rate::Rate;
use super::slots::Place;
use super::{Column, DataType, Form, Layout, Raw, StickTable};
use crate::ServerId;

/// A rate of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    pub rate: Rate,
    /// Over how many milliseconds it is taken.
    pub period: u32,
    /// How many bytes it counts as one.
    pub unit: u32,
}

impl StickTable {
    /// One value as a number: the counter, or how much came in the period of a rate. `None` when the table does not store
    /// it. Where only an array is stored, its first places stand for `gpc0` and its like.
    pub fn value(&self, place: Place, data: DataType, at: u16, now: Mono) -> Option<u64> {
        let (column, at) = self.layout.find(data, at)?;
        let unit = self.settings.unit(column.stored.data);
        Some(self.raw(place, column, at, now).number(column.stored.period) * unit)
    }

    /// Whether entries have such a value.
    pub fn stores_at(&self, data: DataType, at: u16) -> bool {
        self.layout.find(data, at).is_some()
    }

    /// Counts up, and with it the rate that belongs to it. The new value; `None` when neither is stored.
    pub fn count(&mut self, place: Place, data: DataType, at: u16, by: u64, now: Mono) -> Option<u64> {
        let rate = data.rate().and_then(|rate| self.layout.find(rate, at));
        let rate = rate.map(|(column, at)| (*column, at));
        let counter = self.layout.find(data, at).map(|(column, at)| (*column, at));
        let mut counted = None;
        if let Some((column, at)) = rate {
            let unit = self.settings.unit(column.stored.data);
            // As many bits as there is room for, as with HAProxy.
            self.count_rate(place, &column, at, by.div_ceil(unit) as u32, now);
            counted = Some(self.raw(place, &column, at, now).number(column.stored.period) * unit);
        }
        if let Some((column, at)) = counter {
            let words = &mut self.slots.words_mut(place)[column.word(at)..];
            counted = Some(match column.stored.data.form() {
                Form::Wide => {
                    let sum = wide(words).wrapping_add(by);
                    (words[0], words[1]) = halves(sum);
                    sum
                }
                _ => {
                    words[0] = words[0].wrapping_add(by as u32);
                    words[0].into()
                }
            });
        }
        counted
    }

    /// A rate as it stands.
    pub fn rate(&self, place: Place, data: DataType) -> Option<Counted> {
        let column = self.layout.column(data).filter(|column| data == column.stored.data)?;
        let words = &self.slots.words(place)[column.word(0)..];
        let rate = (data.form() == Form::Rate).then(|| Rate::from_words([words[0], words[1], words[2]]));
        Some(Counted {
            rate: rate?,
            period: column.stored.period,
            unit: self.settings.unit(data) as u32,
        })
    }

    /// Counts in a rate alone.
    pub fn spend(&mut self, place: Place, data: DataType, by: u64, now: Mono) {
        let column = self.layout.column(data).copied();
        if let Some(column) = column.filter(|_| data.form() == Form::Rate) {
            let by = by.div_ceil(self.settings.unit(data));
            self.count_rate(place, &column, 0, u32::try_from(by).unwrap_or(u32::MAX), now);
            self.touch(place, now);
        }
    }

    /// Sets one value; a rate to so much in the present period. False when the table does not store it.
    pub fn set(&mut self, place: Place, data: DataType, at: u16, value: u64, now: Mono) -> bool {
        let Some((column, at)) = self.layout.find(data, at).map(|(column, at)| (*column, at)) else {
            return false;
        };
        let raw = match column.stored.data.form() {
            Form::Word => Raw::Word(value as u32),
            Form::Wide => Raw::Wide(value),
            Form::Rate => Raw::Rate {
                age: 0,
                present: value as u32,
                before: 0,
            },
            Form::Name => return false,
        };
        self.set_raw(place, &column, at, &raw, now);
        if column.stored.data == DataType::ServerId {
            // Whoever names a server by its number does not mean the one whose name was there.
            if let Some(key) = self.layout.column(DataType::ServerKey) {
                let at = key.word(0);
                self.slots.words_mut(place)[at] = 0;
            }
        }
        true
    }

    /// One value in the form that peers and files keep.
    pub(super) fn raw(&self, place: Place, column: &Column, at: u16, now: Mono) -> Raw {
        let words = &self.slots.words(place)[column.word(at)..];
        match column.stored.data.form() {
            Form::Word => Raw::Word(words[0]),
            Form::Wide => Raw::Wide(wide(words)),
            Form::Rate => {
                let rate = Rate::from_words([words[0], words[1], words[2]]);
                Raw::Rate {
                    age: millis(now).wrapping_sub(rate.began),
                    present: rate.present,
                    before: rate.before,
                }
            }
            Form::Name => Raw::Name(self.names.name(words[0]).cloned()),
        }
    }

    pub(super) fn set_raw(&mut self, place: Place, column: &Column, at: u16, raw: &Raw, now: Mono) {
        let number = match raw {
            Raw::Name(Some(name)) => self.names.number(name),
            _ => 0,
        };
        let words = &mut self.slots.words_mut(place)[column.word(at)..];
        match (column.stored.data.form(), raw) {
            (Form::Word, Raw::Word(word)) => words[0] = *word,
            (Form::Wide, Raw::Wide(value)) => (words[0], words[1]) = halves(*value),
            (Form::Rate, Raw::Rate { age, present, before }) => {
                let rate = Rate {
                    began: millis(now).wrapping_sub(*age),
                    present: *present,
                    before: *before,
                };
                words[..3].copy_from_slice(&rate.words());
            }
            (Form::Name, Raw::Name(_)) => words[0] = number,
            _ => {}
        }
    }

    pub(super) fn word(&self, place: Place, data: DataType) -> Option<u32> {
        let column = self.layout.column(data)?;
        Some(self.slots.words(place)[column.word(0)])
    }

    pub(super) fn put_server(&mut self, place: Place, server: ServerId, name: Option<&str>) {
        let number = name.map_or(0, |name| self.names.number(name));
        let id = self.layout.column(DataType::ServerId).map(|column| column.word(0));
        let key = self.layout.column(DataType::ServerKey).map(|column| column.word(0));
        let words = self.slots.words_mut(place);
        if let Some(at) = id {
            words[at] = server.0;
        }
        if let Some(at) = key {
            words[at] = number;
        }
    }

    /// The name of the server that an entry went to.
    pub fn server_name(&self, place: Place) -> Option<&Arc<str>> {
        self.names.name(self.word(place, DataType::ServerKey)?)
    }

    /// Blocks by the present settings; what was stored and is stored in the same way stays.
    pub(super) fn relayout(&mut self) {
        let after = Layout::new(&self.settings.store);
        let before = std::mem::replace(&mut self.layout, after.clone());
        self.slots.relayout(after.words(), |from, to| {
            for column in after.columns() {
                let data = column.stored.data;
                let known = before
                    .column(data)
                    .filter(|known| known.stored.period == column.stored.period);
                if let Some(known) = known {
                    let count = known.stored.count.min(column.stored.count) * data.form().words();
                    let count = usize::from(count);
                    to[column.word(0)..][..count].copy_from_slice(&from[known.word(0)..][..count]);
                }
            }
        });
    }

    pub(super) fn count_rate(&mut self, place: Place, column: &Column, at: u16, by: u32, now: Mono) {
        let words = &mut self.slots.words_mut(place)[column.word(at)..];
        let mut rate = Rate::from_words([words[0], words[1], words[2]]);
        rate.count(by, column.stored.period, millis(now));
        words[..3].copy_from_slice(&rate.words());
    }
}

fn wide(words: &[u32]) -> u64 {
    u64::from(words[0]) << 32 | u64::from(words[1])
}

const fn halves(value: u64) -> (u32, u32) {
    ((value >> 32) as u32, value as u32)
}

/// As rates count time.
const fn millis(now: Mono) -> u32 {
    now.as_millis() as u32
}
