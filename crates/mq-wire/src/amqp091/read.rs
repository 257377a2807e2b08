//! Reads the elements of a frame: numbers, texts and tables (AMQP 0-9-1, section 4.2.5). What is not there is an error.

use bytes::{Buf, Bytes};

use super::field::{Field, Table};

/// These bytes are not what they should be, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);

/// Tables in tables in tables: nobody needs more, and whoever sends more wants our stack.
const DEEPEST: u32 = 16;
/// The most entries of all tables of one method or header together: each costs far more memory than bytes.
const MOST_FIELDS: u32 = 4096;

#[derive(Debug)]
pub(crate) struct Reader {
    data: Bytes,
    fields: u32,
}

impl Reader {
    pub(crate) fn new(data: Bytes) -> Reader {
        Reader { data, fields: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    fn take(&mut self, length: usize) -> Result<Bytes, Malformed> {
        if length > self.data.len() {
            return Err(Malformed("it ends too early"));
        }
        Ok(self.data.split_to(length))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let mut array = [0; N];
        self.take(N)?.copy_to_slice(&mut array);
        Ok(array)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn short(&mut self) -> Result<u16, Malformed> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(crate) fn long(&mut self) -> Result<u32, Malformed> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub(crate) fn long_long(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    pub(crate) fn short_text(&mut self) -> Result<Box<str>, Malformed> {
        let length = self.byte()?;
        let bytes = self.take(usize::from(length))?;
        std::str::from_utf8(&bytes)
            .map(Into::into)
            .map_err(|_| Malformed("a short string is not UTF-8"))
    }

    /// A copy: otherwise a few bytes would keep the whole buffer that they came in.
    pub(crate) fn long_bytes(&mut self) -> Result<Bytes, Malformed> {
        let length = self.long()?;
        Ok(Bytes::copy_from_slice(&self.take(length as usize)?))
    }

    pub(crate) fn table(&mut self) -> Result<Table, Malformed> {
        self.table_at(0)
    }

    fn table_at(&mut self, depth: u32) -> Result<Table, Malformed> {
        let mut within = self.nested(depth)?;
        let mut pairs = Vec::new();
        while !within.is_empty() {
            let name = within.short_text()?;
            pairs.push((name, within.field(depth)?));
        }
        self.fields = within.fields;
        Ok(Table(pairs))
    }

    fn list_at(&mut self, depth: u32) -> Result<Vec<Field>, Malformed> {
        let mut within = self.nested(depth)?;
        let mut list = Vec::new();
        while !within.is_empty() {
            list.push(within.field(depth)?);
        }
        self.fields = within.fields;
        Ok(list)
    }

    fn nested(&mut self, depth: u32) -> Result<Reader, Malformed> {
        if depth >= DEEPEST {
            return Err(Malformed("tables are nested too deeply"));
        }
        let length = self.long()?;
        let data = self.take(length as usize)?;
        let fields = self.fields;
        Ok(Reader { data, fields })
    }

    /// One value with its type before it. The letters are RabbitMQ's, which all clients use; the specification's own differ.
    pub(crate) fn field(&mut self, depth: u32) -> Result<Field, Malformed> {
        self.fields += 1;
        if self.fields > MOST_FIELDS {
            return Err(Malformed("there are too many fields"));
        }
        Ok(match self.byte()? {
            b't' => Field::Bool(self.byte()? != 0),
            b'b' => Field::Int(i8::from_be_bytes(self.array()?).into()),
            b'B' => Field::Int(self.byte()?.into()),
            b's' => Field::Int(i16::from_be_bytes(self.array()?).into()),
            b'u' => Field::Int(self.short()?.into()),
            b'I' => Field::Int(i32::from_be_bytes(self.array()?).into()),
            b'i' => Field::Int(self.long()?.into()),
            b'l' | b'L' => Field::Int(i64::from_be_bytes(self.array()?)),
            b'f' => Field::Float(f32::from_be_bytes(self.array()?).into()),
            b'd' => Field::Float(f64::from_be_bytes(self.array()?)),
            b'D' => Field::Decimal(self.byte()?, self.long()?),
            b'S' => {
                let bytes = self.long_bytes()?;
                match std::str::from_utf8(&bytes) {
                    Ok(text) => Field::Text(text.into()),
                    Err(_) => Field::Bytes(bytes),
                }
            }
            b'x' => Field::Bytes(self.long_bytes()?),
            b'A' => Field::List(self.list_at(depth + 1)?),
            b'T' => Field::Timestamp(self.long_long()?),
            b'F' => Field::Table(self.table_at(depth + 1)?),
            b'V' => Field::Void,
            _ => return Err(Malformed("a field has a type that does not exist")),
        })
    }
}
