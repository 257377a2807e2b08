//! The native dialect: TOML that says the keywords of `keepalived.conf` with `-` for `_`, and so has each of them without
//! being told twice. `etc/tandem-vrrp.toml` shows and explains it.
//!
//! A string is what stands behind the keyword; an array is the lines of a block, or the words behind a keyword that takes no
//! block; `true` sets what needs no value.

mod write;

use std::ops::Range;

use tandem_text::keepalived::{Block, Statement, Word};
use tandem_text::{Diagnostic, FileId, SourceMap, Span};
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use crate::code;
use crate::keepalived::keyword::Kind;
use crate::keepalived::section::Section;
use crate::report::{MISTAKES, Report};

pub(crate) use write::{Left, write};

/// Keys that are shorter here.
const SHORT: [(&str, &str); 6] = [
    ("global", "global_defs"),
    ("instance", "vrrp_instance"),
    ("sync-group", "vrrp_sync_group"),
    ("script", "vrrp_script"),
    ("track-process", "vrrp_track_process"),
    ("bfd", "bfd_instance"),
];

/// What is read of it is many times its size.
const LARGEST: usize = 4 << 20;

/// Larger than what somebody writes by hand.
const LARGE: usize = 256 << 10;

pub(crate) fn read(sources: &SourceMap, file: FileId, report: &mut Report) -> Vec<Statement> {
    let bytes = sources.bytes(file);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let at = error.valid_up_to();
            let span = Span::new(file, at, at + 1);
            report.push(Diagnostic::error(code::SYNTAX, span, "this is not UTF-8").help("save the file as UTF-8"));
            return Vec::new();
        }
    };
    if text.len() > LARGEST {
        let message = format!("a configuration in TOML has at most {} MiB", LARGEST >> 20);
        let start = Span::new(file, 0, 0);
        report.push(Diagnostic::error(code::SYNTAX, start, message).help("is this the file that was meant?"));
        return Vec::new();
    }
    match parse(text) {
        Ok(document) => Lowering { file, text, report }.table(document.get_ref(), Section::Top),
        Err(errors) => {
            report.extend(syntax(file, text, &errors));
            Vec::new()
        }
    }
}

/// All mistakes; of a large file the first, as one that is no TOML has millions, and the parser keeps them all.
fn parse(text: &str) -> Result<Spanned<DeTable<'_>>, Vec<Error>> {
    if text.len() > LARGE {
        return DeTable::parse(text).map_err(|first| vec![first]);
    }
    let (document, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() { Ok(document) } else { Err(errors) }
}

/// What follows a syntax error in its line is guesswork, so the first of a line counts.
fn syntax(file: FileId, text: &str, errors: &[Error]) -> Vec<Diagnostic> {
    let one = |error: &Error| {
        let range = error.span().unwrap_or(0..0);
        let span = Span::new(file, range.start, range.end.min(text.len()));
        Diagnostic::error(code::SYNTAX, span, error.message().replace('\n', " "))
    };
    let mut found: Vec<Diagnostic> = errors.iter().map(one).collect();
    found.sort_by_key(|diagnostic| diagnostic.span);
    found.truncate(MISTAKES);
    let line = |offset: usize| {
        text.as_bytes()[..offset.min(text.len())]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
    };
    found.dedup_by_key(|diagnostic| line(diagnostic.span.start));
    found
}

struct Lowering<'a> {
    file: FileId,
    text: &'a str,
    report: &'a mut Report,
}

type Value<'t> = Spanned<DeValue<'t>>;

impl Lowering<'_> {
    fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.file, range.start, range.end)
    }

    /// The statements of a table, in the order of the file.
    fn table(&mut self, table: &DeTable<'_>, section: Section) -> Vec<Statement> {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let mut statements = Vec::new();
        for (key, value) in entries {
            let keyword = keyword(key.get_ref(), section);
            let known = section.entries().into_iter().find(|(word, ..)| *word == keyword);
            let keyword = Word::written(&keyword, self.span(key.span()));
            let kind = known.map_or(Kind::Words, |(_, kind, _)| kind);
            match kind {
                Kind::Block(inner) => self.blocks(&keyword, value, inner, &mut statements),
                Kind::Lines => statements.extend(self.lines(keyword, value)),
                Kind::Flag => statements.extend(self.flag(keyword, value)),
                Kind::Words | Kind::Command => statements.extend(self.words(keyword, value, kind)),
            }
        }
        statements
    }

    fn wrong(&mut self, value: &Value<'_>, wanted: &str) {
        let message = format!("this is {}, but {wanted} is wanted here", kind_word(value.get_ref()));
        let span = self.span(value.span());
        self.report.push(Diagnostic::error(code::SYNTAX, span, message));
    }

    /// One table, or an array of them.
    fn blocks(&mut self, keyword: &Word, value: &Value<'_>, section: Section, into: &mut Vec<Statement>) {
        match value.get_ref() {
            DeValue::Table(table) => into.extend(self.block(keyword, table, section)),
            DeValue::Array(items) => {
                for item in items.iter() {
                    let header = Word::written(&keyword.text, self.span(item.span()));
                    self.blocks(&header, item, section, into);
                }
            }
            _ => self.wrong(value, "a table"),
        }
    }

    fn block(&mut self, keyword: &Word, table: &DeTable<'_>, section: Section) -> Option<Statement> {
        let mut words = vec![keyword.clone()];
        let mut table = table.clone();
        let name = table.keys().find(|key| key.get_ref() == "name").cloned();
        if let Some(name) = name.filter(|_| is_named(section)).and_then(|name| table.remove(&name)) {
            match name.get_ref() {
                DeValue::String(text) => words.push(self.word(text, name.span())),
                _ => self.wrong(&name, "a string"),
            }
        }
        let statements = self.table(&table, section);
        Statement::of_words(words, Some(Block { statements }))
    }

    fn word(&self, text: &str, range: Range<usize>) -> Word {
        // Without the quotes, if there are no escapes between them.
        let inside = self.text.get(range.start + 1..range.end.saturating_sub(1));
        let span = match inside {
            Some(inside) if inside == text => Span::new(self.file, range.start + 1, range.end - 1),
            _ => self.span(range),
        };
        Word::written(text, span)
    }

    /// A number or a word; nothing else is one.
    fn scalar(&self, value: &Value<'_>) -> Option<Word> {
        match value.get_ref() {
            DeValue::String(text) => Some(self.word(text, value.span())),
            DeValue::Boolean(on) => Some(Word::written(
                if *on { "true" } else { "false" },
                self.span(value.span()),
            )),
            DeValue::Integer(_) | DeValue::Float(_) => {
                let digits = self.text.get(value.span())?.replace('_', "");
                Some(Word::written(&digits, self.span(value.span())))
            }
            _ => None,
        }
    }

    fn lines(&mut self, keyword: Word, value: &Value<'_>) -> Option<Statement> {
        let items: Vec<&Value<'_>> = match value.get_ref() {
            DeValue::Array(items) => items.iter().collect(),
            _ => vec![value],
        };
        let mut statements = Vec::new();
        for item in items {
            match self.scalar(item).map(|word| Statement::of_line(None, &word)) {
                Some(Ok(line)) => statements.extend(line),
                Some(Err(diagnostic)) => self.report.push(diagnostic),
                None => self.wrong(item, "a string"),
            }
        }
        Statement::of_words(vec![keyword], Some(Block { statements }))
    }

    fn flag(&mut self, keyword: Word, value: &Value<'_>) -> Option<Statement> {
        match value.get_ref() {
            DeValue::Boolean(true) => Statement::of_words(vec![keyword], None),
            DeValue::Boolean(false) => None,
            _ => {
                self.wrong(value, "true or false");
                None
            }
        }
    }

    fn words(&mut self, keyword: Word, value: &Value<'_>, kind: Kind) -> Option<Statement> {
        if let DeValue::Array(items) = value.get_ref() {
            let mut words = vec![keyword];
            for item in items.iter() {
                match self.scalar(item) {
                    Some(word) => words.push(word),
                    None => self.wrong(item, "a string or a number"),
                }
            }
            return Statement::of_words(words, None);
        }
        let Some(word) = self.scalar(value) else {
            self.wrong(value, "a string or a number");
            return None;
        };
        if matches!(value.get_ref(), DeValue::Boolean(true)) && kind == Kind::Command {
            return Statement::of_words(vec![keyword], None);
        }
        if kind == Kind::Command {
            return Statement::of_words(vec![keyword, word], None);
        }
        match Statement::of_line(Some(keyword), &word) {
            Ok(statement) => statement,
            Err(diagnostic) => {
                self.report.push(diagnostic);
                None
            }
        }
    }
}

fn keyword(key: &str, section: Section) -> String {
    let short = SHORT.iter().find(|(short, _)| section == Section::Top && *short == key);
    short.map_or_else(|| key.replace('-', "_"), |(_, long)| (*long).to_owned())
}

const fn is_named(section: Section) -> bool {
    !matches!(
        section,
        Section::Global | Section::Authentication | Section::Hmac | Section::Quorum | Section::GarpGroup
    )
}

const fn kind_word(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_large_file_that_is_no_toml_the_first_mistake_is_told() {
        let mistakes = |size: usize| parse(&"=\n".repeat(size / 2)).map_or_else(|errors| errors.len(), |_| 0);
        assert!(mistakes(64) >= 32, "each line");
        assert_eq!(mistakes(LARGE + 2), 1);
    }
}
