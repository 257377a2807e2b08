//! What a server sends, as bytes.

use bytes::{BufMut, Bytes, BytesMut};

use super::{Properties, Publish, Reason, Version, kind};

/// A packet of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Connack {
        session_present: bool,
        reason: Reason,
        properties: Box<Properties>,
    },
    Publish(Box<Publish>),
    Puback(u16, Reason),
    Pubrec(u16, Reason),
    Pubrel(u16, Reason),
    Pubcomp(u16, Reason),
    Suback(u16, Vec<Reason>),
    Unsuback(u16, Vec<Reason>),
    Pingresp,
    /// Not in 3.1.1, where a server just closes.
    Disconnect(Reason, Option<Box<str>>),
}

/// How many bytes [`encode`] makes of a PUBLISH.
pub fn publish_size(publish: &Publish, version: Version) -> usize {
    let body = publish_body(publish, version);
    1 + variable_size(u32::try_from(body).unwrap_or(u32::MAX)) + body
}

/// Nothing where the version has no word for it.
pub fn encode(answer: &Answer, version: Version, out: &mut BytesMut) {
    if !is_said(answer, version) {
        return;
    }
    let body = body_size(answer, version);
    out.reserve(5 + body);
    out.put_u8(first_byte(answer));
    variable(u32::try_from(body).unwrap_or(u32::MAX), out);
    match answer {
        Answer::Connack {
            session_present,
            reason,
            properties,
        } => {
            out.put_u8(u8::from(*session_present));
            match version {
                Version::V3_1_1 => out.put_u8(reason.as_return_code().unwrap_or_default()),
                Version::V5 => {
                    out.put_u8(reason.number());
                    properties.write(out);
                }
            }
        }
        Answer::Publish(publish) => write_publish(publish, version, out),
        Answer::Puback(packet, reason)
        | Answer::Pubrec(packet, reason)
        | Answer::Pubrel(packet, reason)
        | Answer::Pubcomp(packet, reason) => {
            out.put_u16(*packet);
            if says_reason(*reason, version) {
                out.put_u8(reason.number());
            }
        }
        Answer::Suback(packet, reasons) => {
            out.put_u16(*packet);
            if version == Version::V5 {
                out.put_u8(0);
            }
            reasons.iter().for_each(|reason| out.put_u8(granted(*reason, version)));
        }
        Answer::Unsuback(packet, reasons) => {
            out.put_u16(*packet);
            if version == Version::V5 {
                out.put_u8(0);
                reasons.iter().for_each(|reason| out.put_u8(reason.number()));
            }
        }
        Answer::Pingresp => {}
        Answer::Disconnect(reason, why) => {
            out.put_u8(reason.number());
            because(why).write(out);
        }
    }
}

fn is_said(answer: &Answer, version: Version) -> bool {
    match (answer, version) {
        (Answer::Disconnect(..), Version::V3_1_1) => false,
        (Answer::Connack { reason, .. }, Version::V3_1_1) => reason.as_return_code().is_some(),
        _ => true,
    }
}

fn body_size(answer: &Answer, version: Version) -> usize {
    match (answer, version) {
        (Answer::Connack { .. }, Version::V3_1_1) => 2,
        (Answer::Connack { properties, .. }, Version::V5) => 2 + with_length(properties),
        (Answer::Publish(publish), _) => publish_body(publish, version),
        (
            Answer::Puback(_, reason)
            | Answer::Pubrec(_, reason)
            | Answer::Pubrel(_, reason)
            | Answer::Pubcomp(_, reason),
            _,
        ) => 2 + usize::from(says_reason(*reason, version)),
        (Answer::Suback(_, reasons), Version::V3_1_1) => 2 + reasons.len(),
        (Answer::Unsuback(..), Version::V3_1_1) => 2,
        (Answer::Suback(_, reasons) | Answer::Unsuback(_, reasons), Version::V5) => 3 + reasons.len(),
        (Answer::Pingresp, _) => 0,
        (Answer::Disconnect(_, why), _) => 1 + with_length(&because(why)),
    }
}

fn publish_body(publish: &Publish, version: Version) -> usize {
    let packet = if publish.packet == 0 { 0 } else { 2 };
    let properties = match version {
        Version::V3_1_1 => 0,
        Version::V5 => with_length(&publish.properties),
    };
    2 + publish.topic.len() + packet + properties + publish.payload.len()
}

fn with_length(properties: &Properties) -> usize {
    let size = properties.size();
    variable_size(u32::try_from(size).unwrap_or(u32::MAX)) + size
}

fn because(why: &Option<Box<str>>) -> Properties {
    Properties {
        reason: why.clone(),
        ..Properties::default()
    }
}

fn first_byte(answer: &Answer) -> u8 {
    let (kind, flags) = match answer {
        Answer::Connack { .. } => (kind::CONNACK, 0),
        Answer::Publish(publish) => {
            let flags = u8::from(publish.dup) << 3 | publish.qos.number() << 1 | u8::from(publish.retain);
            (kind::PUBLISH, flags)
        }
        Answer::Puback(..) => (kind::PUBACK, 0),
        Answer::Pubrec(..) => (kind::PUBREC, 0),
        Answer::Pubrel(..) => (kind::PUBREL, 0b0010),
        Answer::Pubcomp(..) => (kind::PUBCOMP, 0),
        Answer::Suback(..) => (kind::SUBACK, 0),
        Answer::Unsuback(..) => (kind::UNSUBACK, 0),
        Answer::Pingresp => (kind::PINGRESP, 0),
        Answer::Disconnect(..) => (kind::DISCONNECT, 0),
    };
    kind << 4 | flags
}

fn says_reason(reason: Reason, version: Version) -> bool {
    version == Version::V5 && reason != Reason::Success
}

/// 3.1.1 knows one word for no.
fn granted(reason: Reason, version: Version) -> u8 {
    match version {
        Version::V3_1_1 if reason.is_error() => Reason::Unspecified.number(),
        _ => reason.number(),
    }
}

fn write_publish(publish: &Publish, version: Version, out: &mut BytesMut) {
    text(&publish.topic, out);
    if publish.packet != 0 {
        out.put_u16(publish.packet);
    }
    if version == Version::V5 {
        publish.properties.write(out);
    }
    out.put_slice(&publish.payload);
}

pub(super) fn text(text: &str, out: &mut BytesMut) {
    raw(text.as_bytes(), out);
}

pub(super) fn binary(bytes: &Bytes, out: &mut BytesMut) {
    raw(bytes, out);
}

/// Whatever has its length in two bytes is checked by whoever makes it; what is longer could not be said.
fn raw(bytes: &[u8], out: &mut BytesMut) {
    out.put_u16(u16::try_from(bytes.len()).unwrap_or(u16::MAX));
    out.put_slice(bytes);
}

pub(super) fn variable(mut value: u32, out: &mut BytesMut) {
    loop {
        let byte = (value & 0x7F) as u8;
        value >>= 7;
        if value == 0 {
            return out.put_u8(byte);
        }
        out.put_u8(byte | 0x80);
    }
}

pub(super) const fn variable_size(value: u32) -> usize {
    match value {
        0..=0x7F => 1,
        0x80..=0x3FFF => 2,
        0x4000..=0x1F_FFFF => 3,
        _ => 4,
    }
}
