//! What there is to say of a configuration: no more than somebody reads, and than there is memory for.
//!
//! A file that is no configuration is wrong in each of its lines, and whoever reads it again may be serving.

use std::collections::BTreeSet;

use tandem_text::{Code, Diagnostic, Span};

use crate::code;

/// With so many nothing more is looked at.
pub(crate) const MISTAKES: usize = 1000;
/// What else there is to say is left out from here on; a large configuration may be right and have many.
const REMARKS: usize = 10_000;
/// What to write instead is searched for at so many places: it takes long.
const SUGGESTIONS: usize = 100;

#[derive(Debug, Default)]
pub(crate) struct Report {
    said: Vec<Diagnostic>,
    /// A repetition makes a mistake many times, all in one place.
    seen: BTreeSet<(Span, Code, String)>,
    suggested: BTreeSet<Span>,
    mistakes: usize,
    left_out: usize,
}

impl Report {
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        let is_mistake = diagnostic.is_error() || code::is_mistake(diagnostic.code);
        let remarks = self.said.len() - self.mistakes;
        let has_room = if is_mistake {
            !self.is_full()
        } else {
            remarks < REMARKS || diagnostic.code == code::SECURITY
        };
        let new = || (diagnostic.span, diagnostic.code, diagnostic.message.clone());
        if !has_room {
            self.left_out += 1;
        } else if self.seen.insert(new()) {
            self.mistakes += usize::from(is_mistake);
            self.said.push(diagnostic);
        }
    }

    pub(crate) fn extend(&mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        diagnostics.into_iter().for_each(|diagnostic| self.push(diagnostic));
    }

    /// What is still to be read is not worth it.
    pub(crate) const fn is_full(&self) -> bool {
        self.mistakes >= MISTAKES
    }

    /// Whether to search for what was meant at this place: once, however often a repetition comes by.
    pub(crate) fn wants_suggestion(&mut self, place: Span) -> bool {
        self.suggested.len() < SUGGESTIONS && self.suggested.insert(place)
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.said.iter().any(Diagnostic::is_error)
    }

    /// In the order of the files and their lines, and what is not among them.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        self.said.sort_by_key(|diagnostic| diagnostic.span);
        let Some(end) = self.said.last().map(|last| last.span) else {
            return self.said;
        };
        if self.is_full() {
            let message = format!("here are {MISTAKES} mistakes: what else there is was not looked at");
            self.said
                .push(Diagnostic::error(code::SYNTAX, end, message).help("is this the file that was meant?"));
        } else if self.left_out > 0 {
            let message = format!("{} more remarks are left out", self.left_out);
            self.said.push(Diagnostic::notice(code::DOUBTFUL, end, message));
        }
        self.said
    }
}

#[cfg(test)]
mod tests {
    use tandem_text::SourceMap;

    use super::*;

    fn filled(code: Code, many: usize) -> Report {
        let file = SourceMap::default().add("a.conf", "");
        let mut report = Report::default();
        report.extend((0..many).map(|at| Diagnostic::warning(code, Span::new(file, at, at), "wrong")));
        report
    }

    #[test]
    fn mistakes_end_with_an_error_and_remarks_with_a_notice() {
        let all = filled(code::UNKNOWN, MISTAKES - 1).finish();
        assert!(all.len() == MISTAKES - 1 && !all.iter().any(Diagnostic::is_error));
        let full = filled(code::UNKNOWN, 5 * MISTAKES);
        assert!(full.is_full());
        let all = full.finish();
        assert!(all.len() == MISTAKES + 1 && all[MISTAKES].is_error());
        let all = filled(code::IGNORED, REMARKS + 7).finish();
        assert!(all.len() == REMARKS + 1 && !all.iter().any(Diagnostic::is_error));
        assert_eq!(all[REMARKS].message, "7 more remarks are left out");
    }

    #[test]
    fn what_is_said_twice_of_one_place_counts_once() {
        let mut report = filled(code::UNKNOWN, 1);
        let again = report.said[0].clone();
        report.extend(std::iter::repeat_n(again, 2 * MISTAKES));
        assert_eq!(report.finish().len(), 1);
    }

    #[test]
    fn what_was_meant_is_searched_once_a_place_and_not_without_end() {
        let file = SourceMap::default().add("a.conf", "");
        let mut report = Report::default();
        let at = |place| Span::new(file, place, place);
        assert!(report.wants_suggestion(at(0)) && !report.wants_suggestion(at(0)));
        assert!((1..SUGGESTIONS).all(|place| report.wants_suggestion(at(place))));
        assert!(!report.wants_suggestion(at(SUGGESTIONS)));
    }
}
