//! What expressions ask of stick tables: `sc0_conn_rate`, `src_get_gpc0(table)`, `table_bytes_in_rate(table)`.

use std::sync::Arc;

use super::{Kind, Sample};
use crate::stick::{DataType, Place, StickTable};
use tandem_time::Mono;

/// One question to one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    pub of: Whose,
    /// The table; for a tracked entry, another one in which its key is looked for.
    pub table: Option<Arc<str>>,
    pub ask: Ask,
}

/// Whose entry is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The one that a rule has this connection track under this number.
    Tracked(u8),
    /// That of the client's address.
    Source,
}

/// The same when it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    Tracked(u8),
    Key(Sample<'a>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A value, and its place in an array.
    Value(DataType, u16),
    /// The same in units of 1024.
    Kilo(DataType),
    /// Counts up, and makes the entry if there is none; the new value.
    Increase(DataType, u16),
    /// Sets to 0; the value before.
    Clear(DataType, u16),
    /// Whether there is an entry, or one is tracked.
    IsThere,
    /// How many sessions track it.
    Trackers,
    /// In how many milliseconds it expires.
    Expire,
    /// How many milliseconds ago it was used.
    Idle,
}

impl Ask {
    pub const fn kind(self) -> Kind {
        match self {
            Ask::IsThere => Kind::Bool,
            _ => Kind::Int,
        }
    }
}

impl StickTable {
    /// The answer of the entry at a place; what is not there counts 0. `None` when the table does not store it.
    pub fn answer(&mut self, place: Option<Place>, ask: Ask, now: Mono) -> Option<Sample<'static>> {
        let number = |n: u64| Sample::Int(i64::try_from(n).unwrap_or(i64::MAX));
        let stored = |table: &StickTable, data, at| match place {
            Some(place) => table.value(place, data, at, now),
            None => table.stores_at(data, at).then_some(0),
        };
        Some(match ask {
            Ask::IsThere => Sample::Bool(place.is_some()),
            Ask::Value(data, at) => number(stored(self, data, at)?),
            Ask::Kilo(data) => number(stored(self, data, 0)? >> 10),
            Ask::Trackers => number(place.map_or(0, |place| self.holders(place).into())),
            Ask::Expire => number(millis(self.left(place?, now)?)),
            Ask::Idle => {
                let left = self.left(place?, now)?;
                number(millis(self.settings().expire?.saturating_sub(left)))
            }
            Ask::Increase(data, at) => {
                let Some(place) = place else {
                    return Some(Sample::Int(0));
                };
                let counted = self.count(place, data, at, 1, now)?;
                self.touch(place, now);
                number(counted)
            }
            Ask::Clear(data, at) => {
                let before = stored(self, data, at)?;
                if let Some(place) = place {
                    self.set(place, data, at, 0, now);
                    self.touch(place, now);
                }
                number(before)
            }
        })
    }
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
