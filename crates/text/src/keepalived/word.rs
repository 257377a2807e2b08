//! Lines to words, by the two sets of rules that Keepalived has: most keywords know only double quotes, commands know
//! both kinds and escapes.

use super::BAD_TEXT;
use super::text::{self, Char, is_blank};
use crate::diagnostic::Diagnostic;
use crate::source::SourceMap;
use crate::span::Span;

/// A word without its quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// As text; what is not UTF-8 is replaced.
    pub text: String,
    pub span: Span,
    chars: Vec<Char>,
}

impl Word {
    /// For another dialect that says the same: `span` is where the text was written, letter for letter if it is as long.
    pub fn written(text: &str, span: Span) -> Self {
        let chars = if span.len() == text.len() {
            text::literal(span.file, text.as_bytes(), span.start)
        } else {
            text::made(text, span)
        };
        Self {
            text: text.to_owned(),
            span,
            chars,
        }
    }

    pub(super) fn memory(&self) -> usize {
        size_of::<Self>() + self.text.len() + size_of_val(self.chars.as_slice())
    }

    /// Cuts the text of this word as if it were a line.
    pub(super) fn cut(&self) -> Result<Vec<Self>, Diagnostic> {
        words(&self.chars, Rules::Plain, &SourceMap::default())
    }

    /// The very bytes, which need not be UTF-8: a password is bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.chars.iter().map(|c| c.byte).collect()
    }

    /// The place of a part of the text.
    pub fn part(&self, start: usize, end: usize) -> Span {
        let part = self
            .chars
            .get(start..end)
            .filter(|_| self.text.len() == self.chars.len());
        match part {
            Some([first, .., last])
                if first.span().file == last.span().file && first.span().start < last.span().end =>
            {
                first.span().to(last.span())
            }
            Some([only]) => only.span(),
            _ => self.span,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rules {
    Plain,
    Command,
}

struct Cutter<'a> {
    line: &'a [Char],
    rules: Rules,
    sources: &'a SourceMap,
    at: usize,
    word: Vec<Char>,
}

pub(super) fn words(line: &[Char], rules: Rules, sources: &SourceMap) -> Result<Vec<Word>, Diagnostic> {
    let cutter = Cutter {
        line,
        rules,
        sources,
        at: 0,
        word: Vec::new(),
    };
    cutter.cut()
}

impl Cutter<'_> {
    fn cut(mut self) -> Result<Vec<Word>, Diagnostic> {
        let mut words = Vec::new();
        loop {
            while self.peek().is_some_and(|c| is_blank(c.byte)) {
                self.at += 1;
            }
            let start = self.at;
            if self.peek().is_none() {
                return Ok(words);
            }
            self.word()?;
            let whole = &self.line[start..self.at];
            let Some(span) = text::span(whole, self.sources) else {
                return Ok(words);
            };
            let chars = std::mem::take(&mut self.word);
            words.push(Word {
                text: text::string(&chars),
                span,
                chars,
            });
        }
    }

    fn peek(&self) -> Option<Char> {
        self.line.get(self.at).copied()
    }

    fn word(&mut self) -> Result<(), Diagnostic> {
        while let Some(c) = self.peek() {
            match (self.rules, c.byte) {
                (_, byte) if is_blank(byte) => break,
                (_, b'"') | (Rules::Command, b'\'') => self.quoted(c)?,
                (Rules::Command, b'\\') => self.escape(),
                _ => {
                    self.word.push(c);
                    self.at += 1;
                }
            }
        }
        Ok(())
    }

    fn quoted(&mut self, open: Char) -> Result<(), Diagnostic> {
        let start = self.at;
        self.at += 1;
        while let Some(c) = self.peek() {
            match (self.rules, c.byte) {
                (_, byte) if byte == open.byte => {
                    self.at += 1;
                    return Ok(());
                }
                (Rules::Command, b'\\') => self.escape(),
                _ => {
                    self.word.push(c);
                    self.at += 1;
                }
            }
        }
        let span = text::span(&self.line[start..], self.sources).unwrap_or(open.span());
        Err(Diagnostic::warning(
            BAD_TEXT,
            span,
            "this quote is not closed in its line: the line is ignored",
        )
        .help("write the closing quote"))
    }

    /// A backslash and what follows, as in a shell's `$'…'`.
    fn escape(&mut self) {
        let backslash = self.line[self.at];
        self.at += 1;
        let Some(next) = self.peek() else {
            self.word.push(backslash);
            return;
        };
        self.at += 1;
        let byte = match next.byte {
            b'a' => 0x07,
            b'b' => 0x08,
            b'E' => 0x1b,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 0x0b,
            b'c' => match self.peek() {
                Some(control) => {
                    self.at += 1;
                    control.byte & 0x1f
                }
                None => next.byte,
            },
            b'x' => self.digits(16, 2, 0).unwrap_or(next.byte),
            digit @ b'0'..=b'7' => {
                let first = u32::from(digit - b'0');
                self.digits(8, 2, first).unwrap_or(digit - b'0')
            }
            other => other,
        };
        self.word.push(next.with_byte(byte));
    }

    /// At most `most` more digits behind `value`; `None` if there are none.
    fn digits(&mut self, radix: u32, most: usize, mut value: u32) -> Option<u8> {
        let mut found = 0;
        while let Some(digit) = self.peek().and_then(|c| char::from(c.byte).to_digit(radix)) {
            if found == most {
                break;
            }
            value = value * radix + digit;
            found += 1;
            self.at += 1;
        }
        (found > 0).then(|| value.to_le_bytes()[0])
    }
}
