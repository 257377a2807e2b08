//! What became of everything, in the order of the files.

use std::sync::Arc;

use tandem_text::{Diagnostic, Fate, FileId, Receipt, SourceMap, Span};

use crate::code;
use crate::work::Outcome;

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) file: Arc<str>,
    pub(crate) line: usize,
    pub(crate) text: String,
    pub(crate) outcome: Outcome,
    pub(crate) notes: Vec<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) entries: Vec<Entry>,
}

impl Ledger {
    pub(crate) fn amend(&mut self, entry: usize, outcome: Outcome) {
        if let Some(entry) = self.entries.get_mut(entry) {
            entry.outcome = outcome;
        }
    }

    pub(crate) fn note(&mut self, entry: usize, note: &str) {
        if let Some(entry) = self.entries.get_mut(entry) {
            entry.notes.push(note.to_owned());
        }
    }

    pub(crate) fn receipts(&self) -> Vec<Receipt> {
        let receipt = |entry: &Entry| Receipt {
            file: Arc::clone(&entry.file),
            line: entry.line,
            text: one_line(&entry.text),
            fate: match &entry.outcome {
                Outcome::Kept(place) => Fate::Kept(one_line(place)),
                Outcome::Implied => Fate::Implied,
                Outcome::NoEffect(why) => Fate::NoEffect(one_line(why)),
                Outcome::Missing(why) | Outcome::Unknown(why) | Outcome::Wrong(why) => Fate::Dropped(one_line(why)),
            },
            notes: entry.notes.clone(),
        };
        self.entries.iter().map(receipt).collect()
    }

    /// What is dropped, as `tandem check` says it.
    pub(crate) fn diagnostics(
        &self,
        sources: &SourceMap,
        files: &[(FileId, Arc<str>)],
        listens_nowhere: bool,
    ) -> Vec<Diagnostic> {
        let span = |entry: &Entry| {
            let found = files.iter().find(|(_, name)| *name == entry.file);
            let (file, _) = found.or(files.first())?;
            let (start, line) = sources.source(*file)?.line(entry.line);
            let blanks = line.len() - line.trim_ascii_start().len();
            Some(Span::new(
                *file,
                start + blanks,
                start + blanks + line.trim_ascii().len(),
            ))
        };
        let said = |entry: &Entry| {
            let (span, text) = (span(entry)?, &entry.text);
            Some(match &entry.outcome {
                Outcome::Kept(_) | Outcome::Implied | Outcome::NoEffect(_) => return None,
                Outcome::Missing(why) => Diagnostic::warning(code::UNSUPPORTED, span, format!("{text}: {why}")),
                Outcome::Unknown(why) => Diagnostic::warning(code::UNKNOWN, span, format!("{text}: {why}")),
                Outcome::Wrong(why) => Diagnostic::error(code::BAD_VALUE, span, format!("{text}: {why}")),
            })
        };
        let mut all: Vec<Diagnostic> = self.entries.iter().filter_map(said).collect();
        if let (true, Some((file, _))) = (listens_nowhere, files.first()) {
            let what = "nobody could connect: no connector or acceptor is left";
            let help = "give the broker's own file (activemq.xml or broker.xml) too, or add a [[listen]] to the result";
            all.push(Diagnostic::error(code::NOBODY, Span::new(*file, 0, 0), what).help(help));
        }
        all
    }
}

/// What stands in a comment of the result must not end it.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).collect()
}
