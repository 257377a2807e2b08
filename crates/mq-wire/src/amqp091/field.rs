//! Tables: names with values of many types, as clients describe themselves, queues and messages with (section 4.2.5.5).

use std::fmt::{self, Display};

use bytes::{BufMut, Bytes, BytesMut};

use super::read::Reader;
use crate::octets::Malformed;

/// Names and values in the order of the sender.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table(pub Vec<(Box<str>, Field)>);

/// A value. The eight sizes of whole numbers are one.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    Bool(bool),
    Int(i64),
    Float(f64),
    /// So many digits after the point, and all digits.
    Decimal(u8, u32),
    Text(Box<str>),
    Bytes(Bytes),
    List(Vec<Field>),
    /// Seconds since 1970.
    Timestamp(u64),
    Table(Table),
    Void,
}

impl Table {
    /// The first of that name.
    pub fn find(&self, name: &str) -> Option<&Field> {
        self.0
            .iter()
            .find(|(known, _)| &**known == name)
            .map(|(_, value)| value)
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: Field) -> Table {
        self.0.push((name.into(), value));
        self
    }

    /// About what it needs in memory, which may be far more than in a frame.
    pub fn weight(&self) -> usize {
        let one = |(name, value): &(Box<str>, Field)| size_of::<Box<str>>() + name.len() + value.weight();
        self.0.iter().map(one).sum()
    }

    /// A table as bytes, without its length.
    pub fn read(data: Bytes) -> Result<Table, Malformed> {
        let mut whole = BytesMut::with_capacity(data.len() + 4);
        whole.put_u32(length(data.len()));
        whole.extend_from_slice(&data);
        Reader::new(whole.freeze()).table()
    }

    pub(crate) fn write(&self, out: &mut BytesMut) {
        sized(out, |out| {
            for (name, value) in &self.0 {
                write_short(name, out);
                value.write(out);
            }
        });
    }
}

impl Field {
    fn weight(&self) -> usize {
        let inside = match self {
            Field::Text(text) => text.len(),
            Field::Bytes(bytes) => bytes.len(),
            Field::List(list) => list.iter().map(Field::weight).sum(),
            Field::Table(table) => table.weight(),
            Field::Bool(_)
            | Field::Int(_)
            | Field::Float(_)
            | Field::Decimal(..)
            | Field::Timestamp(_)
            | Field::Void => 0,
        };
        size_of::<Field>() + inside
    }

    /// One value with its type before it, and nothing behind it.
    pub fn read(data: Bytes) -> Result<Field, Malformed> {
        let mut reader = Reader::new(data);
        let field = reader.field(0)?;
        match reader.is_empty() {
            true => Ok(field),
            false => Err(Malformed("something follows")),
        }
    }

    pub fn write(&self, out: &mut BytesMut) {
        match self {
            Field::Bool(flag) => out.extend_from_slice(&[b't', u8::from(*flag)]),
            // As most clients write a number that is small.
            Field::Int(number) => match i32::try_from(*number) {
                Ok(small) => {
                    out.put_u8(b'I');
                    out.put_i32(small);
                }
                Err(_) => {
                    out.put_u8(b'l');
                    out.put_i64(*number);
                }
            },
            Field::Float(number) => {
                out.put_u8(b'd');
                out.put_f64(*number);
            }
            Field::Decimal(scale, digits) => {
                out.extend_from_slice(&[b'D', *scale]);
                out.put_u32(*digits);
            }
            Field::Text(text) => {
                out.put_u8(b'S');
                write_long(text.as_bytes(), out);
            }
            Field::Bytes(bytes) => {
                out.put_u8(b'x');
                write_long(bytes, out);
            }
            Field::List(list) => {
                out.put_u8(b'A');
                sized(out, |out| list.iter().for_each(|field| field.write(out)));
            }
            Field::Timestamp(seconds) => {
                out.put_u8(b'T');
                out.put_u64(*seconds);
            }
            Field::Table(table) => {
                out.put_u8(b'F');
                table.write(out);
            }
            Field::Void => out.put_u8(b'V'),
        }
    }
}

/// As people read it, and as protocols see it that know texts only.
impl Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Field::Bool(flag) => write!(f, "{flag}"),
            Field::Int(number) => write!(f, "{number}"),
            Field::Float(number) => write!(f, "{number}"),
            Field::Decimal(scale, digits) => write!(f, "{digits}e-{scale}"),
            Field::Text(text) => f.write_str(text),
            Field::Bytes(bytes) => f.write_str(&String::from_utf8_lossy(bytes)),
            Field::Timestamp(seconds) => write!(f, "{seconds}"),
            Field::Void => Ok(()),
            Field::List(list) => {
                f.write_str("[")?;
                for (number, field) in list.iter().enumerate() {
                    write!(f, "{}{field}", if number == 0 { "" } else { "," })?;
                }
                f.write_str("]")
            }
            Field::Table(table) => {
                f.write_str("{")?;
                for (number, (name, field)) in table.0.iter().enumerate() {
                    write!(f, "{}{name}:{field}", if number == 0 { "" } else { "," })?;
                }
                f.write_str("}")
            }
        }
    }
}

/// What is written has its length before it.
fn sized(out: &mut BytesMut, fill: impl FnOnce(&mut BytesMut)) {
    let start = out.len();
    out.put_u32(0);
    fill(out);
    let written = length(out.len() - start - 4);
    out[start..start + 4].copy_from_slice(&written.to_be_bytes());
}

/// At most 255 bytes; what is longer is cut between two characters.
pub(crate) fn write_short(text: &str, out: &mut BytesMut) {
    let fits = text.floor_char_boundary(usize::from(u8::MAX));
    out.put_u8(u8::try_from(fits).unwrap_or(u8::MAX));
    out.extend_from_slice(&text.as_bytes()[..fits]);
}

pub(crate) fn write_long(bytes: &[u8], out: &mut BytesMut) {
    out.put_u32(length(bytes.len()));
    out.extend_from_slice(bytes);
}

/// Whatever is written was read from frames, which are far smaller.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
