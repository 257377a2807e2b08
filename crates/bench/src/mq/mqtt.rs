//! A client of MQTT 3.1.1: messages of QoS 1 to a topic, and somebody who subscribes to it.
//!
//! By hand, for the codec of the workspace is a server's; six packets are all that is needed.

use anyhow::{Result, bail, ensure};
use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::wire::{Heard, Talk, Wire};

const CONNECT: u8 = 0x10;
const CONNACK: u8 = 0x20;
const PUBLISH: u8 = 0x30;
const PUBACK: u8 = 0x40;
const SUBSCRIBE: u8 = 0x82;
const SUBACK: u8 = 0x90;
const QOS_1: u8 = 0b10;
/// A clean session, and nothing else (section 3.1.2.3).
const FLAGS: u8 = 0b10;
/// Identifiers are these, from 1 on.
const IDENTIFIERS: u64 = 65_535;

pub(super) struct Mqtt {
    topic: Box<str>,
    /// So many have been published.
    published: u64,
}

/// The first byte of a packet, and what it holds.
type Packet = (u8, Bytes);

impl Mqtt {
    fn packet(wire: &mut Wire) -> Result<Option<Packet>> {
        let bytes = &wire.incoming;
        let Some((length, head)) = remaining(bytes)? else {
            return Ok(None);
        };
        if bytes.len() < head + length {
            return Ok(None);
        }
        let mut packet = wire.incoming.split_to(head + length).freeze();
        let first = packet[0];
        packet.advance(head);
        Ok(Some((first, packet)))
    }

    async fn answer(wire: &mut Wire) -> Result<Packet> {
        wire.flush().await?;
        loop {
            match Self::packet(wire)? {
                Some(packet) => return Ok(packet),
                None => wire.read().await?,
            }
        }
    }

    /// Of the messages that are not confirmed yet, which are far fewer than there are identifiers, the one with this.
    fn number_of(&self, identifier: u16) -> u64 {
        let last = identifier_of(self.published);
        let before = (u64::from(last) + IDENTIFIERS - u64::from(identifier)) % IDENTIFIERS;
        self.published - before.min(self.published)
    }
}

impl Talk for Mqtt {
    async fn begin(wire: &mut Wire) -> Result<(Self, String)> {
        let mut body = BytesMut::new();
        text(&mut body, "MQTT");
        body.put_u8(4);
        body.put_u8(FLAGS);
        body.put_u16(0);
        text(&mut body, &format!("bench-{}", number()));
        put(CONNECT, &[&body], &mut wire.outgoing);
        let (first, body) = Self::answer(wire).await?;
        ensure!(first == CONNACK && body.get(1) == Some(&0), "the broker lets nobody in");
        let talk = Self {
            topic: Box::default(),
            published: 0,
        };
        Ok((talk, String::new()))
    }

    async fn publishes(&mut self, _: &mut Wire, queue: &str) -> Result<()> {
        self.topic = queue.into();
        Ok(())
    }

    async fn consumes(&mut self, wire: &mut Wire, queue: &str) -> Result<()> {
        let mut body = BytesMut::new();
        body.put_u16(1);
        text(&mut body, queue);
        body.put_u8(1);
        put(SUBSCRIBE, &[&body], &mut wire.outgoing);
        let (first, body) = Self::answer(wire).await?;
        ensure!(
            first == SUBACK && body.get(2) == Some(&1),
            "the broker subscribes nobody"
        );
        Ok(())
    }

    fn publish(&mut self, body: &Bytes, out: &mut BytesMut) {
        self.published += 1;
        let mut head = BytesMut::new();
        text(&mut head, &self.topic);
        head.put_u16(identifier_of(self.published));
        put(PUBLISH | QOS_1, &[&head, body], out);
    }

    fn hear(&mut self, wire: &mut Wire) -> Result<Option<Heard>> {
        let Some((first, mut body)) = Self::packet(wire)? else {
            return Ok(None);
        };
        match first & 0xf0 {
            PUBACK => {
                ensure!(body.len() >= 2, "a PUBACK for nothing");
                Ok(Some(Heard::Confirmed {
                    number: self.number_of(body.get_u16()),
                    and_before: false,
                }))
            }
            PUBLISH => {
                let topic = body.first_chunk::<2>().map_or(0, |length| u16::from_be_bytes(*length));
                let at = 2 + usize::from(topic);
                match body.get(at..at + 2) {
                    Some(identifier) => put(PUBACK, &[identifier], &mut wire.outgoing),
                    None => bail!("a PUBLISH that is too short"),
                }
                Ok(Some(Heard::Message))
            }
            _ => Ok(Some(Heard::Other)),
        }
    }
}

fn identifier_of(number: u64) -> u16 {
    // It fits: identifiers end at 65,535.
    (number.wrapping_sub(1) % IDENTIFIERS + 1) as u16
}

/// How much follows, and how long the fixed header is (section 2.2.3).
fn remaining(bytes: &[u8]) -> Result<Option<(usize, usize)>> {
    let mut length = 0;
    for (place, byte) in bytes.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Ok(Some((length, place + 2)));
        }
    }
    ensure!(bytes.len() < 5, "a packet whose length has no end");
    Ok(None)
}

fn text(out: &mut BytesMut, text: &str) {
    // Topics and names are short.
    out.put_u16(text.len() as u16);
    out.put_slice(text.as_bytes());
}

fn put(first: u8, parts: &[&[u8]], out: &mut BytesMut) {
    let mut length: usize = parts.iter().map(|part| part.len()).sum();
    out.put_u8(first);
    loop {
        let byte = (length & 0x7f) as u8;
        length >>= 7;
        out.put_u8(if length > 0 { byte | 0x80 } else { byte });
        if length == 0 {
            break;
        }
    }
    parts.iter().for_each(|part| out.put_slice(part));
}

/// Every client has a name of its own.
fn number() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_any_number_of_bytes() {
        for length in [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152] {
            let mut out = BytesMut::new();
            put(PUBLISH, &[&vec![0; length]], &mut out);
            let (found, head) = remaining(&out).unwrap().unwrap();
            assert_eq!((found, head + found), (length, out.len()));
            assert_eq!(remaining(&out[..head - 1]).unwrap(), None, "{length}");
        }
        assert!(remaining(&[PUBLISH, 0xff, 0xff, 0xff, 0xff]).is_err());
    }

    #[test]
    fn an_identifier_is_the_last_message_that_had_it() {
        for published in [1, 64, 65_534, 65_535, 65_536, 200_000] {
            let talk = Mqtt {
                topic: Box::default(),
                published,
            };
            for number in published.saturating_sub(40).max(1)..=published {
                assert_eq!(talk.number_of(identifier_of(number)), number, "of {published}");
            }
        }
    }
}
