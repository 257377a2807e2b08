//! The files of one configuration, kept so that a place in them can be shown.
//!
//! They are bytes, not strings: a comment in Latin-1 is no reason to refuse a file, and what must be text says so where
//! it is read.

use std::fmt;
use std::sync::Arc;

use crate::span::{FileId, Span};

#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    sources: Vec<Source>,
}

impl SourceMap {
    pub fn add(&mut self, name: impl Into<Arc<str>>, bytes: impl Into<Vec<u8>>) -> FileId {
        let id = FileId(u32::try_from(self.sources.len()).unwrap_or(u32::MAX));
        self.sources.push(Source::new(name.into(), bytes.into()));
        id
    }

    pub fn source(&self, file: FileId) -> Option<&Source> {
        self.sources.get(file.place())
    }

    /// All files, in the order in which they were read.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.sources.iter()
    }

    pub fn bytes(&self, file: FileId) -> &[u8] {
        self.source(file).map_or(&[], Source::bytes)
    }

    pub fn location(&self, span: Span) -> Location<'_> {
        match self.source(span.file) {
            Some(source) => source.location(span.start),
            None => Location {
                file: "<unknown>",
                line: 1,
                column: 1,
            },
        }
    }

    /// `file:line`, as runtime messages name the place where something was configured.
    pub fn origin(&self, span: Span) -> Arc<str> {
        let at = self.location(span);
        format!("{}:{}", at.file, at.line).into()
    }
}

#[derive(Clone, Debug)]
pub struct Source {
    name: Arc<str>,
    bytes: Vec<u8>,
    line_starts: Vec<usize>,
}

impl Source {
    fn new(name: Arc<str>, bytes: Vec<u8>) -> Self {
        let after_newlines = bytes
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n')
            .map(|(at, _)| at + 1);
        let line_starts = std::iter::once(0).chain(after_newlines).collect();
        Self {
            name,
            bytes,
            line_starts,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The line number, from 1, of a byte.
    pub fn line_of(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset).max(1)
    }

    /// The bytes of a line without its end, and where they start. Empty for a line that is not there.
    pub fn line(&self, number: usize) -> (usize, &[u8]) {
        let Some(start) = number.checked_sub(1).and_then(|at| self.line_starts.get(at)).copied() else {
            return (self.bytes.len(), &[]);
        };
        let end = self.line_starts.get(number).map_or(self.bytes.len(), |next| next - 1);
        let line = &self.bytes[start..end];
        (start, line.strip_suffix(b"\r").unwrap_or(line))
    }

    fn location(&self, offset: usize) -> Location<'_> {
        let offset = offset.min(self.bytes.len());
        let line = self.line_of(offset);
        let (start, _) = self.line(line);
        let before = String::from_utf8_lossy(&self.bytes[start..offset.max(start)]);
        Location {
            file: &self.name,
            line,
            column: before.chars().count() + 1,
        }
    }
}

/// A place as people count: lines and characters from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location<'a> {
    pub file: &'a str,
    pub line: usize,
    pub column: usize,
}

impl fmt::Display for Location<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_lines_and_characters_from_one() {
        let mut map = SourceMap::default();
        let file = map.add("a.cfg", "one\r\n\ttwö x\n");
        let at = |offset| map.location(Span::new(file, offset, offset)).to_string();
        assert_eq!(at(0), "a.cfg:1:1");
        assert_eq!(at(5), "a.cfg:2:1");
        assert_eq!(at(11), "a.cfg:2:6", "ö is one column");
        assert_eq!(at(13), "a.cfg:3:1");
        assert_eq!(at(99), "a.cfg:3:1", "behind the end is the end");
    }

    #[test]
    fn a_line_has_no_line_end() {
        let source = Source::new("a".into(), b"x\r\ny\n".to_vec());
        assert_eq!(source.line(1), (0, &b"x"[..]));
        assert_eq!(source.line(2), (3, &b"y"[..]));
        assert_eq!(source.line(3), (5, &b""[..]));
        assert_eq!(source.line(9), (5, &b""[..]));
    }
}
