//! Fields: a number, a length, and as many bytes.

use thiserror::Error;

/// Bytes that no version of the protocol would have sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Malformed {
    #[error("it ends in the middle of a field")]
    Truncated,
    #[error("a frame of {0} bytes is longer than any may be")]
    TooLong(usize),
    #[error("message {0} is not known")]
    UnknownMessage(u8),
    #[error("field {0} cannot be that")]
    Value(u8),
    #[error("field {0} is missing")]
    Missing(u8),
}

/// Fields being written.
#[derive(Clone, Debug, Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn bytes(&mut self, tag: u8, bytes: &[u8]) -> &mut Self {
        // Nothing that is written here is anywhere near 4 GiB; a frame of that length would be refused anyway.
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.0.push(tag);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn text(&mut self, tag: u8, text: &str) -> &mut Self {
        self.bytes(tag, text.as_bytes())
    }

    pub(super) fn number(&mut self, tag: u8, number: u64) -> &mut Self {
        self.bytes(tag, &number.to_be_bytes())
    }

    pub(super) fn texts(&mut self, tag: u8, texts: &[String]) -> &mut Self {
        texts.iter().for_each(|text| {
            self.text(tag, text);
        });
        self
    }

    pub(super) fn some_number(&mut self, tag: u8, number: Option<u64>) -> &mut Self {
        if let Some(number) = number {
            self.number(tag, number);
        }
        self
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Fields being read, in whatever order they come; the last of a kind counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Checks the lengths of all fields, so that looking for one cannot fail later.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Reader<'a>, Malformed> {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = split(rest).ok_or(Malformed::Truncated)?.2;
        }
        Ok(Reader(bytes))
    }

    pub(super) fn find(&self, tag: u8) -> Option<&'a [u8]> {
        let (mut rest, mut found) = (self.0, None);
        while let Some((this, value, more)) = split(rest) {
            if this == tag {
                found = Some(value);
            }
            rest = more;
        }
        found
    }

    /// Every one of a kind that may come more than once, in their order.
    pub(super) fn all(&self, tag: u8) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (this, value, more) = split(rest)?;
            rest = more;
            Some((this, value))
        })
        .filter_map(move |(this, value)| (this == tag).then_some(value))
    }

    pub(super) fn texts(&self, tag: u8) -> Result<Vec<String>, Malformed> {
        let text = |bytes: &[u8]| std::str::from_utf8(bytes).map(str::to_owned);
        let texts = self.all(tag).map(text).collect::<Result<_, _>>();
        texts.map_err(|_| Malformed::Value(tag))
    }

    pub(super) fn some_number(&self, tag: u8) -> Result<Option<u64>, Malformed> {
        let number = |bytes: &[u8]| bytes.try_into().map(u64::from_be_bytes);
        let found = self.find(tag).map(number).transpose();
        found.map_err(|_| Malformed::Value(tag))
    }

    pub(super) fn number(&self, tag: u8) -> Result<u64, Malformed> {
        self.some_number(tag)?.ok_or(Malformed::Missing(tag))
    }

    pub(super) fn small(&self, tag: u8) -> Result<u32, Malformed> {
        u32::try_from(self.number(tag)?).map_err(|_| Malformed::Value(tag))
    }

    pub(super) fn some_text(&self, tag: u8) -> Result<Option<&'a str>, Malformed> {
        let text = self.find(tag).map(std::str::from_utf8).transpose();
        text.map_err(|_| Malformed::Value(tag))
    }

    pub(super) fn text(&self, tag: u8) -> Result<&'a str, Malformed> {
        self.some_text(tag)?.ok_or(Malformed::Missing(tag))
    }
}

fn split(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (value, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    Some((*tag, value, rest))
}
