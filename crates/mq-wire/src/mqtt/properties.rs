//! Properties of MQTT 5 (section 2.2.2): each has a number, a shape, and packets that it may be in.

use bytes::{BufMut, Bytes, BytesMut};

use super::encode::{binary, text, variable, variable_size};
use super::read::Reader;
use super::{DecodeError, Reason};

/// Who may carry a property, as bits; a client's packets only, since nothing else is read.
pub(super) mod carrier {
    pub(in crate::mqtt) const CONNECT: u16 = 1 << 0;
    pub(in crate::mqtt) const WILL: u16 = 1 << 1;
    pub(in crate::mqtt) const PUBLISH: u16 = 1 << 2;
    pub(in crate::mqtt) const ACK: u16 = 1 << 3;
    pub(in crate::mqtt) const SUBSCRIBE: u16 = 1 << 4;
    pub(in crate::mqtt) const UNSUBSCRIBE: u16 = 1 << 5;
    pub(in crate::mqtt) const DISCONNECT: u16 = 1 << 6;
    pub(in crate::mqtt) const AUTH: u16 = 1 << 7;
}

/// The most of its own that a packet may carry: each takes far more room here than on the wire.
const MOST_OF_USER: usize = 1000;

/// All of one packet. What is not there is `None` or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// Whether the body says that it is UTF-8.
    pub payload_format: Option<bool>,
    pub message_expiry: Option<u32>,
    pub content_type: Option<Box<str>>,
    pub response_topic: Option<Box<str>>,
    pub correlation_data: Option<Bytes>,
    pub subscription_identifiers: Vec<u32>,
    pub session_expiry: Option<u32>,
    pub assigned_client: Option<Box<str>>,
    pub server_keep_alive: Option<u16>,
    pub authentication_method: Option<Box<str>>,
    pub authentication_data: Option<Bytes>,
    pub request_problem: Option<bool>,
    pub will_delay: Option<u32>,
    pub request_response: Option<bool>,
    pub reason: Option<Box<str>>,
    pub receive_maximum: Option<u16>,
    pub topic_alias_maximum: Option<u16>,
    pub topic_alias: Option<u16>,
    pub user: Vec<(Box<str>, Box<str>)>,
    pub maximum_packet: Option<u32>,
}

/// Puts what was read where it belongs; a second time is a mistake, except where the caller adds to a list.
fn once<T>(place: &mut Option<T>, value: T) -> Result<(), DecodeError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(DecodeError::protocol("a property is there twice")),
    }
}

fn not_zero<T: Default + PartialEq>(value: T) -> Result<T, DecodeError> {
    match value == T::default() {
        true => Err(DecodeError::protocol("a property that must not be zero is")),
        false => Ok(value),
    }
}

/// Which packets of a client may carry property `id`; `None` when there is no such property.
fn carriers(id: u8) -> Option<u16> {
    use carrier::*;
    Some(match id {
        0x01 | 0x02 | 0x03 | 0x08 | 0x09 => PUBLISH | WILL,
        // A client must not put one into a PUBLISH (section 3.3.4).
        0x0B => SUBSCRIBE,
        0x11 => CONNECT | DISCONNECT,
        0x15 | 0x16 => CONNECT | AUTH,
        0x17 | 0x19 | 0x21 | 0x22 | 0x27 => CONNECT,
        0x18 => WILL,
        0x1F => ACK | DISCONNECT | AUTH,
        0x23 => PUBLISH,
        0x26 => CONNECT | WILL | PUBLISH | ACK | SUBSCRIBE | UNSUBSCRIBE | DISCONNECT | AUTH,
        // Only a server says these.
        0x12 | 0x13 | 0x1A | 0x1C | 0x24 | 0x25 | 0x28 | 0x29 | 0x2A => 0,
        _ => return None,
    })
}

impl Properties {
    /// Reads the length and what it covers, for a packet that `carrier` stands for.
    pub(super) fn read(from: &mut Reader, carrier: u16) -> Result<Properties, DecodeError> {
        let length = from.variable()?;
        let mut reader = Reader(from.take(length as usize)?);
        let mut read = Properties::default();
        while !reader.is_empty() {
            let id = reader.byte()?;
            match carriers(id) {
                None => return Err(DecodeError::malformed("there is no such property")),
                Some(carriers) if carriers & carrier == 0 => {
                    return Err(DecodeError::protocol("a property is in a packet where it cannot be"));
                }
                Some(_) => read.one(id, &mut reader)?,
            }
        }
        if read.authentication_data.is_some() && read.authentication_method.is_none() {
            return Err(DecodeError::protocol("authentication data without a method"));
        }
        Ok(read)
    }

    fn one(&mut self, id: u8, from: &mut Reader) -> Result<(), DecodeError> {
        match id {
            0x01 => once(&mut self.payload_format, from.flag()?),
            0x02 => once(&mut self.message_expiry, from.long()?),
            0x03 => once(&mut self.content_type, from.text()?),
            0x08 => once(&mut self.response_topic, from.text()?),
            0x09 => once(&mut self.correlation_data, from.binary()?),
            0x0B if !self.subscription_identifiers.is_empty() => {
                Err(DecodeError::protocol("a SUBSCRIBE has one subscription identifier"))
            }
            0x0B => {
                self.subscription_identifiers.push(not_zero(from.variable()?)?);
                Ok(())
            }
            0x11 => once(&mut self.session_expiry, from.long()?),
            0x15 => once(&mut self.authentication_method, from.text()?),
            0x16 => once(&mut self.authentication_data, from.binary()?),
            0x17 => once(&mut self.request_problem, from.flag()?),
            0x18 => once(&mut self.will_delay, from.long()?),
            0x19 => once(&mut self.request_response, from.flag()?),
            0x1F => once(&mut self.reason, from.text()?),
            0x21 => once(&mut self.receive_maximum, not_zero(from.short()?)?),
            0x22 => once(&mut self.topic_alias_maximum, from.short()?),
            0x23 => once(&mut self.topic_alias, from.short()?),
            0x26 if self.user.len() >= MOST_OF_USER => Err(DecodeError {
                reason: Reason::QuotaExceeded,
                what: "a packet has at most 1000 user properties",
            }),
            0x26 => {
                self.user.push((from.text()?, from.text()?));
                Ok(())
            }
            0x27 => once(&mut self.maximum_packet, not_zero(from.long()?)?),
            _ => Err(DecodeError::malformed("there is no such property")),
        }
    }

    /// Without the length before them.
    pub(super) fn size(&self) -> usize {
        let fixed = |present: bool, size: usize| if present { 1 + size } else { 0 };
        let text = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| 3 + text.len());
        let bytes = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, |bytes| 3 + bytes.len());
        let ids = self.subscription_identifiers.iter().map(|id| 1 + variable_size(*id));
        let user = self.user.iter().map(|(name, value)| 5 + name.len() + value.len());
        fixed(self.payload_format.is_some(), 1)
            + fixed(self.message_expiry.is_some(), 4)
            + text(&self.content_type)
            + text(&self.response_topic)
            + bytes(&self.correlation_data)
            + ids.sum::<usize>()
            + fixed(self.session_expiry.is_some(), 4)
            + text(&self.assigned_client)
            + fixed(self.server_keep_alive.is_some(), 2)
            + text(&self.reason)
            + fixed(self.receive_maximum.is_some(), 2)
            + fixed(self.topic_alias_maximum.is_some(), 2)
            + fixed(self.topic_alias.is_some(), 2)
            + user.sum::<usize>()
            + fixed(self.maximum_packet.is_some(), 4)
    }

    /// What a server sends of them.
    pub(super) fn write(&self, out: &mut BytesMut) {
        variable(u32::try_from(self.size()).unwrap_or(u32::MAX), out);
        let texts = |id: u8, value: &Option<Box<str>>, out: &mut BytesMut| {
            if let Some(value) = value {
                out.put_u8(id);
                text(value, out);
            }
        };
        if let Some(utf8) = self.payload_format {
            out.put_slice(&[0x01, u8::from(utf8)]);
        }
        long(0x02, self.message_expiry, out);
        texts(0x03, &self.content_type, out);
        texts(0x08, &self.response_topic, out);
        if let Some(data) = &self.correlation_data {
            out.put_u8(0x09);
            binary(data, out);
        }
        for id in &self.subscription_identifiers {
            out.put_u8(0x0B);
            variable(*id, out);
        }
        long(0x11, self.session_expiry, out);
        texts(0x12, &self.assigned_client, out);
        short(0x13, self.server_keep_alive, out);
        texts(0x1F, &self.reason, out);
        short(0x21, self.receive_maximum, out);
        short(0x22, self.topic_alias_maximum, out);
        short(0x23, self.topic_alias, out);
        for (name, value) in &self.user {
            out.put_u8(0x26);
            text(name, out);
            text(value, out);
        }
        long(0x27, self.maximum_packet, out);
    }
}

fn short(id: u8, value: Option<u16>, out: &mut BytesMut) {
    if let Some(value) = value {
        out.put_u8(id);
        out.put_u16(value);
    }
}

fn long(id: u8, value: Option<u32>, out: &mut BytesMut) {
    if let Some(value) = value {
        out.put_u8(id);
        out.put_u32(value);
    }
}
