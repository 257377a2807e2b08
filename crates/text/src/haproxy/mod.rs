//! The lexer of `haproxy.cfg`: lines of words, with comments, escapes, two kinds of quotes and the environment.
//!
//! [`scan`] cuts the bytes into tokens and loses nothing; [`lines`] gives words their meaning. Behaviour was measured on
//! HAProxy 2.6.

mod expand;
mod scan;
#[cfg(test)]
mod tests;

use crate::diagnostic::{Code, Diagnostic};
use crate::span::{FileId, Span};
pub use scan::{Token, TokenKind, scan};

/// A word, quote or variable that cannot be read.
pub const BAD_TEXT: Code = Code("TX0001");
/// More of something than the language allows.
pub const TOO_LONG: Code = Code("TX0002");
/// The last line has no line end: the file may have been cut.
pub const CUT_SHORT: Code = Code("TX0003");

/// HAProxy's limit of words in a line.
pub const MAX_WORDS: usize = 64;
/// No honest line comes near; beyond it something else was handed in.
pub const MAX_LINE: usize = 64 * 1024;

/// Looks up a variable of the environment.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A line that holds at least one word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub words: Vec<Word>,
    /// From the first word to the last.
    pub span: Span,
}

/// A word after quotes, escapes and variables were resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub text: String,
    /// The word as it was written.
    pub span: Span,
}

impl Word {
    /// The place of a part of the text, if the word was written as it reads; otherwise of the whole word.
    pub fn part(&self, start: usize, end: usize) -> Span {
        if self.span.len() != self.text.len() {
            return self.span;
        }
        Span::new(self.span.file, self.span.start + start, self.span.start + end)
    }
}

/// A file, read line by line: what a line does to the environment counts for the next.
pub struct Lexer<'a> {
    file: FileId,
    bytes: &'a [u8],
    tokens: Vec<Token>,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub fn new(file: FileId, bytes: &'a [u8]) -> Self {
        Self {
            file,
            bytes,
            tokens: scan(bytes),
            at: 0,
        }
    }

    /// The next line that says something. One that cannot be read is reported and left out.
    pub fn next_line(&mut self, env: Env<'_>, report: &mut Vec<Diagnostic>) -> Option<Line> {
        while self.at < self.tokens.len() {
            let rest = &self.tokens[self.at..];
            let end = rest.iter().position(|token| token.kind == TokenKind::Newline);
            let row = &rest[..end.unwrap_or(rest.len())];
            self.at += row.len() + 1;
            match line(self.file, self.bytes, row, env) {
                Ok(Some(line)) => return Some(line),
                Ok(None) => {}
                Err(diagnostic) => report.push(diagnostic),
            }
        }
        self.say_if_cut(report);
        None
    }

    fn say_if_cut(&mut self, report: &mut Vec<Diagnostic>) {
        let Some(last) = self.tokens.last().filter(|last| last.kind != TokenKind::Newline) else {
            return;
        };
        let span = Span::new(self.file, last.end, last.end);
        report.push(
            Diagnostic::warning(
                CUT_SHORT,
                span,
                "the last line has no line end: the file may have been cut short",
            )
            .help("end the file with a line end"),
        );
        // Said once.
        self.tokens.clear();
    }
}

/// All lines of a file. A line that cannot be read is reported and left out; the others are still there.
pub fn lines(file: FileId, bytes: &[u8], env: Env<'_>, report: &mut Vec<Diagnostic>) -> Vec<Line> {
    let mut lexer = Lexer::new(file, bytes);
    let mut lines = Vec::new();
    while let Some(line) = lexer.next_line(env, report) {
        lines.push(line);
    }
    lines
}

fn line(file: FileId, bytes: &[u8], row: &[Token], env: Env<'_>) -> Result<Option<Line>, Diagnostic> {
    let raw: Vec<&Token> = row.iter().filter(|token| token.kind == TokenKind::Word).collect();
    let (Some(first), Some(last)) = (raw.first(), raw.last()) else {
        return Ok(None);
    };
    let span = Span::new(file, first.start, last.end);
    if span.len() > MAX_LINE {
        let message = format!("this line has {} bytes, the limit is {MAX_LINE}", span.len());
        return Err(Diagnostic::error(
            TOO_LONG,
            Span::new(file, first.start, first.start),
            message,
        ));
    }
    let mut words = Vec::with_capacity(raw.len());
    for token in raw {
        expand::expand(file, bytes, token, env, &mut words)?;
        if words.len() > MAX_WORDS {
            let message = format!("too many words in this line, the limit is {MAX_WORDS}");
            return Err(Diagnostic::error(
                TOO_LONG,
                Span::new(file, token.start, token.end),
                message,
            ));
        }
    }
    Ok(Some(Line { words, span }))
}
