//! `log-format`: text with `%field`, `%[expression]`, flags in braces and names in parentheses.

use std::ops::Range;

use tandem_lb_core::expr::{Origin, Place};
use tandem_lb_core::log::format::{Encoding, Field, Format, Kind, Name, Piece, Source, Style};
use tandem_text::haproxy::Word;
use tandem_text::{Diagnostic, nearest};

use crate::acl::Book;
use crate::code;
use crate::expr::World;

/// Of HTTP requests and answers, which there are none of here.
const OF_HTTP: &[&str] = &[
    "CC", "CS", "HM", "HP", "HPO", "HQ", "HU", "HV", "TR", "Ta", "Ti", "Tq", "Tr", "r", "tr", "trg", "trl",
];

/// One of the two.
pub(crate) type Read = fn(&Word, &mut Book, World<'_>) -> Result<Format, Diagnostic>;

/// Reads a format that is written when a connection ends: what it sent first is not there any more.
pub(crate) fn of_line(word: &Word, book: &mut Book, world: World<'_>) -> Result<Format, Diagnostic> {
    let format = read(word, book, world)?;
    if let Some(origin) = out_of_place(&format, Place::Line) {
        let message = format!("{} is gone when a line is written", origin.words());
        return Err(Diagnostic::error(code::CONFLICT, word.span, message)
            .help("keep it: `tcp-request content set-var(txn.name) FETCH`, and `%[var(txn.name)]` in the line"));
    }
    Ok(format)
}

/// Reads a format of what a connection is called, which is settled before it has a backend.
pub(crate) fn of_name(word: &Word, book: &mut Book, world: World<'_>) -> Result<Format, Diagnostic> {
    let format = read(word, book, world)?;
    if let Some(origin) = out_of_place(&format, Place::Content) {
        let message = format!("{} is not there yet when a connection gets its name", origin.words());
        return Err(Diagnostic::error(code::CONFLICT, word.span, message)
            .help("write what the client's side knows, such as `%[src]` or `%[uuid()]`"));
    }
    // It may be settled as late as when its line is written.
    of_line(word, book, world)
}

fn out_of_place(format: &Format, place: Place) -> Option<Origin> {
    let mut odd = format.pieces.iter().filter_map(|piece| match piece {
        Piece::Value {
            source: Source::Expr(expr),
            ..
        } => expr.out_of_place(&[place]),
        _ => None,
    });
    odd.next()
}

/// Reads any format.
pub(crate) fn read(word: &Word, book: &mut Book, world: World<'_>) -> Result<Format, Diagnostic> {
    let mut reader = Reader {
        word,
        at: 0,
        style: Style::default(),
        format: Format {
            written: word.text.as_str().into(),
            ..Format::default()
        },
    };
    let mut text = String::new();
    while let Some(letter) = reader.next() {
        if letter != '%' {
            // Blanks that follow each other are one, as HAProxy writes them.
            if letter != ' ' || !text.ends_with(' ') {
                text.push(letter);
            }
        } else if reader.accept('%') {
            text.push('%');
        } else {
            reader.text(&mut text);
            reader.value(book, world)?;
        }
    }
    reader.text(&mut text);
    Ok(reader.format)
}

struct Reader<'w> {
    word: &'w Word,
    at: usize,
    /// What `%{…}o` set for all that follows.
    style: Style,
    format: Format,
}

impl<'w> Reader<'w> {
    fn rest(&self) -> &'w str {
        &self.word.text[self.at..]
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.rest().chars().next()?;
        self.at += letter.len_utf8();
        Some(letter)
    }

    fn accept(&mut self, letter: char) -> bool {
        let is_it = self.rest().starts_with(letter);
        if is_it {
            self.at += letter.len_utf8();
        }
        is_it
    }

    fn wrong(&self, at: Range<usize>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code::BAD_VALUE, self.word.part(at.start, at.end), message.into())
    }

    fn text(&mut self, text: &mut String) {
        if !text.is_empty() {
            self.format.pieces.push(Piece::Text(std::mem::take(text).into()));
        }
    }

    /// What stands behind a `%`.
    fn value(&mut self, book: &mut Book, world: World<'_>) -> Result<(), Diagnostic> {
        let start = self.at - 1;
        let name = self.name()?;
        let flags = self.enclosed('{', '}')?.map(|(flags, _)| flags);
        if self.rest().starts_with('(') {
            let error = self.wrong(start..self.at + 1, "the name stands before the flags");
            return Err(error.help("write `%(name){+Q}ci`"));
        }
        if let Some((inside, at)) = self.expression()? {
            let expr = book.part_expr(self.word, at, inside, world)?;
            self.push(Source::Expr(expr), flags, name);
            return Ok(());
        }
        let length = self.rest().find(|c: char| !c.is_ascii_alphanumeric());
        let field = &self.rest()[..length.unwrap_or(self.rest().len())];
        self.at += field.len();
        match field {
            "" => {
                let error = self.wrong(start..self.at, "the name of a field is missing behind this");
                Err(error.help("write `%%` for a percent sign, `%ci` for the client's address"))
            }
            "o" => {
                self.for_all(flags.unwrap_or_default());
                Ok(())
            }
            field => {
                let source = Source::Field(self.field(field, start)?);
                self.push(source, flags, name);
                Ok(())
            }
        }
    }

    fn push(&mut self, source: Source, flags: Option<&str>, name: Option<Name>) {
        let style = with(self.style, flags.unwrap_or_default());
        self.format.pieces.push(Piece::Value { source, style, name });
    }

    /// `%{…}o`
    fn for_all(&mut self, flags: &str) {
        self.style = with(self.style, flags);
        for flag in flags.split(',') {
            self.format.encoding = match flag {
                "+json" => Some(Encoding::Json),
                "+cbor" => Some(Encoding::Cbor),
                "-json" | "-cbor" => None,
                _ => continue,
            };
        }
    }

    fn field(&self, name: &str, start: usize) -> Result<Field, Diagnostic> {
        if let Some(field) = Field::named(name) {
            return Ok(field);
        }
        let span = self.word.part(start, self.at);
        if OF_HTTP.contains(&name) {
            let message = format!("`%{name}` is about HTTP, and this relays TCP");
            return Err(Diagnostic::error(code::UNSUPPORTED, span, message));
        }
        let error = Diagnostic::error(code::UNKNOWN, span, format!("there is no field `%{name}`"));
        let near = nearest(name, Field::ALL.iter().map(|field| field.name()));
        Err(error.help(match near {
            Some(near) => format!("did you mean `%{near}`? A percent sign is written `%%`"),
            None => "a percent sign is written `%%`".to_owned(),
        }))
    }

    /// `(name)` or `(name:type)`
    fn name(&mut self) -> Result<Option<Name>, Diagnostic> {
        let Some((inside, at)) = self.enclosed('(', ')')? else {
            return Ok(None);
        };
        let (name, kind) = match inside.split_once(':') {
            None => (inside, None),
            Some((name, kind)) => {
                const KINDS: [(&str, Kind); 3] = [("str", Kind::Text), ("sint", Kind::Int), ("bool", Kind::Bool)];
                let Some((_, known)) = KINDS.iter().find(|(word, _)| *word == kind) else {
                    let error = self.wrong(at..at + inside.len(), format!("`{kind}` is no type of a value here"));
                    return Err(error.help("the types are: str, sint, bool"));
                };
                (name, Some(*known))
            }
        };
        let name = name.into();
        Ok(Some(Name { name, kind }))
    }

    /// What is between these two, and where it begins.
    fn enclosed(&mut self, open: char, close: char) -> Result<Option<(&'w str, usize)>, Diagnostic> {
        if !self.rest().starts_with(open) {
            return Ok(None);
        }
        let start = self.at + 1;
        let Some(length) = self.word.text[start..].find(close) else {
            return Err(self.wrong(
                self.at..self.word.text.len(),
                format!("`{close}` is missing behind this"),
            ));
        };
        self.at = start + length + 1;
        Ok(Some((&self.word.text[start..start + length], start)))
    }

    /// `[expression]`; brackets in its quotes and parentheses do not end it.
    fn expression(&mut self) -> Result<Option<(&'w str, usize)>, Diagnostic> {
        if !self.rest().starts_with('[') {
            return Ok(None);
        }
        let start = self.at + 1;
        let mut quote = None;
        let mut depth = 0u32;
        let mut letters = self.word.text[start..].char_indices();
        while let Some((at, letter)) = letters.next() {
            match (quote, letter) {
                (Some(open), close) if open == close => quote = None,
                (Some(_), _) => {}
                (None, '\\') => drop(letters.next()),
                (None, '\'' | '"') => quote = Some(letter),
                (None, '(') => depth += 1,
                (None, ')') => depth = depth.saturating_sub(1),
                (None, ']') if depth == 0 => {
                    self.at = start + at + 1;
                    return Ok(Some((&self.word.text[start..start + at], start)));
                }
                _ => {}
            }
        }
        Err(self
            .wrong(self.at..self.word.text.len(), "this bracket is not closed")
            .help("write for example `%[src,ipmask(24)]`"))
    }
}

/// The style with these flags laid over it; HAProxy passes over those that it does not know.
fn with(mut style: Style, flags: &str) -> Style {
    for flag in flags.split(',') {
        match flag {
            "+Q" => style.quoted = true,
            "-Q" => style.quoted = false,
            "+X" => style.hex = true,
            "-X" => style.hex = false,
            "+E" => style.escaped = true,
            "-E" => style.escaped = false,
            "+M" => style.dash = true,
            "-M" => style.dash = false,
            _ => {}
        }
    }
    style
}

#[cfg(test)]
mod tests;
