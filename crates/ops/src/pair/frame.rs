//! One frame: a header, a message, a digest.

use super::message::Message;
use super::secret::{DIGEST, Secret};

const MAGIC: [u8; 3] = *b"TPL";
const VERSION: u8 = 1;
const HEADER: usize = 40;
pub(super) const BODY: usize = 1152;

/// The longest frame; it fits every network that carries IPv6 undivided.
pub const FRAME: usize = HEADER + BODY + DIGEST;

/// Who speaks, and what shows that it speaks now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) session: u64,
    pub(super) counter: u64,
    pub(super) challenge: u64,
    pub(super) echo: u64,
}

/// Why a datagram is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("it is no frame of the pair link")]
    NoFrame,
    #[error("it is of version {0}; this program speaks version 1: update one of the two")]
    Version(u8),
    #[error("its digest is wrong: are both secrets the same?")]
    Digest,
    #[error("its body is not what its kind says")]
    Body,
    #[error("it is our own: is `peer` this host?")]
    Own,
    #[error("it does not answer our challenge, or was seen before")]
    Stale,
}

pub(super) fn seal(header: &Header, message: &Message, secret: &Secret) -> Vec<u8> {
    let body = message.body();
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes();
    let mut frame = Vec::with_capacity(HEADER + body.len() + DIGEST);
    frame.extend(MAGIC);
    frame.extend([VERSION, message.kind(), 0]);
    frame.extend(length);
    for number in [header.session, header.counter, header.challenge, header.echo] {
        frame.extend(number.to_be_bytes());
    }
    frame.extend(body);
    let digest = secret.sign(&frame);
    frame.extend(digest);
    frame
}

/// The digest is looked at before anything that depends on the sender.
pub(super) fn open(datagram: &[u8], secret: &Secret) -> Result<(Header, Message), Refusal> {
    let version = match datagram {
        [b'T', b'P', b'L', version, ..] => *version,
        _ => return Err(Refusal::NoFrame),
    };
    if version != VERSION {
        return Err(Refusal::Version(version));
    }
    let (signed, digest) = datagram.split_last_chunk::<DIGEST>().ok_or(Refusal::NoFrame)?;
    let (head, body) = signed.split_at_checked(HEADER).ok_or(Refusal::NoFrame)?;
    if datagram.len() > FRAME || usize::from(u16::from_be_bytes([head[6], head[7]])) != body.len() {
        return Err(Refusal::NoFrame);
    }
    if !secret.signed(signed, digest) {
        return Err(Refusal::Digest);
    }
    let number = |at: usize| head[at..].first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    let header = Header {
        session: number(8),
        counter: number(16),
        challenge: number(24),
        echo: number(32),
    };
    let message = Message::read(head[4], body).ok_or(Refusal::Body)?;
    Ok((header, message))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::message::{Entry, Key, Lodging, Position, Wish};
    use super::*;

    fn secret(byte: u8) -> Secret {
        Secret::new(&[byte; 32]).expect("long enough")
    }

    const HEADER_OF_ONE: Header = Header {
        session: 0x0102_0304_0506_0708,
        counter: 9,
        challenge: 10,
        echo: 11,
    };

    #[test]
    fn a_hello_byte_for_byte() {
        let frame = seal(&HEADER_OF_ONE, &Message::Hello, &secret(7));
        let head = [b'T', b'P', b'L', 1, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(frame[..16], head);
        assert_eq!((frame[23], frame[31], frame[39], frame.len()), (9, 10, 11, 72));
        assert_eq!(open(&frame, &secret(7)), Ok((HEADER_OF_ONE, Message::Hello)));
    }

    #[test]
    fn refusals() {
        let frame = seal(&HEADER_OF_ONE, &Message::Hello, &secret(7));
        assert_eq!(open(&frame, &secret(8)), Err(Refusal::Digest));
        assert_eq!(open(b"hello", &secret(7)), Err(Refusal::NoFrame));
        let mut other = frame.clone();
        other[3] = 2;
        assert_eq!(open(&other, &secret(7)), Err(Refusal::Version(2)));
        for at in 4..frame.len() {
            let mut bent = frame.clone();
            bent[at] ^= 1;
            assert!(open(&bent, &secret(7)).is_err(), "byte {at}");
        }
        for length in 0..frame.len() {
            assert!(open(&frame[..length], &secret(7)).is_err(), "{length} bytes");
        }
    }

    fn key() -> impl Strategy<Value = Key> {
        let address = prop_oneof![
            any::<u32>().prop_map(|a| std::net::IpAddr::from(a.to_be_bytes())),
            any::<[u16; 8]>().prop_map(std::net::IpAddr::from),
        ];
        (any::<u8>(), address).prop_map(|(vrid, address)| Key { vrid, address })
    }

    fn entry() -> impl Strategy<Value = Entry> {
        let position = prop_oneof![
            Just(Position::Out),
            Just(Position::Ready),
            Just(Position::Master),
            Just(Position::Leaving),
            Just(Position::Yielded)
        ];
        (key(), position, any::<u8>(), any::<Option<u32>>()).prop_map(|(key, position, priority, source)| Entry {
            key,
            position,
            priority,
            source: source.map(|a| std::net::IpAddr::from(a.to_be_bytes())),
        })
    }

    fn wish() -> impl Strategy<Value = Wish> {
        let lodging = (key(), any::<[u8; 6]>(), any::<u32>()).prop_map(|(key, mac, seconds)| Lodging {
            via: key.address,
            mac,
            seconds,
        });
        prop_oneof![
            Just(Wish::TakeOver),
            lodging.prop_map(Wish::Keep),
            Just(Wish::Over),
            Just(Wish::Return)
        ]
    }

    fn message() -> impl Strategy<Value = Message> {
        prop_oneof![
            Just(Message::Hello),
            prop::collection::vec(entry(), 0..=Message::ENTRIES).prop_map(Message::View),
            (key(), wish(), any::<u64>()).prop_map(|(key, wish, ticket)| Message::Wish { wish, key, ticket }),
            (any::<u64>(), any::<bool>()).prop_map(|(ticket, willing)| Message::Answer { ticket, willing }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens(message in message(), numbers in any::<[u64; 4]>()) {
            let [session, counter, challenge, echo] = numbers;
            let header = Header { session, counter, challenge, echo };
            let frame = seal(&header, &message, &secret(1));
            prop_assert!(frame.len() <= FRAME);
            prop_assert_eq!(open(&frame, &secret(1)), Ok((header, message)));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..1500), kind in 0_u8..8) {
            let _ = open(&bytes, &secret(1));
            // Signed nonsense: an authentic peer may be of a later version.
            let body = &bytes[..bytes.len().min(BODY)];
            let _ = Message::read(kind, body);
        }
    }
}
