//! What can be read from the client's first bytes. Every reader here takes hostile input: it looks at what is there, says
//! when more is needed, and remembers nothing.

pub mod fix;
mod hello;
mod http;
mod mqtt;
mod rdp;

use std::borrow::Cow;

use super::{Fetched, Kind, Sample};
pub use hello::ClientHello;
pub use mqtt::{MqttField, MqttMessage, PacketType, field as mqtt_field, is_valid as mqtt_is_valid};

/// The most that is ever looked at before a decision is due, however large `tune.bufsize` is: what lies beyond is never seen.
pub const MOST: usize = 65_536;

/// The bytes that have come so far, still unread.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    pub bytes: &'a [u8],
    /// No more will be waited for: time is up, the client has finished, or there is no room for more.
    pub is_final: bool,
}

/// A part of the content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// How many bytes there are.
    Length,
    /// `length` bytes from `offset` on; 0 is all there are.
    Payload {
        offset: u32,
        length: u32,
    },
    /// Bytes whose number stands in the content itself.
    LengthValue(LengthValue),
    HelloType,
    HelloVersion,
    HelloSni,
    /// The protocols that the client offers, one after the other.
    HelloAlpn,
    HelloHasEc,
    /// 0 without a session ticket, 1 with an empty one that asks for one, 2 with a filled one.
    HelloTicket,
    RdpCookie(Option<Box<str>>),
    /// Of this name, if one is given: 0 or 1.
    RdpCookieCount(Option<Box<str>>),
    /// Whether it is a request of HTTP/1.
    LooksLikeHttp,
}

/// `req.payload_lv(offset1,length[,offset2])`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LengthValue {
    pub length_offset: u32,
    pub length_size: u8,
    pub value: ValuePlace,
}

/// Where the bytes of a [`LengthValue`] begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValuePlace {
    /// Behind the length, moved by this much.
    Relative(i32),
    Absolute(u32),
}

impl Part {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Part::Length | Part::HelloType | Part::HelloVersion | Part::HelloTicket | Part::RdpCookieCount(_) => {
                Kind::Int
            }
            Part::Payload { .. } | Part::LengthValue(_) => Kind::Binary,
            Part::HelloHasEc | Part::LooksLikeHttp => Kind::Bool,
            Part::HelloSni | Part::HelloAlpn | Part::RdpCookie(_) => Kind::Text,
        }
    }

    /// Whether there may be several values, of which any counts.
    pub(super) fn is_several(&self) -> bool {
        matches!(self, Part::HelloAlpn)
    }

    /// The `nth` value; there is none where there are no bytes to look at.
    pub(super) fn of<'a>(&'a self, content: Option<Content<'a>>, nth: usize) -> Fetched<'a> {
        content.map_or(Fetched::Missing, |content| self.find(content, nth))
    }

    /// The `nth` value.
    pub(super) fn find<'a>(&'a self, content: Content<'a>, nth: usize) -> Fetched<'a> {
        let bytes = content.bytes;
        match self {
            Part::Length => content.may_grow(Sample::Int(bytes.len() as i64)),
            Part::Payload { offset, length } => payload(content, *offset as usize, *length as usize),
            Part::LengthValue(place) => place.find(content),
            Part::HelloType => content.read(hello::handshake_type(bytes).map(|n| Sample::Int(n.into()))),
            Part::HelloVersion => content.read(hello::version(bytes).map(|n| Sample::Int(n.into()))),
            Part::HelloSni => content.read_maybe(hello::parse(bytes).map(|h| h.server_name().map(text))),
            Part::HelloAlpn => content.read_maybe(hello::parse(bytes).map(|h| h.protocols().nth(nth).map(text))),
            Part::HelloHasEc => content.read(hello::parse(bytes).map(|h| Sample::Bool(h.offers_curves()))),
            Part::HelloTicket => content.read(hello::parse(bytes).map(|h| Sample::Int(h.ticket()))),
            Part::RdpCookie(name) => content.read_maybe(rdp::cookie(bytes, name.as_deref()).map(|c| c.map(text))),
            Part::LooksLikeHttp => content.read(http::request(bytes).map(|()| Sample::Bool(true))),
            Part::RdpCookieCount(name) => {
                let cookie = rdp::cookie(bytes, name.as_deref());
                content.read(
                    cookie
                        .map(|c| c.is_some())
                        .or(false)
                        .map(|is_there| Sample::Int(is_there.into())),
                )
            }
        }
    }
}

/// What came of reading a structure from bytes that may not be all there yet.
pub(super) enum Read<T> {
    Done(T),
    /// It is something else.
    Other,
    /// It may be, but more has to come.
    Short,
}

impl<T> Read<T> {
    fn map<U>(self, f: impl FnOnce(T) -> U) -> Read<U> {
        match self {
            Read::Done(value) => Read::Done(f(value)),
            Read::Other => Read::Other,
            Read::Short => Read::Short,
        }
    }

    /// Something else is this.
    fn or(self, otherwise: T) -> Read<T> {
        match self {
            Read::Other => Read::Done(otherwise),
            known => known,
        }
    }
}

impl<'a> Content<'a> {
    fn may_grow(self, sample: Sample<'a>) -> Fetched<'a> {
        if self.is_final {
            Fetched::Known(sample)
        } else {
            Fetched::Changing(sample)
        }
    }

    fn too_short(self) -> Fetched<'a> {
        if self.is_final {
            Fetched::Missing
        } else {
            Fetched::Unknown
        }
    }

    fn read(self, read: Read<Sample<'a>>) -> Fetched<'a> {
        self.read_maybe(read.map(Some))
    }

    fn read_maybe(self, read: Read<Option<Sample<'a>>>) -> Fetched<'a> {
        match read {
            Read::Done(found) => Fetched::of(found),
            Read::Other => Fetched::Missing,
            Read::Short => self.too_short(),
        }
    }
}

fn payload(content: Content<'_>, offset: usize, length: usize) -> Fetched<'_> {
    if offset.saturating_add(length) > MOST {
        return Fetched::Missing;
    }
    let binary = |bytes| Sample::Binary(Cow::Borrowed(bytes));
    match length {
        0 => match content.bytes.get(offset..) {
            Some(rest) => content.may_grow(binary(rest)),
            None => content.too_short(),
        },
        _ => match content.bytes.get(offset..offset + length) {
            Some(part) => Fetched::Known(binary(part)),
            None => content.too_short(),
        },
    }
}

impl LengthValue {
    fn find(self, content: Content<'_>) -> Fetched<'_> {
        let start = self.length_offset as usize;
        let behind = start + usize::from(self.length_size);
        let Some(length) = content.bytes.get(start..behind) else {
            return content.too_short();
        };
        let length = length.iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
        let begin = match self.value {
            ValuePlace::Relative(by) => behind as i64 + i64::from(by),
            ValuePlace::Absolute(at) => i64::from(at),
        };
        let place = usize::try_from(begin).ok().zip(usize::try_from(length).ok());
        let Some((begin, length)) = place.filter(|(_, length)| *length > 0) else {
            return Fetched::Missing;
        };
        payload(content, begin, length)
    }
}

fn text(bytes: &[u8]) -> Sample<'_> {
    Sample::Text(Cow::Borrowed(bytes))
}

#[cfg(test)]
mod tests;
