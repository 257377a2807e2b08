//! The types of part 1: what any field, property or body consists of.

use std::fmt::{self, Display};

use bytes::{BufMut, Bytes, BytesMut};

use super::read::Reader;
use crate::octets::Malformed;

/// A name from a domain: ASCII, compared as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Symbol(pub Box<str>);

impl From<&str> for Symbol {
    fn from(text: &str) -> Symbol {
        Symbol(text.into())
    }
}

/// A map whose keys are symbols, in its order.
pub type Fields = Vec<(Value, Value)>;

/// Any value.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    #[default]
    Null,
    Bool(bool),
    Ubyte(u8),
    Ushort(u16),
    Uint(u32),
    Ulong(u64),
    Byte(i8),
    Short(i16),
    Int(i32),
    Long(i64),
    Float(f32),
    Double(f64),
    /// 4, 8 or 16 bytes that are never looked into.
    Decimal(Bytes),
    Char(char),
    /// Milliseconds since 1970.
    Timestamp(i64),
    Uuid([u8; 16]),
    Binary(Bytes),
    Text(Box<str>),
    Symbol(Symbol),
    List(Vec<Value>),
    Map(Vec<(Value, Value)>),
    /// All of one type.
    Array(Vec<Value>),
    /// A descriptor, and what it describes.
    Described(Box<(Value, Value)>),
}

impl Value {
    /// The value that these bytes are, as a whole.
    pub fn read(data: Bytes) -> Result<Value, Malformed> {
        let mut reader = Reader::new(data);
        let value = reader.value()?;
        match reader.is_empty() {
            true => Ok(value),
            false => Err(Malformed("something follows the value")),
        }
    }

    pub fn symbol(text: &str) -> Value {
        Value::Symbol(text.into())
    }

    /// How much room it takes, about.
    pub fn weight(&self) -> usize {
        let pair = |(one, other): &(Value, Value)| one.weight() + other.weight();
        size_of::<Value>()
            + match self {
                Value::Text(text) | Value::Symbol(Symbol(text)) => text.len(),
                Value::Binary(data) | Value::Decimal(data) => data.len(),
                Value::List(list) | Value::Array(list) => list.iter().map(Value::weight).sum(),
                Value::Map(pairs) => pairs.iter().map(pair).sum(),
                Value::Described(described) => pair(described),
                _ => 0,
            }
    }

    /// As one name or text, whichever of the two it is.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) | Value::Symbol(Symbol(text)) => Some(text),
            _ => None,
        }
    }

    /// Whole numbers, and points in time, where they fit.
    pub fn as_whole(&self) -> Option<i64> {
        Some(match self {
            Value::Ubyte(number) => (*number).into(),
            Value::Ushort(number) => (*number).into(),
            Value::Uint(number) => (*number).into(),
            Value::Ulong(number) => i64::try_from(*number).ok()?,
            Value::Byte(number) => (*number).into(),
            Value::Short(number) => (*number).into(),
            Value::Int(number) => (*number).into(),
            Value::Long(number) | Value::Timestamp(number) => *number,
            _ => return None,
        })
    }

    /// As short as it can be said.
    pub fn write(&self, out: &mut BytesMut) {
        match self {
            Value::Null => out.put_u8(0x40),
            Value::Bool(true) => out.put_u8(0x41),
            Value::Bool(false) => out.put_u8(0x42),
            Value::Uint(0) => out.put_u8(0x43),
            Value::Ulong(0) => out.put_u8(0x44),
            Value::List(list) if list.is_empty() => out.put_u8(0x45),
            Value::Uint(number) if *number < 256 => out.extend_from_slice(&[0x52, number.to_be_bytes()[3]]),
            Value::Ulong(number) if *number < 256 => out.extend_from_slice(&[0x53, number.to_be_bytes()[7]]),
            Value::Int(number) if i8::try_from(*number).is_ok() => {
                out.extend_from_slice(&[0x54, number.to_be_bytes()[3]]);
            }
            Value::Long(number) if i8::try_from(*number).is_ok() => {
                out.extend_from_slice(&[0x55, number.to_be_bytes()[7]]);
            }
            Value::Binary(data) if data.len() < 256 => short(0xa0, data, out),
            Value::Text(text) if text.len() < 256 => short(0xa1, text.as_bytes(), out),
            Value::Symbol(symbol) if symbol.0.len() < 256 => short(0xa3, symbol.0.as_bytes(), out),
            Value::Described(described) => {
                out.put_u8(0);
                described.0.write(out);
                described.1.write(out);
            }
            _ => {
                out.put_u8(self.code());
                self.write_data(out);
            }
        }
    }

    /// The constructor that fits every value of the type: those of an array share one.
    fn code(&self) -> u8 {
        match self {
            Value::Null => 0x40,
            Value::Bool(_) => 0x56,
            Value::Ubyte(_) => 0x50,
            Value::Ushort(_) => 0x60,
            Value::Uint(_) => 0x70,
            Value::Ulong(_) => 0x80,
            Value::Byte(_) => 0x51,
            Value::Short(_) => 0x61,
            Value::Int(_) => 0x71,
            Value::Long(_) => 0x81,
            Value::Float(_) => 0x72,
            Value::Double(_) => 0x82,
            Value::Decimal(data) => match data.len() {
                4 => 0x74,
                8 => 0x84,
                _ => 0x94,
            },
            Value::Char(_) => 0x73,
            Value::Timestamp(_) => 0x83,
            Value::Uuid(_) => 0x98,
            Value::Binary(_) => 0xb0,
            Value::Text(_) => 0xb1,
            Value::Symbol(_) => 0xb3,
            Value::List(_) => 0xd0,
            Value::Map(_) => 0xd1,
            Value::Array(_) => 0xf0,
            Value::Described(_) => 0x00,
        }
    }

    /// All constructors of a type, one in the other where it is described.
    fn write_code(&self, out: &mut BytesMut) {
        out.put_u8(self.code());
        if let Value::Described(described) = self {
            described.0.write(out);
            described.1.write_code(out);
        }
    }

    /// What follows the constructor of [`Value::code`].
    fn write_data(&self, out: &mut BytesMut) {
        match self {
            Value::Null => {}
            Value::Bool(flag) => out.put_u8(u8::from(*flag)),
            Value::Ubyte(number) => out.put_u8(*number),
            Value::Ushort(number) => out.put_u16(*number),
            Value::Uint(number) => out.put_u32(*number),
            Value::Ulong(number) => out.put_u64(*number),
            Value::Byte(number) => out.put_i8(*number),
            Value::Short(number) => out.put_i16(*number),
            Value::Int(number) => out.put_i32(*number),
            Value::Long(number) | Value::Timestamp(number) => out.put_i64(*number),
            Value::Float(number) => out.put_f32(*number),
            Value::Double(number) => out.put_f64(*number),
            Value::Decimal(data) => out.extend_from_slice(data),
            Value::Char(letter) => out.put_u32(u32::from(*letter)),
            Value::Uuid(bytes) => out.extend_from_slice(bytes),
            Value::Binary(data) => long(data, out),
            Value::Text(text) => long(text.as_bytes(), out),
            Value::Symbol(symbol) => long(symbol.0.as_bytes(), out),
            Value::List(list) => compound(list.len(), out, |out| list.iter().for_each(|value| value.write(out))),
            Value::Map(pairs) => compound(pairs.len() * 2, out, |out| {
                for (key, value) in pairs {
                    key.write(out);
                    value.write(out);
                }
            }),
            Value::Array(items) => compound(items.len(), out, |out| match items.first() {
                None => out.put_u8(0x40),
                Some(first) => {
                    first.write_code(out);
                    items.iter().for_each(|item| item.write_data(out));
                }
            }),
            Value::Described(described) => described.1.write_data(out),
        }
    }
}

fn length(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn short(code: u8, data: &[u8], out: &mut BytesMut) {
    out.put_u8(code);
    out.put_u8(u8::try_from(data.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(data);
}

fn long(data: &[u8], out: &mut BytesMut) {
    out.put_u32(length(data.len()));
    out.extend_from_slice(data);
}

/// Size, count, and what is in it.
fn compound(count: usize, out: &mut BytesMut, fill: impl FnOnce(&mut BytesMut)) {
    let start = out.len();
    out.put_u32(0);
    out.put_u32(length(count));
    fill(out);
    let size = length(out.len() - start - 4);
    out[start..start + 4].copy_from_slice(&size.to_be_bytes());
}

/// As people and text protocols see it.
impl Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => Ok(()),
            Value::Bool(flag) => flag.fmt(f),
            Value::Ulong(number) => number.fmt(f),
            Value::Float(number) => number.fmt(f),
            Value::Double(number) => number.fmt(f),
            Value::Char(letter) => letter.fmt(f),
            Value::Decimal(data) => write!(f, "{data:x}"),
            Value::Uuid(bytes) => {
                for (at, byte) in bytes.iter().enumerate() {
                    let dash = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
                    write!(f, "{dash}{byte:02x}")?;
                }
                Ok(())
            }
            Value::Binary(data) => f.write_str(&String::from_utf8_lossy(data)),
            Value::Text(text) | Value::Symbol(Symbol(text)) => f.write_str(text),
            Value::List(items) | Value::Array(items) => {
                f.write_str("[")?;
                for (at, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if at > 0 { "," } else { "" })?;
                }
                f.write_str("]")
            }
            Value::Map(pairs) => {
                f.write_str("{")?;
                for (at, (key, value)) in pairs.iter().enumerate() {
                    write!(f, "{}{key}={value}", if at > 0 { "," } else { "" })?;
                }
                f.write_str("}")
            }
            Value::Described(described) => described.1.fmt(f),
            whole => whole.as_whole().unwrap_or_default().fmt(f),
        }
    }
}
