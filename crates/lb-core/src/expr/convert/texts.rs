//! Ways to write bytes, and parts of texts that have a form: chunks of digits, addresses with ports, parameters.

use std::borrow::Cow;

use super::pieces::within;

/// `be2hex`, `be2dec`: digits for so many bytes at a time, with something between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunks {
    pub between: Box<[u8]>,
    /// At least 1.
    pub size: usize,
    /// What is left over at the end is left out.
    pub truncates: bool,
    pub radix: Radix,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Radix {
    Decimal,
    Hexadecimal,
}

impl Chunks {
    pub(super) fn of(&self, bytes: &[u8]) -> Vec<u8> {
        let whole = |chunk: &&[u8]| !self.truncates || chunk.len() == self.size;
        let mut out = Vec::new();
        for (nth, chunk) in bytes.chunks(self.size.max(1)).filter(whole).enumerate() {
            if nth > 0 {
                out.extend_from_slice(&self.between);
            }
            match self.radix {
                Radix::Hexadecimal => out.extend(crate::hex::upper(chunk).into_bytes()),
                Radix::Decimal => {
                    let number = chunk.iter().fold(0u64, |n, byte| n << 8 | u64::from(*byte));
                    out.extend(number.to_string().into_bytes());
                }
            }
        }
        out
    }
}

/// Up to the first end of a line.
pub(super) fn first_line(text: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let end = text.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
    let end = end.unwrap_or(text.len());
    within(text, (0, end))
}

/// Where the colon before the port is. In brackets there is none.
fn colon(text: &[u8]) -> Option<usize> {
    let last = text.iter().rposition(|byte| matches!(byte, b':' | b']'))?;
    (text[last] == b':').then_some(last)
}

/// `host:port` without the port.
pub(super) fn host(text: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    match colon(&text) {
        Some(colon) => within(text, (0, colon)),
        None => text,
    }
}

/// 0 without one. Letters count as digits beyond 9, as HAProxy reads them.
pub(super) fn port(text: &[u8]) -> i64 {
    let digits = colon(text).map_or(&[][..], |colon| &text[colon + 1..]);
    let number = digits.iter().fold(0u32, |number, byte| {
        number
            .wrapping_mul(10)
            .wrapping_add(u32::from(*byte))
            .wrapping_sub(u32::from(b'0'))
    });
    number.into()
}

/// RFC 3986 section 2.1: all but the unreserved letters.
pub(super) fn url_encode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(*byte);
        } else {
            out.push(b'%');
            out.extend(crate::hex::upper(&[*byte]).into_bytes());
        }
    }
    out
}

/// A `+` is a blank behind the first `?`, and in a form everywhere.
pub(super) fn url_decode(text: &[u8], is_form: bool) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut is_form = is_form;
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let mut digit = || char::from(*rest.next()?).to_digit(16);
                let value = digit()? * 16 + digit()?;
                out.push(value as u8);
            }
            b'+' if is_form => out.push(b' '),
            other => {
                is_form |= *other == b'?';
                out.push(*other);
            }
        }
    }
    Some(out)
}

/// The value of `name=value` among such, without a value an empty one.
pub(super) fn parameter<'a>(text: Cow<'a, [u8]>, name: &[u8], delimiter: u8) -> Option<Cow<'a, [u8]>> {
    let mut start = 0;
    for piece in text.split(|byte| *byte == delimiter) {
        let end = start + piece.len();
        let equals = piece.iter().position(|byte| *byte == b'=').unwrap_or(piece.len());
        if piece[..equals] == *name {
            return Some(within(text, ((start + equals + 1).min(end), end)));
        }
        start = end + 1;
    }
    None
}
