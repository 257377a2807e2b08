//! Reads values: a constructor says what follows, and how long it is (part 1, section 1.2). What is not there is an error.

use bytes::Bytes;

use super::value::Value;
use crate::octets::{Malformed, Octets};

/// Lists in lists in lists: nobody needs more, and whoever sends more wants our stack.
const DEEPEST: u32 = 16;
/// The most values that are read at once: each costs far more memory than bytes, some none of those at all.
const MOST_VALUES: usize = 8192;
/// The longest name of a type whose items come in an array.
const LONGEST_DESCRIPTOR: usize = 64;

#[derive(Debug)]
pub(super) struct Reader {
    data: Octets,
    values: usize,
}

impl Reader {
    pub(super) fn new(data: Bytes) -> Reader {
        Reader {
            data: Octets(data),
            values: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// What has not been read.
    pub(super) fn rest(self) -> Bytes {
        self.data.0
    }

    pub(super) fn value(&mut self) -> Result<Value, Malformed> {
        self.value_at(0)
    }

    /// The descriptor of a described value, by its number; what it describes comes next.
    pub(super) fn descriptor(&mut self) -> Result<u64, Malformed> {
        if self.data.byte()? != 0 {
            return Err(Malformed("a described value is expected"));
        }
        match self.value_at(1)? {
            Value::Ulong(number) => Ok(number),
            Value::Symbol(name) => super::record::number(&name.0).ok_or(Malformed("a descriptor that is not known")),
            _ => Err(Malformed("a descriptor is a number or a symbol")),
        }
    }

    /// A binary value without copying it.
    pub(super) fn binary(&mut self) -> Result<Bytes, Malformed> {
        let length = match self.data.byte()? {
            0xa0 => self.data.byte()?.into(),
            0xb0 => self.data.long()? as usize,
            _ => return Err(Malformed("a binary value is expected")),
        };
        self.data.take(length)
    }

    /// Passes over one value without looking into it, and gives it as it is spelled.
    pub(super) fn spelled(&mut self) -> Result<Bytes, Malformed> {
        let before = self.data.0.clone();
        self.pass(0)?;
        Ok(before.slice(..before.len() - self.data.0.len()))
    }

    fn pass(&mut self, depth: u32) -> Result<(), Malformed> {
        if depth >= DEEPEST {
            return Err(Malformed("values are nested too deeply"));
        }
        // How long what follows is, the first half of a constructor says (section 1.2.2).
        let code = self.data.byte()?;
        let length = match code >> 4 {
            _ if code == 0 => {
                self.pass(depth + 1)?;
                return self.pass(depth + 1);
            }
            0x4 => 0,
            0x5 => 1,
            0x6 => 2,
            0x7 => 4,
            0x8 => 8,
            0x9 => 16,
            0xa | 0xc | 0xe => self.data.byte()?.into(),
            0xb | 0xd | 0xf => self.data.long()? as usize,
            _ => return Err(Malformed("a type that does not exist")),
        };
        self.data.take(length).map(drop)
    }

    fn value_at(&mut self, depth: u32) -> Result<Value, Malformed> {
        let code = self.data.byte()?;
        match code {
            0 => self.described(depth),
            code => self.data_of(code, depth),
        }
    }

    fn described(&mut self, depth: u32) -> Result<Value, Malformed> {
        if depth >= DEEPEST {
            return Err(Malformed("values are nested too deeply"));
        }
        let descriptor = self.value_at(depth + 1)?;
        let value = self.value_at(depth + 1)?;
        Ok(Value::Described(Box::new((descriptor, value))))
    }

    fn count(&mut self, more: usize) -> Result<(), Malformed> {
        self.values += more;
        match self.values > MOST_VALUES {
            true => Err(Malformed("there are too many values")),
            false => Ok(()),
        }
    }

    /// What follows a constructor that describes nothing.
    fn data_of(&mut self, code: u8, depth: u32) -> Result<Value, Malformed> {
        self.count(1)?;
        Ok(match code {
            0x40 => Value::Null,
            0x41 => Value::Bool(true),
            0x42 => Value::Bool(false),
            0x43 => Value::Uint(0),
            0x44 => Value::Ulong(0),
            0x45 => Value::List(Vec::new()),
            0x50 => Value::Ubyte(self.data.byte()?),
            0x51 => Value::Byte(i8::from_be_bytes(self.data.array()?)),
            0x52 => Value::Uint(self.data.byte()?.into()),
            0x53 => Value::Ulong(self.data.byte()?.into()),
            0x54 => Value::Int(i8::from_be_bytes(self.data.array()?).into()),
            0x55 => Value::Long(i8::from_be_bytes(self.data.array()?).into()),
            0x56 => match self.data.byte()? {
                0 => Value::Bool(false),
                1 => Value::Bool(true),
                _ => return Err(Malformed("a boolean is 0 or 1")),
            },
            0x60 => Value::Ushort(u16::from_be_bytes(self.data.array()?)),
            0x61 => Value::Short(i16::from_be_bytes(self.data.array()?)),
            0x70 => Value::Uint(u32::from_be_bytes(self.data.array()?)),
            0x71 => Value::Int(i32::from_be_bytes(self.data.array()?)),
            0x72 => Value::Float(f32::from_be_bytes(self.data.array()?)),
            0x73 => {
                let letter = char::from_u32(u32::from_be_bytes(self.data.array()?));
                Value::Char(letter.ok_or(Malformed("a character that does not exist"))?)
            }
            0x74 => Value::Decimal(self.data.copied(4)?),
            0x80 => Value::Ulong(u64::from_be_bytes(self.data.array()?)),
            0x81 => Value::Long(i64::from_be_bytes(self.data.array()?)),
            0x82 => Value::Double(f64::from_be_bytes(self.data.array()?)),
            0x83 => Value::Timestamp(i64::from_be_bytes(self.data.array()?)),
            0x84 => Value::Decimal(self.data.copied(8)?),
            0x94 => Value::Decimal(self.data.copied(16)?),
            0x98 => Value::Uuid(self.data.array()?),
            0xa0 | 0xa1 | 0xa3 => {
                let length = self.data.byte()?.into();
                self.variable(code & 0x0f, length)?
            }
            0xb0 | 0xb1 | 0xb3 => {
                let length = self.data.long()? as usize;
                self.variable(code & 0x0f, length)?
            }
            0xc0 | 0xc1 | 0xe0 => {
                let size = self.data.byte()?.into();
                let mut within = self.nested(size, depth)?;
                let count = within.data.byte()?.into();
                self.compound(within, code, count, depth)?
            }
            0xd0 | 0xd1 | 0xf0 => {
                let size = self.data.long()? as usize;
                let mut within = self.nested(size, depth)?;
                let count = within.data.long()? as usize;
                self.compound(within, code, count, depth)?
            }
            _ => return Err(Malformed("a type that does not exist")),
        })
    }

    fn variable(&mut self, kind: u8, length: usize) -> Result<Value, Malformed> {
        if kind == 0 {
            return Ok(Value::Binary(self.data.copied(length)?));
        }
        let data = self.data.take(length)?;
        let text = std::str::from_utf8(&data).map_err(|_| Malformed("a text is not UTF-8"))?;
        match kind {
            1 => Ok(Value::Text(text.into())),
            _ if text.is_ascii() => Ok(Value::Symbol(text.into())),
            _ => Err(Malformed("a symbol is ASCII")),
        }
    }

    fn nested(&mut self, size: usize, depth: u32) -> Result<Reader, Malformed> {
        if depth >= DEEPEST {
            return Err(Malformed("values are nested too deeply"));
        }
        let data = Octets(self.data.take(size)?);
        let values = self.values;
        Ok(Reader { data, values })
    }

    fn compound(&mut self, mut within: Reader, code: u8, count: usize, depth: u32) -> Result<Value, Malformed> {
        let value = match code & 0x0f {
            _ if code == 0xe0 || code == 0xf0 => Value::Array(within.items(count, depth)?),
            0 => {
                let list: Result<Vec<Value>, Malformed> = (0..count).map(|_| within.value_at(depth + 1)).collect();
                Value::List(list?)
            }
            _ => Value::Map(within.pairs(count, depth)?),
        };
        if !within.is_empty() {
            return Err(Malformed("a list, map or array is longer than what is in it"));
        }
        self.values = within.values;
        Ok(value)
    }

    fn pairs(&mut self, count: usize, depth: u32) -> Result<Vec<(Value, Value)>, Malformed> {
        if !count.is_multiple_of(2) {
            return Err(Malformed("a map has as many values as keys"));
        }
        let pair = |_| Ok((self.value_at(depth + 1)?, self.value_at(depth + 1)?));
        (0..count / 2).map(pair).collect()
    }

    /// One constructor, then what it constructs, again and again.
    fn items(&mut self, count: usize, depth: u32) -> Result<Vec<Value>, Malformed> {
        let mut descriptors = Vec::new();
        let code = loop {
            match self.data.byte()? {
                0 if descriptors.len() as u32 + depth >= DEEPEST => {
                    return Err(Malformed("values are nested too deeply"));
                }
                // It is copied for each item, so it is small, and each copy counts.
                0 => descriptors.push(match self.value_at(depth + 1)? {
                    number @ Value::Ulong(_) => number,
                    Value::Symbol(name) if name.0.len() <= LONGEST_DESCRIPTOR => Value::Symbol(name),
                    _ => return Err(Malformed("a descriptor is a number or a symbol")),
                }),
                code => break code,
            }
        };
        let item = |_| {
            self.count(descriptors.len())?;
            let value = self.data_of(code, depth + 1)?;
            let describe = |value, descriptor: &Value| Value::Described(Box::new((descriptor.clone(), value)));
            Ok(descriptors.iter().rev().fold(value, describe))
        };
        (0..count).map(item).collect()
    }
}
