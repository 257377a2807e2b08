//! Bytes to tokens. The tokens lie side by side and cover the whole input, so nothing can be lost between them.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Spaces and tabs.
    Blank,
    /// One word, with its quotes and escapes.
    Word,
    /// From `#` to the end of the line.
    Comment,
    /// `\n`, `\r\n`, or a `\r` that ends the file.
    Newline,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    pub kind: TokenKind,
    pub start: usize,
    pub end: usize,
}

pub fn scan(bytes: &[u8]) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut start = 0;
    while let Some(first) = bytes.get(start) {
        let rest = &bytes[start..];
        let (kind, len) = match first {
            _ if newline(rest) > 0 => (TokenKind::Newline, newline(rest)),
            b' ' | b'\t' => (
                TokenKind::Blank,
                rest.iter().take_while(|byte| is_blank(**byte)).count(),
            ),
            b'#' => (TokenKind::Comment, to_line_end(rest)),
            _ => (TokenKind::Word, word(rest)),
        };
        tokens.push(Token {
            kind,
            start,
            end: start + len,
        });
        start += len;
    }
    tokens
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// How many bytes of line end stand here. A lone `\r` inside a line is none: it belongs to a word, which is refused.
const fn newline(rest: &[u8]) -> usize {
    match rest {
        [b'\n', ..] | [b'\r'] => 1,
        [b'\r', b'\n', ..] => 2,
        _ => 0,
    }
}

fn to_line_end(rest: &[u8]) -> usize {
    (0..rest.len())
        .find(|at| newline(&rest[*at..]) > 0)
        .unwrap_or(rest.len())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quote {
    None,
    Weak,
    Strong,
}

/// The length of the word that starts here. A quote that is not closed ends with the line.
fn word(rest: &[u8]) -> usize {
    let mut quote = Quote::None;
    let mut at = 0;
    while at < rest.len() && newline(&rest[at..]) == 0 {
        match (quote, rest[at]) {
            (Quote::None, b' ' | b'\t' | b'#') => break,
            (Quote::None, b'\'') => quote = Quote::Strong,
            (Quote::None, b'"') => quote = Quote::Weak,
            (Quote::Weak, b'"') | (Quote::Strong, b'\'') => quote = Quote::None,
            (Quote::None | Quote::Weak, b'\\') => at += escaped(&rest[at + 1..]),
            (Quote::Weak, b'$') => at += braced(&rest[at + 1..]),
            _ => {}
        }
        at += 1;
    }
    at
}

/// A backslash protects the next byte, but never the line end.
fn escaped(behind: &[u8]) -> usize {
    usize::from(!behind.is_empty() && newline(behind) == 0)
}

/// `${…}` may hold quotes: its closing brace ends it.
fn braced(behind: &[u8]) -> usize {
    if behind.first() != Some(&b'{') {
        return 0;
    }
    let line = &behind[..to_line_end(behind)];
    line.iter().position(|byte| *byte == b'}').unwrap_or(0)
}
