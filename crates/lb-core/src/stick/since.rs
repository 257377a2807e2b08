//! What was counted between two looks at an entry: a process that hands over counts on while its successor does, and what
//! both have counted adds up.

use tandem_time::Mono;

use super::slots::Place;
use super::{DataType, Dumped, Raw, StickTable, Value};

impl Dumped {
    /// What has come to an entry since an earlier look; `None` when nothing has. Of a rate, what was counted is in the
    /// present period.
    pub fn since(&self, before: Option<&Dumped>) -> Option<Dumped> {
        let mut anything = before.is_none();
        let mut values = Vec::new();
        for value in &self.values {
            let earlier = before.and_then(|before| before.same(value));
            let raw = match value.data {
                DataType::ConnCur => continue,
                data if is_said(data) => {
                    if earlier == Some(&value.raw) {
                        continue;
                    }
                    value.raw.clone()
                }
                _ => match grown(&value.raw, earlier) {
                    Some(raw) => raw,
                    None => continue,
                },
            };
            anything = true;
            values.push(Value { raw, ..value.clone() });
        }
        anything.then(|| Dumped {
            key: self.key.clone(),
            left: self.left,
            holders: 0,
            values,
        })
    }

    fn same(&self, value: &Value) -> Option<&Raw> {
        let is_it = |v: &&Value| (v.data, v.at, v.period) == (value.data, value.at, value.period);
        self.values.iter().find(is_it).map(|v| &v.raw)
    }
}

impl StickTable {
    /// What another process has counted meanwhile.
    pub fn add_counted(&mut self, entries: &[Dumped], now: Mono) {
        for entry in entries {
            let Some(place) = self.obtain(&entry.key, now) else {
                continue;
            };
            for value in &entry.values {
                self.add_value(place, value, now);
            }
            self.touch(place, now);
        }
    }

    fn add_value(&mut self, place: Place, value: &Value, now: Mono) {
        let column = self.layout.column(value.data).copied();
        let fits = |column: &super::Column| column.stored.period == value.period && value.at < column.stored.count;
        let Some(column) = column.filter(fits) else { return };
        if is_said(value.data) {
            return self.set_raw(place, &column, value.at, &value.raw, now);
        }
        match (self.raw(place, &column, value.at, now), &value.raw) {
            (Raw::Word(here), Raw::Word(there)) => {
                let sum = Raw::Word(here.wrapping_add(*there));
                self.set_raw(place, &column, value.at, &sum, now);
            }
            (Raw::Wide(here), Raw::Wide(there)) => {
                let sum = Raw::Wide(here.wrapping_add(*there));
                self.set_raw(place, &column, value.at, &sum, now);
            }
            (Raw::Rate { .. }, Raw::Rate { present, .. }) => {
                self.count_rate(place, &column, value.at, *present, now);
            }
            _ => {}
        }
    }
}

/// The latest word counts; everything else is counted.
pub(super) const fn is_said(data: DataType) -> bool {
    use DataType::{Gpt, Gpt0, ServerId, ServerKey};
    matches!(data, ServerId | ServerKey | Gpt0 | Gpt)
}

/// A counter that is less than it was has begun anew.
fn grown(now: &Raw, before: Option<&Raw>) -> Option<Raw> {
    let raw = match (now, before) {
        (Raw::Word(now), Some(Raw::Word(before))) => Raw::Word(now.checked_sub(*before).unwrap_or(*now)),
        (Raw::Wide(now), Some(Raw::Wide(before))) => Raw::Wide(now.checked_sub(*before).unwrap_or(*now)),
        (
            Raw::Rate {
                present: p, before: b, ..
            },
            earlier,
        ) => {
            let (then, then_before) = match earlier {
                Some(Raw::Rate { present, before, .. }) => (*present, *before),
                _ => (0, 0),
            };
            let counted = match b.checked_sub(then) {
                _ if p >= &then && *b == then_before => p - then,
                // A period has ended meanwhile.
                Some(rest) => p.wrapping_add(rest),
                None => p.wrapping_add(*b),
            };
            Raw::Rate {
                age: 0,
                present: counted,
                before: 0,
            }
        }
        (raw, _) => raw.clone(),
    };
    let is_nothing = matches!(raw, Raw::Word(0) | Raw::Wide(0) | Raw::Rate { present: 0, .. });
    (!is_nothing).then_some(raw)
}
