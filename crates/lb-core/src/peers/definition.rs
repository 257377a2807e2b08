//! How a table is defined for the other side: its name, its keys, what its entries hold.

use std::time::Duration;

use super::Malformed;
use super::number::{Bytes, write};
use crate::stick::{DataType, Form, KeyType, Stored, TableSettings};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// By what the sender means it from now on.
    pub id: u64,
    pub name: String,
    pub key: KeyType,
    /// As in [`TableSettings::store`], types of later versions left out.
    pub store: Vec<Stored>,
    pub expire: Option<Duration>,
}

impl Definition {
    pub fn of(id: u64, name: &str, settings: &TableSettings) -> Definition {
        Definition {
            id,
            name: name.to_owned(),
            key: settings.key,
            store: settings.store.clone(),
            expire: settings.expire,
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        write(self.id, out);
        write(self.name.len() as u64, out);
        out.extend_from_slice(self.name.as_bytes());
        let (kind, size) = key_numbers(self.key);
        write(kind, out);
        write(size, out);
        write(
            self.store
                .iter()
                .fold(0, |bits, stored| bits | 1 << stored.data.number()),
            out,
        );
        write(self.expire.map_or(0, |expire| expire.as_millis() as u64), out);
        for stored in &self.store {
            let is_rate = stored.data.form() == Form::Rate;
            if stored.data.is_array() || is_rate {
                write(stored.data.number() as u64, out);
            }
            if stored.data.is_array() {
                write(stored.count.into(), out);
            }
            if is_rate {
                write(stored.period.into(), out);
            }
        }
    }

    pub(super) fn read(mut bytes: Bytes<'_>) -> Result<Definition, Malformed> {
        let id = bytes.number()?;
        let length = bytes.number()?;
        let name = std::str::from_utf8(bytes.take(length)?).map_err(|_| Malformed::Definition)?;
        let (kind, size) = (bytes.number()?, bytes.number()?);
        let key = key_type(kind, size).ok_or(Malformed::Definition)?;
        let bits = bytes.number()?;
        if bits >> DataType::ALL.len() != 0 {
            // How long its values are is not known, so no update could be read.
            return Err(Malformed::Definition);
        }
        let expire = if bytes.is_empty() { 0 } else { bytes.number()? };
        let mut store = Vec::new();
        for data in DataType::ALL.into_iter().filter(|data| bits >> data.number() & 1 == 1) {
            let is_rate = data.form() == Form::Rate;
            let has_more = (data.is_array() || is_rate) && !bytes.is_empty();
            if has_more && bytes.number()? != data.number() as u64 {
                return Err(Malformed::Definition);
            }
            let small = |number: u64| u16::try_from(number).ok().filter(|count| *count <= 100);
            let count = match data.is_array() {
                true if has_more => small(bytes.number()?).ok_or(Malformed::Definition)?,
                true => return Err(Malformed::Definition),
                false => 1,
            };
            let period = match is_rate && has_more {
                true => u32::try_from(bytes.number()?).map_err(|_| Malformed::Definition)?,
                false => 0,
            };
            store.push(Stored { data, count, period });
        }
        Ok(Definition {
            id,
            name: name.to_owned(),
            key,
            store,
            expire: Some(Duration::from_millis(expire)).filter(|expire| !expire.is_zero()),
        })
    }
}

/// The type's number, and how many bytes a key takes; a text has a zero at its end.
const fn key_numbers(key: KeyType) -> (u64, u64) {
    match key {
        KeyType::Integer => (2, 4),
        KeyType::Ipv4 => (4, 4),
        KeyType::Ipv6 => (5, 16),
        KeyType::Text { most } => (6, most as u64 + 1),
        KeyType::Binary { length } => (7, length as u64),
    }
}

fn key_type(kind: u64, size: u64) -> Option<KeyType> {
    let size = u16::try_from(size).ok()?;
    match (kind, size) {
        (2, 4) => Some(KeyType::Integer),
        (4, 4) => Some(KeyType::Ipv4),
        (5, 16) => Some(KeyType::Ipv6),
        (6, size) => Some(KeyType::Text {
            most: size.checked_sub(1)?,
        }),
        (7, length) => Some(KeyType::Binary { length }),
        _ => None,
    }
}
