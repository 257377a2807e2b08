//! Texts in other letters, other forms, and parts of them.

use std::borrow::Cow;

use super::json::Taken;
use super::{json, texts};
use crate::expr::{Kind, Sample};
use crate::hex;
use tandem_text::base64;

/// What needs nothing but the bytes themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Strings {
    Lower,
    Upper,
    /// Bytes to hexadecimal digits.
    Hex,
    /// Hexadecimal digits to a number.
    FromHex,
    Base64 {
        url: bool,
    },
    FromBase64 {
        url: bool,
    },
    /// Leading (or trailing) bytes of this set taken away.
    Trim {
        leading: bool,
        set: Box<[u8]>,
    },
    /// `field`: between delimiters, where empty pieces count.
    Field(Pieces),
    /// `word`: the same, where they do not.
    Word(Pieces),
    UrlEncode,
    UrlDecode {
        is_form: bool,
    },
    /// Up to the first end of a line.
    FirstLine,
    /// `host:port` without the port, and the port alone.
    Host,
    Port,
    /// `param`: the value of `name=value` among such.
    Parameter {
        name: Box<[u8]>,
        delimiter: u8,
    },
    /// As it stands inside of the quotes of JSON.
    Json(Taken),
    /// So many bytes at the beginning.
    First(u16),
}

/// Which pieces of a text: `index` from 1, or from the end when negative; `count` of them, 0 is all the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pieces {
    pub index: i32,
    pub delimiters: Box<[u8]>,
    pub count: u32,
}

impl Strings {
    pub(super) fn input(&self) -> Kind {
        match self {
            Strings::Hex | Strings::Base64 { .. } => Kind::Binary,
            _ => Kind::Text,
        }
    }

    pub(super) fn output(&self) -> Kind {
        match self {
            Strings::FromHex | Strings::Port => Kind::Int,
            Strings::FromBase64 { .. } => Kind::Binary,
            _ => Kind::Text,
        }
    }

    pub(super) fn apply<'a>(&self, sample: Sample<'a>) -> Option<Sample<'a>> {
        let text = |bytes: Vec<u8>| Some(Sample::Text(Cow::Owned(bytes)));
        match self {
            Strings::Lower => text(sample.into_text().to_ascii_lowercase()),
            Strings::Json(taken) => text(json::escape(&sample.into_text(), *taken)?),
            Strings::First(count) => match sample.into_text() {
                Cow::Borrowed(bytes) => Some(Sample::Text(Cow::Borrowed(&bytes[..bytes.len().min((*count).into())]))),
                Cow::Owned(mut bytes) => {
                    bytes.truncate((*count).into());
                    text(bytes)
                }
            },
            Strings::Upper => text(sample.into_text().to_ascii_uppercase()),
            Strings::Hex => text(hex::upper(&sample.into_binary()?).into_bytes()),
            Strings::FromHex => {
                let digits = sample.into_text();
                let digits = std::str::from_utf8(&digits)
                    .ok()
                    .filter(|d| !d.starts_with(['+', '-']))?;
                i64::from_str_radix(digits, 16).ok().map(Sample::Int)
            }
            Strings::Base64 { url } => text(base64::encode(&sample.into_binary()?, *url)),
            Strings::FromBase64 { url } => {
                base64::decode(&sample.into_text(), *url).map(|bytes| Sample::Binary(Cow::Owned(bytes)))
            }
            Strings::Trim { leading, set } => Some(Sample::Text(trim(sample.into_text(), *leading, set))),
            Strings::Field(pieces) => Some(Sample::Text(pieces.of(sample.into_text(), false))),
            Strings::Word(pieces) => Some(Sample::Text(pieces.of(sample.into_text(), true))),
            Strings::UrlEncode => text(texts::url_encode(&sample.into_text())),
            Strings::UrlDecode { is_form } => texts::url_decode(&sample.into_text(), *is_form).and_then(text),
            Strings::FirstLine => Some(Sample::Text(texts::first_line(sample.into_text()))),
            Strings::Host => Some(Sample::Text(texts::host(sample.into_text()))),
            Strings::Port => Some(Sample::Int(texts::port(&sample.into_text()))),
            Strings::Parameter { name, delimiter } => {
                texts::parameter(sample.into_text(), name, *delimiter).map(Sample::Text)
            }
        }
    }
}

impl Pieces {
    fn of<'a>(&self, text: Cow<'a, [u8]>, skips_empty: bool) -> Cow<'a, [u8]> {
        let range = self.range(&text, skips_empty);
        within(text, range)
    }

    fn range(&self, text: &[u8], skips_empty: bool) -> (usize, usize) {
        let mut all = Vec::new();
        let mut start = 0;
        let ends = text.iter().enumerate().filter(|(_, b)| self.delimiters.contains(b));
        for end in ends.map(|(at, _)| at).chain([text.len()]) {
            if end > start || !skips_empty {
                all.push((start, end));
            }
            start = end + 1;
        }
        let count = match self.count {
            0 => all.len(),
            count => count as usize,
        };
        let index = self.index.unsigned_abs() as usize;
        // Of several counted from the end, the last of them is the one named.
        let chosen = if self.index > 0 {
            all.get(index - 1..(index - 1).saturating_add(count).min(all.len()))
        } else {
            let last = all.len().checked_sub(index.saturating_sub(1));
            last.and_then(|last| all.get(last.saturating_sub(count)..last))
        };
        match chosen {
            Some([(start, end)]) => (*start, *end),
            Some([(start, _), .., (_, end)]) => (*start, *end),
            _ => (0, 0),
        }
    }
}

pub(super) fn cut(bytes: Cow<'_, [u8]>, offset: u32, length: Option<u32>) -> Cow<'_, [u8]> {
    let start = (offset as usize).min(bytes.len());
    let end = length.map_or(bytes.len(), |length| {
        start.saturating_add(length as usize).min(bytes.len())
    });
    within(bytes, (start, end))
}

pub(super) fn within(bytes: Cow<'_, [u8]>, (start, end): (usize, usize)) -> Cow<'_, [u8]> {
    match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[start..end]),
        Cow::Owned(bytes) => Cow::Owned(bytes[start..end].to_vec()),
    }
}

fn trim<'a>(text: Cow<'a, [u8]>, leading: bool, set: &[u8]) -> Cow<'a, [u8]> {
    let length = text.len();
    let outside = |b: &u8| !set.contains(b);
    let range = if leading {
        (text.iter().position(outside).unwrap_or(length), length)
    } else {
        (0, text.iter().rposition(outside).map_or(0, |last| last + 1))
    };
    within(text, range)
}
