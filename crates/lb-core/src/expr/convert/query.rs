//! One value out of a JSON text: `json_query('$.who.names[0]')`, and out of the parts of a JWT (RFC 7519).
//!
//! The text is read up to that value and no further, and what comes of odd texts is what HAProxy makes of them: whole
//! lists and objects are no values, numbers are written with six digits unless they are wanted as integers, and of the
//! escapes of texts those are known that stand for one byte.

use std::borrow::Cow;

use crate::expr::Sample;
use tandem_text::base64;

/// Which value, and of what type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    path: Box<[Step]>,
    /// Numbers as integers.
    is_int: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(Box<[u8]>),
    Place(usize),
}

/// A part of a token: texts in base 64, with dots between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenPart {
    Header,
    Payload,
}

/// What is looked through may nest so deep; deeper ones have no values.
const DEEPEST: usize = 64;

/// Integers that a double can tell apart.
const GREATEST: i64 = (1 << 53) - 1;

impl Query {
    /// `None` for what is no path.
    pub fn parse(path: &str, is_int: bool) -> Option<Query> {
        let mut rest = path.strip_prefix('$')?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let step;
            (step, rest) = if let Some(key) = rest.strip_prefix('.') {
                key_of(key)
            } else {
                let (place, behind) = rest.strip_prefix('[')?.split_once(']')?;
                (Step::Place(place.parse().ok()?), behind)
            };
            steps.push(step);
        }
        Some(Query {
            path: steps.into(),
            is_int,
        })
    }

    pub(super) fn of(&self, text: &[u8]) -> Option<Sample<'static>> {
        let mut reader = Reader(text);
        for step in &self.path {
            match step {
                Step::Key(key) => reader.enter_key(key)?,
                Step::Place(place) => reader.enter_place(*place)?,
            }
        }
        reader.value(self.is_int)
    }
}

impl TokenPart {
    pub(super) fn of(self, token: &[u8]) -> Option<Vec<u8>> {
        let nth = match self {
            TokenPart::Header => 0,
            TokenPart::Payload => 1,
        };
        base64::decode(token.split(|byte| *byte == b'.').nth(nth)?, true)
    }
}

/// A dot that belongs to a key has a backslash before it.
fn key_of(text: &str) -> (Step, &str) {
    let mut key = Vec::new();
    let mut bytes = text.bytes().enumerate();
    let mut end = text.len();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => key.extend(bytes.next().map(|(_, escaped)| escaped)),
            b'.' | b'[' => {
                end = at;
                break;
            }
            other => key.push(other),
        }
    }
    (Step::Key(key.into()), &text[end..])
}

/// What is still to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn peek(&mut self) -> Option<u8> {
        self.0 = self.0.trim_ascii_start();
        self.0.first().copied()
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.0 = &self.0[1..])
    }

    fn enter_key(&mut self, wanted: &[u8]) -> Option<()> {
        self.expect(b'{')?;
        loop {
            let key = self.quoted()?;
            self.expect(b':')?;
            if key == wanted {
                return Some(());
            }
            self.skip(DEEPEST)?;
            self.expect(b',')?;
        }
    }

    fn enter_place(&mut self, place: usize) -> Option<()> {
        self.expect(b'[')?;
        for _ in 0..place {
            self.skip(DEEPEST)?;
            self.expect(b',')?;
        }
        Some(())
    }

    /// Over one value of any kind.
    fn skip(&mut self, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match self.peek()? {
            b'"' => self.quoted().map(drop),
            open @ (b'{' | b'[') => {
                let close = if open == b'{' { b'}' } else { b']' };
                self.0 = &self.0[1..];
                if self.expect(close).is_some() {
                    return Some(());
                }
                loop {
                    if open == b'{' {
                        self.quoted()?;
                        self.expect(b':')?;
                    }
                    self.skip(depth)?;
                    if self.expect(b',').is_none() {
                        return self.expect(close);
                    }
                }
            }
            _ => (!self.bare().is_empty()).then_some(()),
        }
    }

    fn value(&mut self, is_int: bool) -> Option<Sample<'static>> {
        match self.peek()? {
            b'"' => self
                .quoted()
                .and_then(unescape)
                .map(|text| Sample::Text(Cow::Owned(text))),
            b'-' | b'0'..=b'9' => number(std::str::from_utf8(self.bare()).ok()?, is_int),
            _ => match self.bare() {
                b"true" => Some(Sample::Bool(true)),
                b"false" => Some(Sample::Bool(false)),
                _ => None,
            },
        }
    }

    /// A text without its quotes, as it is written.
    fn quoted(&mut self) -> Option<&'a [u8]> {
        self.expect(b'"')?;
        let mut is_escaped = false;
        let end = self.0.iter().position(|byte| {
            let is_end = *byte == b'"' && !is_escaped;
            is_escaped = *byte == b'\\' && !is_escaped;
            is_end
        })?;
        let text = &self.0[..end];
        self.0 = &self.0[end + 1..];
        Some(text)
    }

    /// A number or a word.
    fn bare(&mut self) -> &'a [u8] {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let end = self.0.iter().position(|byte| !is_part(byte)).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        self.0 = rest;
        word
    }
}

fn number(word: &str, is_int: bool) -> Option<Sample<'static>> {
    if !is_int {
        let digits = six_digits(word.parse().ok()?);
        return Some(Sample::Text(Cow::Owned(digits.into_bytes())));
    }
    let (sign, digits) = match word.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, word),
    };
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let number: i64 = digits[..end].parse().ok()?;
    (number <= GREATEST).then_some(Sample::Int(sign * number))
}

/// As `%g` of C writes it.
fn six_digits(number: f64) -> String {
    let scientific = format!("{number:.5e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let without_zeros = |digits: &str| match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => digits.to_owned(),
    };
    if (-4..6).contains(&exponent) {
        let behind = usize::try_from(5 - exponent).unwrap_or(0);
        return without_zeros(&format!("{number:.behind$}"));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", without_zeros(digits), exponent.abs())
}

/// `None` where there is an escape that does not stand for one byte.
fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        if *byte != b'\\' {
            out.push(*byte);
            continue;
        }
        out.push(match rest.next()? {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let digits = rest.as_slice().get(..4)?;
                rest = rest.as_slice()[4..].iter();
                let number = u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
                u8::try_from(number).ok()?
            }
            escaped @ (b'"' | b'\\') => *escaped,
            _ => return None,
        });
    }
    Some(out)
}
