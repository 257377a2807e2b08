//! A document cut into tags and text, which is enough to see how deep it is, whether it has a document type, and which `&`
//! stand alone.
//!
//! Guides have addresses such as `tcp://host:1?a=1&b=2` in attributes. XML wants `&amp;` there, and what people have in
//! mind is plain.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::Mistake;

/// A broker's files have no more than a dozen levels.
const DEEPEST: usize = 64;
pub(super) const MOST_NODES: u32 = 200_000;
/// What is longer is no reference.
const LONGEST_NAME: usize = 32;

/// A document that may be parsed.
pub(super) struct Checked<'a> {
    pub(super) text: Cow<'a, str>,
    /// Lines with a `&` that was made one of XML.
    pub(super) bare_ampersands: BTreeSet<usize>,
}

pub(super) fn check(text: &str) -> Result<Checked<'_>, Mistake> {
    let (mut line, mut depth) = (1, 0_usize);
    let mut bare_ampersands = BTreeSet::new();
    for piece in Pieces(text) {
        let refused = |what: &str, help| Mistake {
            line,
            column: 1,
            what: what.to_owned(),
            help,
        };
        match piece.kind {
            Kind::Declaration => {
                return Err(refused(
                    "a document type (<!DOCTYPE>) is not read, nor are entities of one's own",
                    "leave it out, and write what its entities stand for",
                ));
            }
            Kind::Open if depth == DEEPEST => {
                return Err(refused(
                    "there are more than 64 elements in each other",
                    "a broker's file has a dozen",
                ));
            }
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            Kind::Empty | Kind::Text | Kind::Verbatim => {}
        }
        for (at, letter) in piece.text.char_indices() {
            match letter {
                '\n' => line += 1,
                '&' if piece.kind.has_references() && !is_reference(&piece.text[at..]) => {
                    bare_ampersands.insert(line);
                }
                _ => {}
            }
        }
    }
    let text = match bare_ampersands.is_empty() {
        true => Cow::Borrowed(text),
        false => Cow::Owned(Pieces(text).map(Piece::with_references).collect()),
    };
    Ok(Checked { text, bare_ampersands })
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Open,
    Empty,
    Close,
    Text,
    /// A comment, an instruction, or text in which nothing means anything.
    Verbatim,
    Declaration,
}

impl Kind {
    fn has_references(self) -> bool {
        matches!(self, Kind::Open | Kind::Empty | Kind::Text)
    }
}

struct Piece<'a> {
    kind: Kind,
    text: &'a str,
}

impl Piece<'_> {
    fn with_references(self) -> String {
        if !self.kind.has_references() {
            return self.text.to_owned();
        }
        let mut whole = String::with_capacity(self.text.len());
        for (at, letter) in self.text.char_indices() {
            whole.push(letter);
            if letter == '&' && !is_reference(&self.text[at..]) {
                whole.push_str("amp;");
            }
        }
        whole
    }
}

/// `&amp;`, `&#10;`: a name or a number up to a semicolon. `&retries;` is one too, and the parser says that it means nothing.
fn is_reference(text: &str) -> bool {
    let end = text.bytes().take(LONGEST_NAME).position(|byte| byte == b';');
    let inner = text.get(1..end.unwrap_or_default()).unwrap_or_default();
    !inner.is_empty() && inner.chars().all(|c| c.is_ascii_alphanumeric() || c == '#')
}

struct Pieces<'a>(&'a str);

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let text = self.0;
        let up_to = |end: &str| text.find(end).map_or(text.len(), |at| at + end.len());
        let (kind, length) = match text {
            "" => return None,
            _ if text.starts_with("<!--") => (Kind::Verbatim, up_to("-->")),
            _ if text.starts_with("<![CDATA[") => (Kind::Verbatim, up_to("]]>")),
            _ if text.starts_with("<?") => (Kind::Verbatim, up_to("?>")),
            _ if text.starts_with("<!") => (Kind::Declaration, up_to(">")),
            _ if text.starts_with("</") => (Kind::Close, up_to(">")),
            _ if text.starts_with('<') => tag(text),
            _ => (Kind::Text, text.find('<').unwrap_or(text.len())),
        };
        let (piece, rest) = text.split_at(length);
        self.0 = rest;
        Some(Piece { kind, text: piece })
    }
}

/// What stands in quotes may have a `>` in it, as `queue=">"` has.
fn tag(text: &str) -> (Kind, usize) {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'>') if text.as_bytes()[at - 1] == b'/' => return (Kind::Empty, at + 1),
            (None, b'>') => return (Kind::Open, at + 1),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    (Kind::Open, text.len())
}
