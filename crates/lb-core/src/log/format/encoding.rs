//! `%{+json}o` and `%{+cbor}o`: the named pieces of a line as one object, for whoever reads lines by machine.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::Name;
use super::datum::{Datum, put_ip};
use crate::expr::Sample;
use crate::hex;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `{"name": value, …}`
    Json,
    /// A map without a length (RFC 8949 section 3.2.2), in hexadecimal: what is not text does not survive syslog.
    Cbor,
}

/// `%(name:type)`: what a value is made to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Int,
    Bool,
}

/// As an encoding knows values.
enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Text(Cow<'a, str>),
}

impl Encoding {
    pub(super) fn write<'a>(self, named: impl Iterator<Item = (&'a Name, Datum<'a>)>, out: &mut Vec<u8>) {
        let values = named.map(|(name, datum)| (&*name.name, Value::of(datum).cast(name.kind)));
        let text = match self {
            Encoding::Json => json(values),
            Encoding::Cbor => hex::upper(&cbor(values)),
        };
        out.extend_from_slice(text.as_bytes());
    }
}

impl<'a> Value<'a> {
    fn of(datum: Datum<'a>) -> Value<'a> {
        match datum {
            Datum::Text(None) => Value::Null,
            Datum::Text(Some(bytes)) => Value::text(bytes),
            Datum::Sample(Sample::Bool(yes)) => Value::Bool(yes),
            Datum::Sample(Sample::Int(n)) => Value::Int(n),
            Datum::Sample(other) => Value::text(other.into_text()),
            Datum::Bare(text) => Value::Text(text.into()),
            Datum::Int(n) | Datum::HexInt(n, _) | Datum::Growing(n) => Value::Int(n),
            Datum::Millis(n) => Value::Int(n.into()),
            Datum::Ip(ip) => {
                let mut text = String::new();
                put_ip(ip, false, &mut text);
                Value::Text(text.into())
            }
        }
    }

    fn text(bytes: Cow<'a, [u8]>) -> Value<'a> {
        Value::Text(match bytes {
            Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
            Cow::Owned(bytes) => String::from_utf8_lossy(&bytes).into_owned().into(),
        })
    }

    fn cast(self, kind: Option<Kind>) -> Value<'a> {
        match (kind, self) {
            (None, value) | (_, value @ Value::Null) => value,
            (Some(Kind::Text), Value::Bool(yes)) => Value::Text(u8::from(yes).to_string().into()),
            (Some(Kind::Text), Value::Int(n)) => Value::Text(n.to_string().into()),
            (Some(Kind::Text), value) => value,
            (Some(Kind::Int), Value::Bool(yes)) => Value::Int(yes.into()),
            (Some(Kind::Int), Value::Text(text)) => text.parse().map_or(Value::Null, Value::Int),
            (Some(Kind::Int), value) => value,
            (Some(Kind::Bool), Value::Int(n)) => Value::Bool(n != 0),
            (Some(Kind::Bool), Value::Text(text)) => match &*text {
                "true" | "1" => Value::Bool(true),
                "false" | "0" => Value::Bool(false),
                _ => Value::Null,
            },
            (Some(Kind::Bool), value) => value,
        }
    }
}

fn json<'a>(values: impl Iterator<Item = (&'a str, Value<'a>)>) -> String {
    let mut out = String::from("{");
    for (nth, (name, value)) in values.enumerate() {
        if nth > 0 {
            out.push_str(", ");
        }
        json_text(name, &mut out);
        out.push_str(": ");
        match value {
            Value::Null => out.push_str("null"),
            Value::Bool(yes) => out.push_str(if yes { "true" } else { "false" }),
            Value::Int(n) => out.push_str(&n.to_string()),
            Value::Text(text) => json_text(&text, &mut out),
        }
    }
    out.push('}');
    out
}

/// RFC 8259 section 7.
fn json_text(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            // Writing to a string cannot fail.
            control if control < ' ' => drop(write!(out, "\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
}

fn cbor<'a>(values: impl Iterator<Item = (&'a str, Value<'a>)>) -> Vec<u8> {
    const MAP_WITHOUT_LENGTH: u8 = 0xbf;
    const BREAK: u8 = 0xff;
    let mut out = vec![MAP_WITHOUT_LENGTH];
    for (name, value) in values {
        cbor_text(name, &mut out);
        match value {
            Value::Null => out.push(0xf6),
            Value::Bool(yes) => out.push(if yes { 0xf5 } else { 0xf4 }),
            Value::Int(n) if n < 0 => cbor_head(1, !n as u64, &mut out),
            Value::Int(n) => cbor_head(0, n as u64, &mut out),
            Value::Text(text) => cbor_text(&text, &mut out),
        }
    }
    out.push(BREAK);
    out
}

fn cbor_text(text: &str, out: &mut Vec<u8>) {
    cbor_head(3, text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

/// The major type and its argument, in as few bytes as hold it (RFC 8949 section 3).
fn cbor_head(major: u8, argument: u64, out: &mut Vec<u8>) {
    let major = major << 5;
    match argument {
        0..24 => out.push(major | argument as u8),
        24..0x100 => out.extend([major | 24, argument as u8]),
        0x100..0x1_0000 => {
            out.push(major | 25);
            out.extend_from_slice(&(argument as u16).to_be_bytes());
        }
        0x1_0000..0x1_0000_0000 => {
            out.push(major | 26);
            out.extend_from_slice(&(argument as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&argument.to_be_bytes());
        }
    }
}
