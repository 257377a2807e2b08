//! What `expect` looks for in the bytes of a server: text, a regular expression, bytes in hex or an expression over hex.

use std::fmt;

use regex::bytes::Regex;

use super::Text;
use crate::expr::Context;
use crate::hex;

/// One of the four kinds.
#[derive(Clone, Debug)]
pub enum Content {
    Text(Box<str>),
    Regex(Regex),
    Binary(Box<[u8]>),
    /// Over the upper-case hex digits of what came.
    BinaryRegex(Regex),
    /// A text with `%[expressions]`; of its hexadecimal digits the bytes.
    Made {
        text: Text,
        is_hex: bool,
    },
}

impl Content {
    pub fn is_in(&self, bytes: &[u8], context: &dyn Context) -> bool {
        match self {
            Content::Made { text, is_hex } => match made(text, *is_hex, context) {
                Some(wanted) => contains(bytes, &wanted),
                None => false,
            },
            Content::Text(text) => contains(bytes, text.as_bytes()),
            Content::Binary(wanted) => contains(bytes, wanted),
            Content::Regex(regex) => regex.is_match(bytes),
            Content::BinaryRegex(regex) => regex.is_match(to_hex(bytes).as_bytes()),
        }
    }
}

/// Bytes that are made now; none where their digits are none.
pub(super) fn made(text: &Text, is_hex: bool, context: &dyn Context) -> Option<Vec<u8>> {
    let bytes = text.bytes(context);
    if !is_hex {
        return Some(bytes);
    }
    hex::read(std::str::from_utf8(&bytes).ok()?)
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    wanted.is_empty() || bytes.windows(wanted.len()).any(|window| window == wanted)
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

impl PartialEq for Content {
    fn eq(&self, other: &Content) -> bool {
        match (self, other) {
            (Content::Text(a), Content::Text(b)) => a == b,
            (Content::Binary(a), Content::Binary(b)) => a == b,
            (Content::Regex(a), Content::Regex(b)) | (Content::BinaryRegex(a), Content::BinaryRegex(b)) => {
                a.as_str() == b.as_str()
            }
            (Content::Made { text: a, is_hex: of_a }, Content::Made { text: b, is_hex: of_b }) => {
                (a, of_a) == (b, of_b)
            }
            _ => false,
        }
    }
}

impl Eq for Content {}

/// As a timeout names what it waited for.
impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Content::Text(text) => write!(f, "string '{text}'"),
            Content::Binary(bytes) => {
                f.write_str("binary '")?;
                bytes.iter().try_for_each(|byte| write!(f, "<{byte:02X}>"))?;
                f.write_str("'")
            }
            Content::Made { is_hex: false, .. } => f.write_str("string (log-format)"),
            Content::Made { is_hex: true, .. } => f.write_str("binary (log-format)"),
            Content::Regex(_) => f.write_str("regex"),
            Content::BinaryRegex(_) => f.write_str("binary regex"),
        }
    }
}

/// Why text is not bytes in hex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a row of bytes in hex, two digits each")]
pub struct HexError;

/// Two digits a byte.
pub fn hex(text: &str) -> Result<Box<[u8]>, HexError> {
    hex::read(text).map(Vec::into_boxed_slice).ok_or(HexError)
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::probe::run::tests::Nobody;

    #[test]
    fn each_kind_finds_what_is_there() {
        let regex = |text: &str| Regex::new(text).unwrap();
        for (content, bytes, found) in [
            (Content::Text("ell".into()), &b"hello"[..], true),
            (Content::Text("elo".into()), b"hello", false),
            (Content::Text("".into()), b"", true),
            (Content::Regex(regex("^h.*o$")), b"hello", true),
            (Content::Regex(regex("^e")), b"hello", false),
            (Content::Binary(hex("0102").unwrap()), &[0, 1, 2], true),
            (Content::BinaryRegex(regex("^00FF")), &[0, 255, 1], true),
            (Content::BinaryRegex(regex("^01")), &[0, 255, 1], false),
        ] {
            assert_eq!(content.is_in(bytes, &Nobody), found, "{content:?}");
        }
    }

    #[test]
    fn hex_is_pairs_of_digits() {
        assert_eq!(hex("00fF").as_deref(), Ok(&[0, 255][..]));
        assert_eq!(hex("").as_deref(), Ok(&[][..]));
        assert_eq!(hex("0"), Err(HexError));
        assert_eq!(hex("0g"), Err(HexError));
        assert_eq!(hex("é0"), Err(HexError));
    }
}
