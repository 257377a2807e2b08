//! A typed document from a TOML file, with every mistake in its shape reported and not only the first.
//!
//! serde stops at the first mistake. The document is small, so what was wrong is taken out and it is read again.

use std::ops::Range;

use serde::de::DeserializeOwned;
use tandem_text::{Diagnostic, FileId, Span, nearest};
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer, Error};

use crate::code;

/// Beyond this nobody reads on.
const MOST_MISTAKES: usize = 50;

/// The document, as far as it could be read, and the entries that were taken out of it.
pub(super) fn read<T: DeserializeOwned + Default>(
    file: FileId,
    text: &str,
    report: &mut Vec<Diagnostic>,
) -> (T, Vec<Removed>) {
    let (mut table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        report.extend(syntax(file, text, &errors));
        return (T::default(), Vec::new());
    }
    let mut removed = Vec::new();
    for _ in 0..MOST_MISTAKES {
        let error = match T::deserialize(Deserializer::from(table.clone())) {
            Ok(document) => return (document, removed),
            Err(error) => error,
        };
        report.push(diagnostic(file, &error));
        match error.span().and_then(|span| remove_from_table(table.get_mut(), &span)) {
            Some(entry) => removed.push(entry),
            None => break,
        }
    }
    (T::default(), removed)
}

/// What follows a syntax error in its line is guesswork, so the first of a line counts.
fn syntax(file: FileId, text: &str, errors: &[Error]) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> = errors.iter().map(|error| diagnostic(file, error)).collect();
    found.sort_by_key(|diagnostic| diagnostic.span);
    let line = |offset: usize| text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count();
    found.dedup_by_key(|diagnostic| line(diagnostic.span.start));
    found
}

fn diagnostic(file: FileId, error: &Error) -> Diagnostic {
    let range = error.span().unwrap_or(0..0);
    let span = Span::new(file, range.start, range.end);
    let message = error.message();
    let Some((field, known)) = unknown_field(message) else {
        return Diagnostic::error(code::SYNTAX, span, message.replace('\n', " "));
    };
    let help = match nearest(field, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the keys here are: {}", known.join(", ")),
    };
    Diagnostic::error(code::UNKNOWN, span, format!("unknown key `{field}`")).help(help)
}

/// serde's text, the only place where it tells the names: unknown field `x`, expected one of `a`, `b`.
fn unknown_field(message: &str) -> Option<(&str, Vec<&str>)> {
    let rest = message.strip_prefix("unknown field `")?;
    let (field, rest) = rest.split_once('`')?;
    let known = rest.split('`').skip(1).step_by(2).collect();
    Some((field, known))
}

/// An entry that could not be read.
#[derive(Clone, Debug)]
pub(super) struct Removed {
    pub(super) key: String,
    pub(super) at: usize,
}

/// Removes the entry that an error points at: the innermost that contains the place.
fn remove_from_table(table: &mut DeTable<'_>, at: &Range<usize>) -> Option<Removed> {
    let inside = |span: Range<usize>| span.start <= at.start && at.end <= span.end;
    let mut found = None;
    for (key, value) in table.iter_mut() {
        if inside(key.span()) {
            found = Some(key.clone());
            break;
        }
        if let Some(removed) = remove_from_value(value, at) {
            return Some(removed);
        }
        if inside(value.span()) {
            found = Some(key.clone());
        }
    }
    let key = found?;
    table.remove(&key)?;
    Some(Removed {
        at: key.span().start,
        key: key.into_inner().into_owned(),
    })
}

fn remove_from_value(value: &mut Spanned<DeValue<'_>>, at: &Range<usize>) -> Option<Removed> {
    match value.get_mut() {
        DeValue::Table(table) => remove_from_table(table, at),
        DeValue::Array(array) => array.iter_mut().find_map(|item| remove_from_value(item, at)),
        _ => None,
    }
}
