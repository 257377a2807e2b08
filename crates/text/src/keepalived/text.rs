//! Characters that know where they were written.

use crate::source::SourceMap;
use crate::span::{FileId, Span};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Char {
    pub(super) byte: u8,
    file: FileId,
    start: u32,
    end: u32,
}

impl Char {
    pub(super) const fn span(self) -> Span {
        Span::new(self.file, self.start as usize, self.end as usize)
    }

    /// Another character from the same place.
    pub(super) const fn with_byte(self, byte: u8) -> Self {
        Self { byte, ..self }
    }
}

/// As it stands in a file. Offsets beyond four gigabytes do not occur: [`super::include`] refuses such files.
pub(super) fn literal(file: FileId, bytes: &[u8], at: usize) -> Vec<Char> {
    let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    let place = bytes.iter().zip(at..);
    place
        .map(|(byte, at)| Char {
            byte: *byte,
            file,
            start: offset(at),
            end: offset(at + 1),
        })
        .collect()
}

/// Made up by the lexer: all of it was written at `span`.
pub(super) fn made(text: &str, span: Span) -> Vec<Char> {
    let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    let at = |byte| Char {
        byte,
        file: span.file,
        start: offset(span.start),
        end: offset(span.end),
    };
    text.bytes().map(at).collect()
}

pub(super) fn string(chars: &[Char]) -> String {
    let bytes: Vec<u8> = chars.iter().map(|c| c.byte).collect();
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// From the first character to the last, if both stand in one line; otherwise as far as the text runs on unbroken.
pub(super) fn span(chars: &[Char], sources: &SourceMap) -> Option<Span> {
    let (first, last) = (chars.first()?.span(), chars.last()?.span());
    let line = |at: usize| sources.source(first.file).map(|source| source.line_of(at));
    if first.file == last.file && first.start <= last.start && line(first.start) == line(last.start) {
        return Some(first.to(last));
    }
    let pairs = chars.windows(2);
    let broken = |pair: &&[Char]| pair[0].file != pair[1].file || pair[0].end != pair[1].start;
    let unbroken = pairs.take_while(|pair| !broken(pair)).count();
    Some(first.to(chars[unbroken].span()))
}

pub(super) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | 0x0b | 0x0c)
}

pub(super) fn trim(chars: &[Char]) -> &[Char] {
    let Some(start) = chars.iter().position(|c| !is_blank(c.byte)) else {
        return &[];
    };
    let end = chars.iter().rposition(|c| !is_blank(c.byte)).unwrap_or(start);
    &chars[start..=end]
}

pub(super) fn starts_with(chars: &[Char], prefix: &[u8]) -> bool {
    chars.len() >= prefix.len() && chars.iter().zip(prefix).all(|(c, byte)| c.byte == *byte)
}
