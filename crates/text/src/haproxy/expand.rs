//! One word's quotes, escapes and variables resolved. Variables live only in weak quotes.

use super::{BAD_TEXT, Env, Token, Word};
use crate::diagnostic::Diagnostic;
use crate::span::{FileId, Span};

/// Appends the word, or several when `${name[*]}` splits.
pub(super) fn expand(
    file: FileId,
    bytes: &[u8],
    token: &Token,
    env: Env<'_>,
    words: &mut Vec<Word>,
) -> Result<(), Diagnostic> {
    let span = Span::new(file, token.start, token.end);
    let mut expander = Expander {
        file,
        start: token.start,
        raw: &bytes[token.start..token.end],
        at: 0,
        parts: vec![Vec::new()],
    };
    expander.run(env)?;
    for part in expander.parts {
        let text = String::from_utf8(part).map_err(|error| not_utf8(span, error.utf8_error().valid_up_to()))?;
        words.push(Word { text, span });
    }
    Ok(())
}

struct Expander<'a> {
    file: FileId,
    start: usize,
    raw: &'a [u8],
    at: usize,
    parts: Vec<Vec<u8>>,
}

impl Expander<'_> {
    fn run(&mut self, env: Env<'_>) -> Result<(), Diagnostic> {
        let mut weak: Option<usize> = None;
        while let Some(byte) = self.raw.get(self.at).copied() {
            match byte {
                0 => return Err(self.bad(self.at, 1, "a NUL byte: this is not a text file")),
                b'\r' => return Err(self.bad(self.at, 1, "a carriage return in the middle of a line")),
                b'"' if weak.is_some() => weak = None,
                b'"' => weak = Some(self.at),
                b'\'' if weak.is_none() => self.strong()?,
                b'\\' => self.escape(weak.is_some())?,
                b'$' if weak.is_some() => self.variable(env)?,
                other => self.push(other),
            }
            self.at += 1;
        }
        match weak {
            None => Ok(()),
            Some(open) => Err(self.unclosed(open)),
        }
    }

    fn push(&mut self, byte: u8) {
        if let Some(part) = self.parts.last_mut() {
            part.push(byte);
        }
    }

    /// Everything up to the next `'` as it stands. Leaves the cursor on that quote.
    fn strong(&mut self) -> Result<(), Diagnostic> {
        let inside = &self.raw[self.at + 1..];
        let Some(len) = inside.iter().position(|byte| *byte == b'\'') else {
            return Err(self.unclosed(self.at));
        };
        if let Some(odd) = inside[..len].iter().position(|byte| matches!(byte, 0 | b'\r')) {
            return Err(self.bad(self.at + 1 + odd, 1, "a control character inside quotes"));
        }
        inside[..len].iter().for_each(|byte| self.push(*byte));
        self.at += len + 1;
        Ok(())
    }

    /// Leaves the cursor on the last byte of the escape. An unknown escape keeps its backslash.
    fn escape(&mut self, weak: bool) -> Result<(), Diagnostic> {
        let byte = match self.raw.get(self.at + 1) {
            Some(plain @ (b' ' | b'\\' | b'#' | b'\'' | b'"')) => *plain,
            Some(b'$') if weak => b'$',
            Some(b't') => b'\t',
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            Some(b'x') => return self.hexadecimal(),
            _ => {
                self.push(b'\\');
                return Ok(());
            }
        };
        self.push(byte);
        self.at += 1;
        Ok(())
    }

    fn hexadecimal(&mut self) -> Result<(), Diagnostic> {
        let digits = self
            .raw
            .get(self.at + 2..self.at + 4)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let value = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let Some(value) = value.and_then(|digits| u8::from_str_radix(digits, 16).ok()) else {
            return Err(self.bad(self.at, 2, "`\\x` must be followed by two hexadecimal digits"));
        };
        if value == 0 {
            return Err(self.bad(self.at, 4, "`\\x00` cannot be part of a word"));
        }
        self.push(value);
        self.at += 3;
        Ok(())
    }

    /// `$name`, `${name}`, `${name-default}`, `${name[*]}`. Leaves the cursor on its last byte.
    fn variable(&mut self, env: Env<'_>) -> Result<(), Diagnostic> {
        let dollar = self.at;
        let braces = self.raw.get(dollar + 1) == Some(&b'{');
        let start = dollar + 1 + usize::from(braces);
        let rest = &self.raw[start..];
        let len = rest
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
            .count();
        if len == 0 || rest[0].is_ascii_digit() {
            return Err(self
                .bad(
                    dollar,
                    1,
                    "`$` starts a variable inside double quotes, but no name follows",
                )
                .help("write `\\$` for the character itself"));
        }
        // The name was checked to be ASCII.
        let name = String::from_utf8_lossy(&rest[..len]).into_owned();
        let mut end = start + len;
        let mut split = false;
        let mut default = None;
        if braces {
            split = self.raw[end..].starts_with(b"[*]");
            end += if split { 3 } else { 0 };
            if self.raw.get(end) == Some(&b'-') {
                let text = &self.raw[end + 1..];
                let len = text.iter().position(|byte| *byte == b'}').unwrap_or(text.len());
                default = Some(text[..len].to_vec());
                end += 1 + len;
            }
            if self.raw.get(end) != Some(&b'}') {
                return Err(self
                    .bad(dollar, end - dollar, "this variable is not closed by `}`")
                    .help("write `\"${NAME}\"`"));
            }
            end += 1;
        }
        let value = env(&name).map(String::into_bytes).or(default).unwrap_or_default();
        self.insert(&value, split);
        self.at = end - 1;
        Ok(())
    }

    fn insert(&mut self, value: &[u8], split: bool) {
        if !split {
            value.iter().for_each(|byte| self.push(*byte));
            return;
        }
        let items = value
            .split(|byte| byte.is_ascii_whitespace())
            .filter(|item| !item.is_empty());
        for (place, item) in items.enumerate() {
            if place > 0 {
                self.parts.push(Vec::new());
            }
            item.iter().for_each(|byte| self.push(*byte));
        }
    }

    fn bad(&self, at: usize, len: usize, message: &str) -> Diagnostic {
        let start = self.start + at;
        Diagnostic::error(BAD_TEXT, Span::new(self.file, start, start + len), message)
    }

    fn unclosed(&self, open: usize) -> Diagnostic {
        self.bad(open, self.raw.len() - open, "this quote is not closed in its line")
            .help("close it, or write a backslash before it for the character itself")
    }
}

fn not_utf8(span: Span, valid: usize) -> Diagnostic {
    Diagnostic::error(
        BAD_TEXT,
        span,
        format!("this word is not UTF-8 (after {valid} good bytes)"),
    )
    .help("save the file as UTF-8")
}
