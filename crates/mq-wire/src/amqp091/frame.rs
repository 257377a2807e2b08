//! Frames: a type, a channel, a length, what it is about, and an octet that must be at the end (section 4.2.3).

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::code::Code;
use super::method::Method;
use super::properties::Properties;
use super::read::Reader;

/// What a client begins with, and what a client is told that begins with something else.
pub const GREETING: &[u8; 8] = b"AMQP\0\0\x09\x01";
/// The smallest limit on frames that a peer may ask for (`frame-min-size`).
pub const SMALLEST_MAX: u32 = 4096;

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;
const END: u8 = 0xce;
/// Type, channel, length; and the end.
const AROUND: usize = 8;
const BASIC: u16 = 60;

/// What comes from the wire.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    Greeting,
    Method(u16, Method),
    /// What will come as a body, and so much of it.
    Header(u16, u64, Box<Properties>),
    Body(u16, Bytes),
    Heartbeat,
}

/// What goes to the wire.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    /// The client speaks something else; this is what we speak.
    Greeting,
    Method(u16, Method),
    /// A method with a message behind it.
    Content(u16, Method, Box<Properties>, Bytes),
    Heartbeat,
}

/// What cannot be read ends the connection: nobody knows where the next frame begins.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct DecodeError {
    /// `None` when the client does not even speak the protocol.
    pub code: Option<Code>,
    pub what: Box<str>,
    /// The method that it is about.
    pub method: (u16, u16),
}

impl DecodeError {
    fn new(code: Code, what: impl Into<Box<str>>) -> DecodeError {
        DecodeError {
            code: Some(code),
            what: what.into(),
            method: (0, 0),
        }
    }
}

/// Whether what begins here is basic.publish (class 60, method 40), or tx.commit (90, 20), which may bring many.
pub fn publishes(bytes: &[u8]) -> bool {
    let kind = bytes.first();
    kind == Some(&METHOD) && matches!(bytes.get(7..11), Some([0, 60, 0, 40] | [0, 90, 0, 20]))
}

/// Takes frames out of what has come.
#[derive(Debug)]
pub struct Decoder {
    greeted: bool,
    /// The largest frame, all of it.
    pub limit: usize,
}

impl Decoder {
    /// A stranger's largest frame: it describes itself, and says who it is.
    pub const STRANGER: usize = 8192;
}

impl Default for Decoder {
    fn default() -> Self {
        Decoder {
            greeted: false,
            limit: Decoder::STRANGER,
        }
    }
}

impl Decoder {
    /// `None` while the frame is not whole.
    pub fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Item>, DecodeError> {
        if !self.greeted {
            return self.greeting(bytes);
        }
        let Some(head) = bytes.first_chunk::<7>() else {
            return Ok(None);
        };
        let [kind, channel @ .., a, b, c, d] = *head;
        let (channel, length) = (u16::from_be_bytes(channel), u32::from_be_bytes([a, b, c, d]) as usize);
        if !matches!(kind, METHOD | HEADER | BODY | HEARTBEAT) {
            return Err(DecodeError::new(
                Code::FrameError,
                format!("there are no frames of type {kind}"),
            ));
        }
        if length > self.limit.saturating_sub(AROUND) {
            let what = format!(
                "frame of {length} bytes exceeds the maximum of {}",
                self.limit.saturating_sub(AROUND)
            );
            return Err(DecodeError::new(Code::FrameError, what));
        }
        if bytes.len() < length + AROUND {
            return Ok(None);
        }
        let mut frame = bytes.split_to(length + AROUND);
        frame.advance(7);
        if frame[length] != END {
            return Err(DecodeError::new(
                Code::FrameError,
                "the frame does not end where it should",
            ));
        }
        frame.truncate(length);
        read(kind, channel, frame.freeze()).map(Some)
    }

    fn greeting(&mut self, bytes: &mut BytesMut) -> Result<Option<Item>, DecodeError> {
        let common = bytes.len().min(GREETING.len());
        if bytes[..common] != GREETING[..common] {
            return Err(DecodeError {
                code: None,
                what: "the client does not speak AMQP 0-9-1".into(),
                method: (0, 0),
            });
        }
        if common < GREETING.len() {
            return Ok(None);
        }
        bytes.advance(GREETING.len());
        self.greeted = true;
        Ok(Some(Item::Greeting))
    }
}

fn read(kind: u8, channel: u16, payload: Bytes) -> Result<Item, DecodeError> {
    match kind {
        METHOD => read_method(channel, payload),
        HEADER => read_header(channel, payload),
        BODY => Ok(Item::Body(channel, payload)),
        _ if channel != 0 || !payload.is_empty() => Err(DecodeError::new(
            Code::FrameError,
            "a heartbeat is for no channel and has nothing in it",
        )),
        _ => Ok(Item::Heartbeat),
    }
}

fn read_method(channel: u16, payload: Bytes) -> Result<Item, DecodeError> {
    let mut reader = Reader::new(payload);
    let malformed = |method, what: &str| DecodeError {
        method,
        ..DecodeError::new(Code::SyntaxError, what)
    };
    let id = reader.data.short().and_then(|class| Ok((class, reader.data.short()?)));
    let id = id.map_err(|error| malformed((0, 0), error.0))?;
    let method = Method::read(id, &mut reader).map_err(|error| malformed(id, error.0))?;
    match method {
        None => Err(DecodeError {
            method: id,
            ..DecodeError::new(
                Code::CommandInvalid,
                format!("there is no method {} of class {}", id.1, id.0),
            )
        }),
        Some(_) if !reader.is_empty() => Err(malformed(id, "something follows the method")),
        Some(method) => Ok(Item::Method(channel, method)),
    }
}

fn read_header(channel: u16, payload: Bytes) -> Result<Item, DecodeError> {
    let mut reader = Reader::new(payload);
    let mut header = || {
        let (class, weight, size) = (reader.data.short()?, reader.data.short()?, reader.data.long_long()?);
        Ok((class, weight, size, Properties::read(&mut reader)?))
    };
    let read = header().map_err(|error: crate::octets::Malformed| DecodeError::new(Code::SyntaxError, error.0));
    let (class, weight, size, properties) = read?;
    if class != BASIC || weight != 0 {
        return Err(DecodeError::new(
            Code::FrameError,
            "a header is of class 60 and has no weight",
        ));
    }
    if !reader.is_empty() {
        return Err(DecodeError::new(Code::SyntaxError, "something follows the properties"));
    }
    Ok(Item::Header(channel, size, Box::new(properties)))
}

/// Appends a frame; a body is cut into as many as `most` bytes for each make it.
pub fn encode(frame: &Frame, most: usize, out: &mut BytesMut) {
    match frame {
        Frame::Greeting => out.extend_from_slice(GREETING),
        Frame::Heartbeat => around(HEARTBEAT, 0, out, |_| {}),
        Frame::Method(channel, method) => write_method(*channel, method, out),
        Frame::Content(channel, method, properties, body) => {
            write_method(*channel, method, out);
            around(HEADER, *channel, out, |out| {
                out.put_u16(BASIC);
                out.put_u16(0);
                out.put_u64(body.len() as u64);
                properties.write(out);
            });
            for part in body.chunks(most.max(SMALLEST_MAX as usize) - AROUND) {
                around(BODY, *channel, out, |out| out.extend_from_slice(part));
            }
        }
    }
}

fn write_method(channel: u16, method: &Method, out: &mut BytesMut) {
    around(METHOD, channel, out, |out| {
        let (class, number) = method.id();
        out.put_u16(class);
        out.put_u16(number);
        method.write(out);
    });
}

fn around(kind: u8, channel: u16, out: &mut BytesMut, fill: impl FnOnce(&mut BytesMut)) {
    out.put_u8(kind);
    out.put_u16(channel);
    let start = out.len();
    out.put_u32(0);
    fill(out);
    let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    out.put_u8(END);
}
