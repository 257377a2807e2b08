//! Keyword tables: what a block knows, as data that also the documentation and the native dialect are made of.

use tandem_text::keepalived::Statement;
use tandem_text::{Diagnostic, SourceMap, nearest};

use super::args::{Args, Outcome};
use super::known::{Effect, Known};
use super::section::Section;
use crate::code;
use crate::report::Report;

/// What follows a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing.
    Flag,
    /// Words.
    Words,
    /// A command, with its own rules for quotes.
    Command,
    /// A block of lines that are values.
    Lines,
    /// A block of keywords.
    Block(Section),
}

pub(crate) struct Keyword<C: 'static> {
    pub(crate) word: &'static str,
    pub(crate) kind: Kind,
    pub(crate) summary: &'static str,
    pub(crate) parse: fn(&mut C, &mut Args<'_>) -> Outcome,
}

pub(crate) const fn keyword<C>(
    word: &'static str,
    kind: Kind,
    summary: &'static str,
    parse: fn(&mut C, &mut Args<'_>) -> Outcome,
) -> Keyword<C> {
    Keyword {
        word,
        kind,
        summary,
        parse,
    }
}

/// A keyword as the documentation lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeywordDoc {
    pub word: &'static str,
    /// The block it belongs to; empty at the top.
    pub place: &'static str,
    pub summary: &'static str,
}

/// Every supported keyword of `keepalived.conf`.
pub fn keyword_docs() -> Vec<KeywordDoc> {
    let of = |section: Section| {
        let entries = section.entries().into_iter();
        entries.map(move |(word, _, summary)| KeywordDoc {
            word,
            place: section.word(),
            summary,
        })
    };
    Section::ALL.into_iter().flat_map(of).collect()
}

/// Reads every statement of a block; a mistake does not spoil the others.
pub(crate) fn read_block<C>(
    tables: &[&'static [Keyword<C>]],
    section: Section,
    target: &mut C,
    statements: &[Statement],
    sources: &SourceMap,
    report: &mut Report,
) {
    for statement in statements {
        if report.is_full() {
            return;
        }
        let mut args = Args::new(statement, sources, report);
        let outcome = dispatch(tables, section, target, &mut args);
        report.extend(outcome.err());
    }
}

fn dispatch<C>(tables: &[&'static [Keyword<C>]], section: Section, target: &mut C, args: &mut Args<'_>) -> Outcome {
    let word = args.keyword();
    let found = tables
        .iter()
        .flat_map(|table| table.iter())
        .find(|keyword| keyword.word == word.text);
    if let Some(keyword) = found {
        (keyword.parse)(target, args)?;
        return args.finish();
    }
    if let Some(known) = super::known::find(section, &word.text) {
        return refuse(known, args);
    }
    let message = match section {
        Section::Top => format!("unknown keyword `{}`", word.text),
        _ => format!("unknown keyword `{}` in `{}`", word.text, section.word()),
    };
    let diagnostic = Diagnostic::warning(code::UNKNOWN, word.span, message);
    if !args.reporter().wants_suggestion(word.span) {
        return Err(diagnostic);
    }
    Err(match suggestion(section, &word.text) {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    })
}

fn suggestion(section: Section, word: &str) -> Option<String> {
    let elsewhere = Section::ALL
        .into_iter()
        .filter(|other| *other != section)
        .find(|other| other.entries().iter().any(|(known, ..)| *known == word));
    if let Some(other) = elsewhere {
        let place = if other == Section::Top { "the top" } else { other.word() };
        return Some(format!("it belongs to: {place}"));
    }
    let here = section.entries().into_iter().map(|(word, ..)| word);
    let near = nearest(word, here.chain(super::known::names(section)))?;
    Some(format!("did you mean `{near}`?"))
}

fn refuse(known: &Known, args: &mut Args<'_>) -> Outcome {
    let word = args.keyword();
    match known.effect {
        Effect::Changes => {
            let message = format!("`{}` is known to Keepalived, but not supported", word.text);
            Err(Diagnostic::error(code::UNSUPPORTED, word.span, message).help(known.why))
        }
        Effect::None => {
            let message = format!("`{}` is ignored", word.text);
            args.report(Diagnostic::warning(code::IGNORED, word.span, message).help(known.why));
            Ok(())
        }
    }
}
