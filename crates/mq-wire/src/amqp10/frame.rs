//! Headers that say which layer comes, and frames: a size, where the body begins, a type, a channel (part 2, section 2.3).

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::performative::{Condition, Performative, SaslInit, SaslMechanisms, SaslOutcome, Transfer};
use super::read::Reader;
use super::record::{Record, descriptor};
use super::value::Value;
use crate::octets::Malformed;

/// The smallest limit on frames that a peer may ask for, and the largest frame before anybody has.
pub const SMALLEST_MAX: u32 = 512;
/// Size, offset, type and channel.
const HEAD: usize = 8;
const AMQP: u8 = 0;
const SASL: u8 = 1;
/// So many bytes are enough for the descriptor of every performative, spelled with its longest length.
const LONGEST_DESCRIPTOR: usize = 32;

/// What a layer begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    Amqp,
    Sasl,
}

impl Header {
    pub fn bytes(self) -> &'static [u8; 8] {
        match self {
            Header::Amqp => b"AMQP\0\x01\0\0",
            Header::Sasl => b"AMQP\x03\x01\0\0",
        }
    }
}

/// What is read next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layer {
    #[default]
    Greeting,
    Sasl,
    Amqp,
}

/// What comes from the wire.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are of the large kind, and none stays"
)]
pub enum Item {
    Greeting(Header),
    Sasl(SaslInit),
    /// On a channel, and what follows it in its frame.
    Said(u16, Performative, Bytes),
    /// So that somebody is heard.
    Empty,
}

/// What goes to the wire.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are of the large kind, and none stays"
)]
pub enum Frame {
    Greeting(Header),
    Mechanisms(SaslMechanisms),
    Outcome(SaslOutcome),
    Say(u16, Performative, Bytes),
    Empty,
}

/// What cannot be read ends the connection: nobody knows where the next frame begins.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct DecodeError {
    pub condition: Condition,
    pub what: Box<str>,
}

impl DecodeError {
    fn framing(what: impl Into<Box<str>>) -> DecodeError {
        DecodeError {
            condition: Condition::FramingError,
            what: what.into(),
        }
    }
}

impl From<Malformed> for DecodeError {
    fn from(malformed: Malformed) -> DecodeError {
        DecodeError {
            condition: Condition::DecodeError,
            what: malformed.0.into(),
        }
    }
}

/// Takes frames out of what has come.
#[derive(Debug)]
pub struct Decoder {
    pub layer: Layer,
    /// The largest frame, all of it.
    pub limit: usize,
}

impl Decoder {
    /// A stranger's largest frame. The specification says 512; some clients say more about themselves.
    pub const STRANGER: usize = 8192;

    /// `None` while it is not whole.
    pub fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Item>, DecodeError> {
        if self.layer == Layer::Greeting {
            return greeting(bytes);
        }
        let Some(head) = bytes.first_chunk::<HEAD>() else {
            return Ok(None);
        };
        let [a, b, c, d, offset, kind, channel @ ..] = *head;
        let (size, channel) = (u32::from_be_bytes([a, b, c, d]) as usize, u16::from_be_bytes(channel));
        let begins = usize::from(offset) * 4;
        if begins < HEAD || begins > size {
            return Err(DecodeError::framing(
                "the body of the frame does not begin inside of it",
            ));
        }
        if size > self.limit {
            return Err(DecodeError::framing(format!(
                "a frame of {size} bytes, where {} are the most",
                self.limit
            )));
        }
        let expected = if self.layer == Layer::Sasl { SASL } else { AMQP };
        if kind != expected {
            return Err(DecodeError::framing(format!(
                "a frame of type {kind} does not belong here"
            )));
        }
        if bytes.len() < size {
            return Ok(None);
        }
        let mut frame = bytes.split_to(size).freeze();
        frame.advance(begins);
        match self.layer {
            Layer::Sasl => read_sasl(frame),
            _ => read_amqp(channel, frame),
        }
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Decoder {
            layer: Layer::Greeting,
            limit: Decoder::STRANGER,
        }
    }
}

fn greeting(bytes: &mut BytesMut) -> Result<Option<Item>, DecodeError> {
    for header in [Header::Amqp, Header::Sasl] {
        if bytes.starts_with(header.bytes()) {
            bytes.advance(header.bytes().len());
            return Ok(Some(Item::Greeting(header)));
        }
        if header.bytes().starts_with(bytes) {
            return Ok(None);
        }
    }
    Err(DecodeError::framing("the client does not speak AMQP 1.0"))
}

fn read_amqp(channel: u16, body: Bytes) -> Result<Option<Item>, DecodeError> {
    if body.is_empty() {
        return Ok(Some(Item::Empty));
    }
    let mut reader = Reader::new(body);
    let read = Performative::read(reader.value()?)?;
    let said = read.ok_or(Malformed("there is no such performative"))?;
    let payload = reader.rest();
    if !payload.is_empty() && !matches!(said, Performative::Transfer(_)) {
        return Err(DecodeError::framing("something follows the performative"));
    }
    Ok(Some(Item::Said(channel, said, payload)))
}

fn read_sasl(body: Bytes) -> Result<Option<Item>, DecodeError> {
    let Value::Described(described) = Value::read(body)? else {
        return Err(Malformed("a described value is expected").into());
    };
    match descriptor(&described.0) == Some(SaslInit::NUMBER) {
        true => Ok(Some(Item::Sasl(SaslInit::take(described.1)?))),
        false => Err(DecodeError::framing("only sasl-init is expected")),
    }
}

/// Whether the frame that begins here has a transfer. Its beginning is enough, however its descriptor is spelled.
pub fn publishes(bytes: &[u8]) -> bool {
    let (Some(offset), Some(AMQP)) = (bytes.get(4), bytes.get(5).copied()) else {
        return false;
    };
    let Some(body) = bytes.get(usize::from(*offset) * 4..) else {
        return false;
    };
    let start = Bytes::copy_from_slice(&body[..body.len().min(LONGEST_DESCRIPTOR)]);
    Reader::new(start).descriptor() == Ok(Transfer::NUMBER)
}

pub fn encode(frame: &Frame, out: &mut BytesMut) {
    match frame {
        Frame::Greeting(header) => out.extend_from_slice(header.bytes()),
        Frame::Mechanisms(mechanisms) => around(SASL, 0, out, |out| mechanisms.give().write(out)),
        Frame::Outcome(outcome) => around(SASL, 0, out, |out| outcome.give().write(out)),
        Frame::Empty => around(AMQP, 0, out, |_| {}),
        Frame::Say(channel, said, payload) => around(AMQP, *channel, out, |out| {
            said.to_value().write(out);
            out.extend_from_slice(payload);
        }),
    }
}

fn around(kind: u8, channel: u16, out: &mut BytesMut, fill: impl FnOnce(&mut BytesMut)) {
    let start = out.len();
    out.put_u32(0);
    out.put_u8(2);
    out.put_u8(kind);
    out.put_u16(channel);
    fill(out);
    let size = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&size.to_be_bytes());
}
