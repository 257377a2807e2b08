//! What an entry is found by.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::KeyType;
use crate::expr::Sample;

/// A key in the form of its table's type. Ordered as a dump lists it. One that was made of a client's bytes borrows them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key<'a> {
    V4(Ipv4Addr),
    V6(Ipv6Addr),
    Int(u32),
    Text(Cow<'a, [u8]>),
    Binary(Cow<'a, [u8]>),
}

/// The bytes of a key as a table keeps them; addresses and numbers have none to borrow.
pub(super) enum Bytes<'a> {
    Four([u8; 4]),
    Sixteen([u8; 16]),
    Borrowed(&'a [u8]),
}

impl AsRef<[u8]> for Bytes<'_> {
    fn as_ref(&self) -> &[u8] {
        match self {
            Bytes::Four(bytes) => bytes,
            Bytes::Sixteen(bytes) => bytes,
            Bytes::Borrowed(bytes) => bytes,
        }
    }
}

impl<'a> Key<'a> {
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Key::V4(v4) => Some((*v4).into()),
            Key::V6(v6) => Some((*v6).into()),
            Key::Int(_) | Key::Text(_) | Key::Binary(_) => None,
        }
    }

    pub fn into_owned(self) -> Key<'static> {
        match self {
            Key::V4(v4) => Key::V4(v4),
            Key::V6(v6) => Key::V6(v6),
            Key::Int(number) => Key::Int(number),
            Key::Text(text) => Key::Text(Cow::Owned(text.into_owned())),
            Key::Binary(bytes) => Key::Binary(Cow::Owned(bytes.into_owned())),
        }
    }

    /// As a value that expressions work on.
    pub fn sample(&self) -> Sample<'_> {
        match self {
            Key::V4(v4) => Sample::Ip((*v4).into()),
            Key::V6(v6) => Sample::Ip((*v6).into()),
            Key::Int(number) => Sample::Int((*number).into()),
            Key::Text(text) => Sample::Text(Cow::Borrowed(text)),
            Key::Binary(bytes) => Sample::Binary(Cow::Borrowed(bytes)),
        }
    }

    /// Their order in HAProxy's dumps, which compare the bytes of a number as they lie in memory: the lowest first.
    pub fn cmp_in_memory(&self, other: &Key<'_>) -> std::cmp::Ordering {
        match (self, other) {
            (Key::Int(one), Key::Int(other)) => one.swap_bytes().cmp(&other.swap_bytes()),
            _ => self.cmp(other),
        }
    }

    pub(super) fn bytes(&self) -> Bytes<'_> {
        match self {
            Key::V4(v4) => Bytes::Four(v4.octets()),
            Key::V6(v6) => Bytes::Sixteen(v6.octets()),
            Key::Int(number) => Bytes::Four(number.to_be_bytes()),
            Key::Text(bytes) | Key::Binary(bytes) => Bytes::Borrowed(bytes),
        }
    }

    /// Of bytes that a table keeps.
    pub(super) fn of_bytes(kind: KeyType, bytes: &'a [u8]) -> Key<'a> {
        let four = |bytes: &[u8]| <[u8; 4]>::try_from(bytes).unwrap_or_default();
        match kind {
            KeyType::Ipv4 => Key::V4(four(bytes).into()),
            KeyType::Ipv6 => Key::V6(<[u8; 16]>::try_from(bytes).unwrap_or_default().into()),
            KeyType::Integer => Key::Int(u32::from_be_bytes(four(bytes))),
            KeyType::Text { .. } => {
                let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
                Key::Text(Cow::Borrowed(&bytes[..end]))
            }
            KeyType::Binary { .. } => Key::Binary(Cow::Borrowed(bytes)),
        }
    }
}

/// As a dump writes it: a binary one in hexadecimal digits.
impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::V4(v4) => v4.fmt(f),
            Key::V6(v6) => v6.fmt(f),
            Key::Int(number) => number.fmt(f),
            Key::Text(text) => quoted(text, f),
            Key::Binary(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02X}")),
        }
    }
}

/// What would end the key is escaped, as HAProxy writes it.
fn quoted(text: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for byte in text {
        match byte {
            b'\t' => f.write_str("\\t")?,
            b'\n' => f.write_str("\\n")?,
            b'\r' => f.write_str("\\r")?,
            b'\x1b' => f.write_str("\\e")?,
            b' ' | b'\\' | b'=' => write!(f, "\\{}", char::from(*byte))?,
            0x21..=0x7e => write!(f, "{}", char::from(*byte))?,
            byte => write!(f, "\\x{byte:02x}")?,
        }
    }
    Ok(())
}

/// The key of a value in a table of this type; `None` when such a table cannot hold it (an IPv6 address in a table of IPv4
/// addresses), and the connection is then not in it. Values convert as in all expressions: a v4-mapped address (RFC 4291
/// section 2.5.5.2) is an IPv4 address, and any IPv4 address has a mapped form.
pub fn key_for(kind: KeyType, value: Sample<'_>) -> Option<Key<'_>> {
    match kind {
        KeyType::Ipv4 => value.as_v4().map(Key::V4),
        KeyType::Ipv6 => value.as_v6().map(Key::V6),
        // As many bits as there is room for.
        KeyType::Integer => value.as_int().map(|number| Key::Int(number as u32)),
        KeyType::Text { most } => {
            let text = value.into_text();
            let end = text.iter().position(|b| *b == 0).unwrap_or(text.len());
            let text = cut(text, end.min(usize::from(most)));
            Some(Key::Text(text)).filter(|key| !key.bytes().as_ref().is_empty())
        }
        KeyType::Binary { length } => {
            let bytes = value.into_binary().filter(|bytes| !bytes.is_empty())?;
            let length = usize::from(length);
            Some(Key::Binary(if bytes.len() >= length {
                cut(bytes, length)
            } else {
                let mut filled = bytes.into_owned();
                filled.resize(length, 0);
                Cow::Owned(filled)
            }))
        }
    }
}

fn cut(bytes: Cow<'_, [u8]>, end: usize) -> Cow<'_, [u8]> {
    match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[..end]),
        Cow::Owned(mut bytes) => {
            bytes.truncate(end);
            Cow::Owned(bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(kind: KeyType, value: Sample<'_>) -> Option<String> {
        key_for(kind, value).map(|key| key.to_string())
    }

    #[test]
    fn families_convert_where_they_can() {
        let key = |kind, text: &str| shown(kind, Sample::Ip(text.parse().expect("a literal address")));
        assert_eq!(key(KeyType::Ipv4, "192.0.2.1").as_deref(), Some("192.0.2.1"));
        assert_eq!(key(KeyType::Ipv4, "::ffff:192.0.2.1").as_deref(), Some("192.0.2.1"));
        assert_eq!(key(KeyType::Ipv4, "2001:db8::1"), None);
        assert_eq!(key(KeyType::Ipv4, "::192.0.2.1"), None);
        assert_eq!(key(KeyType::Ipv6, "192.0.2.1").as_deref(), Some("::ffff:192.0.2.1"));
        assert_eq!(key(KeyType::Ipv6, "2001:db8::1").as_deref(), Some("2001:db8::1"));
    }

    #[test]
    fn other_types() {
        let text = KeyType::Text { most: 4 };
        assert_eq!(shown(text, Sample::text("abcdef")).as_deref(), Some("abcd"));
        assert_eq!(shown(text, Sample::text("a b")).as_deref(), Some("a\\ b"));
        assert_eq!(shown(text, Sample::text("a\0b")).as_deref(), Some("a"));
        assert_eq!(shown(text, Sample::text("")), None);
        assert_eq!(shown(text, Sample::Int(-5)).as_deref(), Some("-5"));
        assert_eq!(shown(KeyType::Integer, Sample::text("17")).as_deref(), Some("17"));
        assert_eq!(shown(KeyType::Integer, Sample::Int(-1)).as_deref(), Some("4294967295"));
        let binary = KeyType::Binary { length: 3 };
        assert_eq!(shown(binary, Sample::text("AB")).as_deref(), Some("414200"));
        assert_eq!(shown(binary, Sample::text("ABCD")).as_deref(), Some("414243"));
        assert_eq!(shown(binary, Sample::Bool(true)), None);
    }

    #[test]
    fn bytes_lead_back_to_the_key() {
        let key = Key::Text(Cow::Borrowed(b"ab"));
        let mut kept = [0; 5];
        kept[..2].copy_from_slice(key.bytes().as_ref());
        assert_eq!(Key::of_bytes(KeyType::Text { most: 5 }, &kept), key);
        let number = Key::Int(300);
        assert_eq!(Key::of_bytes(KeyType::Integer, number.bytes().as_ref()), number);
    }
}
