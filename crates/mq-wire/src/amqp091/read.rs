//! Reads the elements of a frame: numbers, texts and tables (AMQP 0-9-1, section 4.2.5). What is not there is an error.

use bytes::Bytes;

use super::field::{Field, Table};
use crate::octets::{Malformed, Octets};

/// Tables in tables in tables: nobody needs more, and whoever sends more wants our stack.
const DEEPEST: u32 = 16;
/// The most entries of all tables of one method or header together: each costs far more memory than bytes.
const MOST_FIELDS: u32 = 4096;

#[derive(Debug)]
pub(crate) struct Reader {
    pub(super) data: Octets,
    fields: u32,
}

impl Reader {
    pub(crate) fn new(data: Bytes) -> Reader {
        Reader {
            data: Octets(data),
            fields: 0,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    pub(crate) fn short_text(&mut self) -> Result<Box<str>, Malformed> {
        let length = self.data.byte()?;
        let bytes = self.data.take(usize::from(length))?;
        std::str::from_utf8(&bytes)
            .map(Into::into)
            .map_err(|_| Malformed("a short string is not UTF-8"))
    }

    pub(crate) fn long_bytes(&mut self) -> Result<Bytes, Malformed> {
        let length = self.data.long()?;
        self.data.copied(length as usize)
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
        let length = self.data.long()?;
        let data = Octets(self.data.take(length as usize)?);
        let fields = self.fields;
        Ok(Reader { data, fields })
    }

    /// One value with its type before it. The letters are RabbitMQ's, which all clients use; the specification's own differ.
    pub(crate) fn field(&mut self, depth: u32) -> Result<Field, Malformed> {
        self.fields += 1;
        if self.fields > MOST_FIELDS {
            return Err(Malformed("there are too many fields"));
        }
        Ok(match self.data.byte()? {
            b't' => Field::Bool(self.data.byte()? != 0),
            b'b' => Field::Int(i8::from_be_bytes(self.data.array()?).into()),
            b'B' => Field::Int(self.data.byte()?.into()),
            b's' => Field::Int(i16::from_be_bytes(self.data.array()?).into()),
            b'u' => Field::Int(self.data.short()?.into()),
            b'I' => Field::Int(i32::from_be_bytes(self.data.array()?).into()),
            b'i' => Field::Int(self.data.long()?.into()),
            b'l' | b'L' => Field::Int(i64::from_be_bytes(self.data.array()?)),
            b'f' => Field::Float(f32::from_be_bytes(self.data.array()?).into()),
            b'd' => Field::Float(f64::from_be_bytes(self.data.array()?)),
            b'D' => Field::Decimal(self.data.byte()?, self.data.long()?),
            b'S' => {
                let bytes = self.long_bytes()?;
                match std::str::from_utf8(&bytes) {
                    Ok(text) => Field::Text(text.into()),
                    Err(_) => Field::Bytes(bytes),
                }
            }
            b'x' => Field::Bytes(self.long_bytes()?),
            b'A' => Field::List(self.list_at(depth + 1)?),
            b'T' => Field::Timestamp(self.data.long_long()?),
            b'F' => Field::Table(self.table_at(depth + 1)?),
            b'V' => Field::Void,
            _ => return Err(Malformed("a field has a type that does not exist")),
        })
    }
}
