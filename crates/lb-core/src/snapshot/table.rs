//! Stick tables as text: a line for the table, one for each entry, and in it each value under its name: `gpc[1]=5`,
//! `conn_rate@10000=AGE:NOW:BEFORE`.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::TableState;
use super::text::{Line, Writer};
use crate::hex;
use crate::stick::{DataType, Dumped, Form, Key, KeyType, Raw, Value};

impl TableState {
    pub(super) fn write(&self, out: &mut Writer) {
        let line = out.line("table").set("name", &self.name).set("type", self.key.word());
        let length = matches!(self.key, KeyType::Text { .. } | KeyType::Binary { .. }).then(|| self.key.width());
        drop(line.set_some("length", length));
        for entry in &self.entries {
            let mut line = out.line("entry").set("key", key_text(&entry.key));
            line = line.set_some("left", entry.left.map(|left| left.as_millis()));
            line = line.set_some("untold", self.untold.contains(&entry.key).then_some(1));
            for value in &entry.values {
                if !is_nothing(&value.raw) {
                    line = line.set(&name(value), shown(&value.raw));
                }
            }
        }
    }

    pub(super) fn read(name: Arc<str>, line: Line<'_>) -> Option<TableState> {
        let length = line.value("length").unwrap_or(0);
        let key = match line.raw("type")? {
            "ip" => KeyType::Ipv4,
            "ipv6" => KeyType::Ipv6,
            "integer" => KeyType::Integer,
            "string" => KeyType::Text { most: length },
            "binary" => KeyType::Binary { length },
            _ => return None,
        };
        Some(TableState {
            name,
            key,
            entries: Vec::new(),
            untold: HashSet::new(),
        })
    }

    pub(super) fn take(&mut self, line: Line<'_>) -> Option<()> {
        let key = read_key(self.key, line)?;
        if line.value("untold") == Some(1) {
            self.untold.insert(key.clone());
        }
        let entry = Dumped {
            key,
            left: line.value("left").map(Duration::from_millis),
            holders: 0,
            values: line.pairs().filter_map(|(name, text)| read_value(name, text)).collect(),
        };
        self.entries.push(entry);
        Some(())
    }
}

fn key_text(key: &Key<'_>) -> String {
    match key {
        Key::Text(bytes) | Key::Binary(bytes) => hex::lower(bytes),
        other => other.to_string(),
    }
}

fn read_key(kind: KeyType, line: Line<'_>) -> Option<Key<'static>> {
    Some(match kind {
        KeyType::Ipv4 => Key::V4(line.value("key")?),
        KeyType::Ipv6 => Key::V6(line.value("key")?),
        KeyType::Integer => Key::Int(line.value("key")?),
        KeyType::Text { .. } => Key::Text(hex::read(line.raw("key")?)?.into()),
        KeyType::Binary { .. } => Key::Binary(hex::read(line.raw("key")?)?.into()),
    })
}

fn is_nothing(raw: &Raw) -> bool {
    matches!(
        raw,
        Raw::Word(0)
            | Raw::Wide(0)
            | Raw::Name(None)
            | Raw::Rate {
                present: 0,
                before: 0,
                ..
            }
    )
}

fn name(value: &Value) -> String {
    let mut name = value.data.name().to_owned();
    if value.data.is_array() {
        name += &format!("[{}]", value.at);
    }
    if value.period > 0 {
        name += &format!("@{}", value.period);
    }
    name
}

fn shown(raw: &Raw) -> String {
    match raw {
        Raw::Word(word) => word.to_string(),
        Raw::Wide(value) => value.to_string(),
        Raw::Rate { age, present, before } => format!("{age}:{present}:{before}"),
        Raw::Name(name) => name.as_deref().unwrap_or_default().to_owned(),
    }
}

fn read_value(name: &str, text: &str) -> Option<Value> {
    let (name, period) = match name.split_once('@') {
        Some((name, period)) => (name, period.parse().ok()?),
        None => (name, 0),
    };
    let (name, at) = match name.split_once('[') {
        Some((name, at)) => (name, at.strip_suffix(']')?.parse().ok()?),
        None => (name, 0),
    };
    // What the first versions wrote.
    let data = if name == "server" {
        Some(DataType::ServerId)
    } else {
        DataType::named(name)
    };
    let data = data?;
    let raw = match data.form() {
        Form::Word => Raw::Word(text.parse().ok()?),
        Form::Wide => Raw::Wide(text.parse().ok()?),
        Form::Name => Raw::Name(super::text::unescaped(text).map(Into::into)),
        Form::Rate => {
            let mut parts = text.split(':').map(str::parse);
            let mut next = || parts.next()?.ok();
            Raw::Rate {
                age: next()?,
                present: next()?,
                before: next()?,
            }
        }
    };
    Some(Value { data, at, period, raw })
}
