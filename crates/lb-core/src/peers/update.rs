//! One entry as the other side has it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::number::{Bytes, write};
use super::{Definition, Malformed};
use crate::stick::{Form, Key, KeyType, Raw, Stored, Value};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// Its number, when that does not follow from the one before.
    pub id: Option<u32>,
    /// How much time the entry has left, when that is said.
    pub left: Option<Duration>,
    pub key: Key<'static>,
    pub values: Vec<Value>,
}

/// The names that one direction of a connection has said: each is said once, and then its number.
#[derive(Clone, Debug)]
pub struct Names {
    known: Vec<Option<Arc<str>>>,
    /// Where the next new one goes.
    next: usize,
}

/// HAProxy's, which both sides keep in step by.
const MOST_NAMES: usize = 128;

impl Default for Names {
    fn default() -> Names {
        Names {
            known: vec![None; MOST_NAMES],
            next: 0,
        }
    }
}

impl Names {
    /// Those that were said, with their places.
    pub(super) fn known(&self) -> Vec<(usize, Arc<str>)> {
        let places = self.known.iter().enumerate();
        places
            .filter_map(|(place, name)| Some((place, name.clone()?)))
            .collect()
    }

    fn write(&mut self, name: Option<&Arc<str>>, out: &mut Vec<u8>) {
        let Some(name) = name else { return write(0, out) };
        let mut body = Vec::new();
        match self.known.iter().position(|known| known.as_ref() == Some(name)) {
            Some(place) => write(place as u64 + 1, &mut body),
            None => {
                let place = self.next;
                self.next = (self.next + 1) % MOST_NAMES;
                self.known[place] = Some(name.clone());
                write(place as u64 + 1, &mut body);
                write(name.len() as u64, &mut body);
                body.extend_from_slice(name.as_bytes());
            }
        }
        write(body.len() as u64, out);
        out.extend_from_slice(&body);
    }

    fn read(&mut self, bytes: &mut Bytes<'_>) -> Result<Option<Arc<str>>, Malformed> {
        let length = bytes.number()?;
        if length == 0 {
            return Ok(None);
        }
        let mut inside = Bytes(bytes.take(length)?);
        let place = inside
            .number()?
            .checked_sub(1)
            .and_then(|place| usize::try_from(place).ok());
        let known = place
            .and_then(|place| self.known.get_mut(place))
            .ok_or(Malformed::Name)?;
        if !inside.is_empty() {
            let length = inside.number()?;
            let name = std::str::from_utf8(inside.take(length)?).map_err(|_| Malformed::Name)?;
            *known = Some(name.into());
        }
        Ok(known.clone())
    }
}

impl Update {
    /// `has_id` and `is_timed` say which kind of message it becomes.
    pub(super) fn write(&self, names: &mut Names, out: &mut Vec<u8>) {
        if let Some(id) = self.id {
            out.extend_from_slice(&id.to_be_bytes());
        }
        if let Some(left) = self.left {
            let millis = u32::try_from(left.as_millis()).unwrap_or(u32::MAX);
            out.extend_from_slice(&millis.to_be_bytes());
        }
        match &self.key {
            Key::V4(v4) => out.extend_from_slice(&v4.octets()),
            Key::V6(v6) => out.extend_from_slice(&v6.octets()),
            Key::Int(number) => out.extend_from_slice(&number.to_be_bytes()),
            Key::Binary(bytes) => out.extend_from_slice(bytes),
            Key::Text(text) => {
                write(text.len() as u64, out);
                out.extend_from_slice(text);
            }
        }
        for value in &self.values {
            match &value.raw {
                Raw::Word(word) => write((*word).into(), out),
                Raw::Wide(wide) => write(*wide, out),
                Raw::Name(name) => names.write(name.as_ref(), out),
                Raw::Rate { age, present, before } => {
                    for number in [age, present, before] {
                        write((*number).into(), out);
                    }
                }
            }
        }
    }

    /// What is behind the last value is of a later version, and passed over.
    pub(super) fn read(
        mut bytes: Bytes<'_>,
        (has_id, is_timed): (bool, bool),
        of: &Definition,
        names: &mut Names,
    ) -> Result<Update, Malformed> {
        let id = if has_id { Some(bytes.word()?) } else { None };
        let left = if is_timed {
            Some(Duration::from_millis(bytes.word()?.into()))
        } else {
            None
        };
        let key = key(of.key, &mut bytes)?;
        let mut values = Vec::new();
        for Stored { data, count, period } in of.store.iter().copied() {
            for at in 0..count {
                let raw = match data.form() {
                    // As many bits as there is room for, as with HAProxy.
                    Form::Word => Raw::Word(bytes.number()? as u32),
                    Form::Wide => Raw::Wide(bytes.number()?),
                    Form::Name => Raw::Name(names.read(&mut bytes)?),
                    Form::Rate => Raw::Rate {
                        age: bytes.number()? as u32,
                        present: bytes.number()? as u32,
                        before: bytes.number()? as u32,
                    },
                };
                values.push(Value { data, at, period, raw });
            }
        }
        Ok(Update { id, left, key, values })
    }
}

fn key(kind: KeyType, bytes: &mut Bytes<'_>) -> Result<Key<'static>, Malformed> {
    let owned = |bytes: &[u8]| Cow::Owned(bytes.to_vec());
    Ok(match kind {
        KeyType::Ipv4 => Key::V4(bytes.word()?.into()),
        KeyType::Integer => Key::Int(bytes.word()?),
        KeyType::Ipv6 => {
            let octets = <[u8; 16]>::try_from(bytes.take(16)?).map_err(|_| Malformed::Truncated)?;
            Key::V6(octets.into())
        }
        KeyType::Binary { length } => Key::Binary(owned(bytes.take(length.into())?)),
        KeyType::Text { most } => {
            let length = bytes.number()?;
            let text = bytes.take(length)?;
            Key::Text(owned(&text[..text.len().min(most.into())]))
        }
    })
}
