//! The sections of a message (part 3, section 3.2). The body is never looked into.

use bytes::{BufMut, Bytes, BytesMut};

use super::read::Reader;
use super::record::{Field, Millis, Record, records};
use super::value::{Symbol, Value};
use crate::octets::Malformed;

records! {
    MessageHeader = 0x70 {
        durable: Option<bool>,
        priority: Option<u8>,
        ttl: Option<u32>,
        first_acquirer: Option<bool>,
        delivery_count: Option<u32>,
    }
    Properties = 0x73 {
        message_id: Option<Value>,
        user_id: Option<Bytes>,
        to: Option<Box<str>>,
        subject: Option<Box<str>>,
        reply_to: Option<Box<str>>,
        correlation_id: Option<Value>,
        content_type: Option<Symbol>,
        content_encoding: Option<Symbol>,
        absolute_expiry_time: Option<Millis>,
        creation_time: Option<Millis>,
        group_id: Option<Box<str>>,
        group_sequence: Option<u32>,
        reply_to_group_id: Option<Box<str>>,
    }
}

const DELIVERY_ANNOTATIONS: u64 = 0x71;
const MESSAGE_ANNOTATIONS: u64 = 0x72;
const APPLICATION_PROPERTIES: u64 = 0x74;
const DATA: u64 = 0x75;
const SEQUENCE: u64 = 0x76;
const VALUE: u64 = 0x77;
const FOOTER: u64 = 0x78;

/// What it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Bytes; several sections of them are one.
    Data(Bytes),
    /// A value as it is spelled.
    Value(Bytes),
    /// Lists as they are spelled, one after the other.
    Sequence(Bytes),
}

impl Body {
    /// A value that is spelled by these bytes, and by all of them.
    pub fn value(spelled: Bytes) -> Option<Body> {
        let mut reader = Reader::new(spelled.clone());
        (reader.spelled().is_ok() && reader.is_empty()).then_some(Body::Value(spelled))
    }

    /// Lists that are spelled by these bytes, and by all of them.
    pub fn sequence(spelled: Bytes) -> Option<Body> {
        let mut reader = Reader::new(spelled.clone());
        while !reader.is_empty() {
            list(&mut reader).ok()?;
        }
        (!spelled.is_empty()).then_some(Body::Sequence(spelled))
    }
}

impl Default for Body {
    fn default() -> Self {
        Body::Data(Bytes::new())
    }
}

/// A message, section by section. Annotations for the next hop alone end here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sections {
    pub header: MessageHeader,
    /// For who gets it, not for whom that sends it on.
    pub hints: Vec<(Value, Value)>,
    /// A map as it is spelled.
    pub annotations: Option<Bytes>,
    pub properties: Properties,
    pub application: Vec<(Box<str>, Value)>,
    pub body: Body,
    /// A map as it is spelled.
    pub footer: Option<Bytes>,
}

impl Sections {
    pub fn read(payload: Bytes) -> Result<Sections, Malformed> {
        let mut read = Sections::default();
        let mut body = None;
        let mut reader = Reader::new(payload);
        let mut last = 0;
        while !reader.is_empty() {
            let section = reader.descriptor()?;
            let again = section == last && matches!(section, DATA | SEQUENCE);
            if section <= last && !again {
                return Err(Malformed("the sections of the message are not in their order"));
            }
            last = section;
            match section {
                MessageHeader::NUMBER => read.header = MessageHeader::take(reader.value()?)?,
                DELIVERY_ANNOTATIONS => drop(map(&mut reader)?),
                MESSAGE_ANNOTATIONS => read.annotations = Some(map(&mut reader)?),
                Properties::NUMBER => read.properties = Properties::take(reader.value()?)?,
                APPLICATION_PROPERTIES => read.application = application(reader.value()?)?,
                DATA | SEQUENCE | VALUE if body.as_ref().is_some_and(|(kind, _)| *kind != section) => {
                    return Err(Malformed("the body is of several kinds"));
                }
                DATA => append(&mut body, section, reader.binary()?),
                SEQUENCE => append(&mut body, section, list(&mut reader)?),
                VALUE => append(&mut body, section, reader.spelled()?),
                FOOTER => read.footer = Some(map(&mut reader)?),
                _ => return Err(Malformed("there is no such section")),
            }
        }
        read.body = match body {
            Some((DATA, data)) => Body::Data(data),
            Some((SEQUENCE, lists)) => Body::Sequence(lists),
            Some((_, value)) => Body::Value(value),
            // Some clients send nothing where they have nothing.
            None => Body::Value(Bytes::from_static(&[0x40])),
        };
        Ok(read)
    }

    pub fn write(&self, out: &mut BytesMut) {
        if self.header != MessageHeader::default() {
            self.header.give().write(out);
        }
        if !self.hints.is_empty() {
            section(DELIVERY_ANNOTATIONS, out);
            Value::Map(self.hints.clone()).write(out);
        }
        if let Some(annotations) = &self.annotations {
            section(MESSAGE_ANNOTATIONS, out);
            out.extend_from_slice(annotations);
        }
        if self.properties != Properties::default() {
            self.properties.give().write(out);
        }
        if !self.application.is_empty() {
            section(APPLICATION_PROPERTIES, out);
            let pairs = self.application.iter();
            let pairs = pairs.map(|(name, value)| (Value::Text(name.clone()), value.clone()));
            Value::Map(pairs.collect()).write(out);
        }
        match &self.body {
            Body::Data(data) => {
                section(DATA, out);
                Value::Binary(data.clone()).write(out);
            }
            Body::Value(value) => {
                section(VALUE, out);
                out.extend_from_slice(value);
            }
            Body::Sequence(lists) => {
                let mut reader = Reader::new(lists.clone());
                // What cannot be read did not come from us.
                while let Ok(list) = reader.spelled() {
                    section(SEQUENCE, out);
                    out.extend_from_slice(&list);
                }
            }
        }
        if let Some(footer) = &self.footer {
            section(FOOTER, out);
            out.extend_from_slice(footer);
        }
    }
}

fn section(number: u64, out: &mut BytesMut) {
    out.put_u8(0);
    Value::Ulong(number).write(out);
}

fn append(body: &mut Option<(u64, Bytes)>, kind: u64, more: Bytes) {
    *body = Some(match body.take() {
        None => (kind, more),
        // It grows where it is: thousands of small sections behind a large one copy that once.
        Some((kind, before)) => {
            let mut joined = before
                .try_into_mut()
                .unwrap_or_else(|shared| BytesMut::from(&shared[..]));
            joined.extend_from_slice(&more);
            (kind, joined.freeze())
        }
    });
}

/// A map, as it is spelled. What is in it is somebody else's.
fn map(reader: &mut Reader) -> Result<Bytes, Malformed> {
    let spelled = reader.spelled()?;
    match spelled.first() {
        Some(0xc1 | 0xd1) => Ok(spelled),
        _ => Err(Malformed("annotations and footers are maps")),
    }
}

fn list(reader: &mut Reader) -> Result<Bytes, Malformed> {
    let spelled = reader.spelled()?;
    match spelled.first() {
        Some(0x45 | 0xc0 | 0xd0) => Ok(spelled),
        _ => Err(Malformed("a sequence is a list")),
    }
}

/// Simple values by their names.
fn application(value: Value) -> Result<Vec<(Box<str>, Value)>, Malformed> {
    let Value::Map(pairs) = value else {
        return Err(Malformed("application properties are a map"));
    };
    let pair = |(name, value)| match (name, value) {
        (Value::Text(_), Value::List(_) | Value::Map(_) | Value::Array(_) | Value::Described(_)) => {
            Err(Malformed("an application property is a simple value"))
        }
        (Value::Text(name), value) => Ok((name, value)),
        _ => Err(Malformed("the name of an application property is a text")),
    };
    pairs.into_iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_small_sections_behind_a_large_one_do_not_copy_it_each_time() {
        let mut body = Some((DATA, Bytes::from(vec![0; 1 << 20])));
        let (mut moved, mut at) = (0, std::ptr::null());
        for _ in 0..10_000 {
            append(&mut body, DATA, Bytes::from_static(b"x"));
            let now = body.as_ref().map_or(at, |(_, joined)| joined.as_ptr());
            moved += usize::from(now != at);
            at = now;
        }
        assert_eq!(body.map(|(_, joined)| joined.len()), Some((1 << 20) + 10_000));
        assert!(moved < 10, "copied {moved} times");
    }
}
