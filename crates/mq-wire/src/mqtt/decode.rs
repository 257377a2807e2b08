//! Bytes to packets, as they arrive.
//!
//! A packet is looked at when all of it is there. Its length is known from its first bytes, so one that is too large is
//! refused before it comes.

use bytes::{Buf, BytesMut};

use super::packet::{self, Packet};
use super::read::Reader;
use super::{DecodeError, Reason, Version, kind, subscribe};

/// Whether what begins here is PUBLISH.
pub fn publishes(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| first >> 4 == kind::PUBLISH)
}

/// Reads what one client sends.
#[derive(Debug)]
pub struct Decoder {
    /// The largest packet, with its head.
    pub limit: usize,
    /// What the CONNECT said; until then nothing else is read.
    version: Option<Version>,
}

impl Decoder {
    /// What somebody may send who has not logged in: a will has at most 64 KiB, and names are short.
    pub const STRANGER: usize = 128 << 10;

    /// Any packet that carries no message: many small things in it would take far more room here than on the wire.
    pub const WITHOUT_BODY: usize = 1 << 20;

    pub fn new() -> Decoder {
        Decoder {
            limit: Decoder::STRANGER,
            version: None,
        }
    }

    /// Takes one packet out of `bytes`; `None` when the rest of it has not come yet.
    pub fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Packet>, DecodeError> {
        let Some((first, head, length)) = head(bytes)? else {
            return Ok(None);
        };
        let kind = first >> 4;
        check_flags(kind, first & 0x0F)?;
        if self.version.is_none() && kind != kind::CONNECT {
            return Err(DecodeError::protocol("the first packet is CONNECT"));
        }
        if head + length > self.limit_of(kind) {
            let reason = Reason::PacketTooLarge;
            let what = "the packet is larger than any may be";
            return Err(DecodeError { reason, what });
        }
        if bytes.len() < head + length {
            bytes.reserve(head + length - bytes.len());
            return Ok(None);
        }
        bytes.advance(head);
        let mut reader = Reader(bytes.split_to(length).freeze());
        let packet = self.packet(kind, first & 0x0F, &mut reader)?;
        match reader.is_empty() {
            true => Ok(Some(packet)),
            false => Err(DecodeError::malformed("the packet is longer than what is in it")),
        }
    }

    fn limit_of(&self, kind: u8) -> usize {
        match kind {
            kind::PUBLISH => self.limit,
            _ => self.limit.min(Decoder::WITHOUT_BODY),
        }
    }

    fn packet(&mut self, kind: u8, flags: u8, from: &mut Reader) -> Result<Packet, DecodeError> {
        let Some(version) = self.version else {
            let connect = packet::connect(from)?;
            self.version = Some(connect.version);
            return Ok(Packet::Connect(Box::new(connect)));
        };
        Ok(match kind {
            kind::PUBLISH => Packet::Publish(Box::new(packet::publish(from, flags, version)?)),
            kind::PUBACK => Packet::Puback(packet::ack(from, version)?),
            kind::PUBREC => Packet::Pubrec(packet::ack(from, version)?),
            kind::PUBREL => Packet::Pubrel(packet::ack(from, version)?),
            kind::PUBCOMP => Packet::Pubcomp(packet::ack(from, version)?),
            kind::SUBSCRIBE => Packet::Subscribe(subscribe::subscribe(from, version)?),
            kind::UNSUBSCRIBE => Packet::Unsubscribe(subscribe::unsubscribe(from, version)?),
            kind::PINGREQ => Packet::Pingreq,
            kind::DISCONNECT => Packet::Disconnect(packet::disconnect(from, version)?),
            kind::AUTH if version == Version::V5 => {
                packet::auth(from)?;
                Packet::Auth
            }
            kind::CONNECT => return Err(DecodeError::protocol("CONNECT comes once")),
            _ => return Err(DecodeError::protocol("a packet that a client does not send")),
        })
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Decoder::new()
    }
}

/// The first byte, how long the head is, and how long what follows.
fn head(bytes: &[u8]) -> Result<Option<(u8, usize, usize)>, DecodeError> {
    let Some((first, rest)) = bytes.split_first() else {
        return Ok(None);
    };
    let mut length = 0;
    for (place, byte) in rest.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7F) << (7 * place);
        if byte & 0x80 == 0 {
            return Ok(Some((*first, place + 2, length)));
        }
    }
    match rest.len() >= 4 {
        true => Err(DecodeError::malformed("a length of more than four bytes")),
        false => Ok(None),
    }
}

/// Those of a PUBLISH mean something, all others are fixed (table 2-2).
fn check_flags(kind: u8, flags: u8) -> Result<(), DecodeError> {
    let right = match kind {
        kind::PUBLISH => return Ok(()),
        kind::PUBREL | kind::SUBSCRIBE | kind::UNSUBSCRIBE => 0b0010,
        _ => 0,
    };
    match flags == right {
        true => Ok(()),
        false => Err(DecodeError::malformed("reserved flags of a packet are wrong")),
    }
}
