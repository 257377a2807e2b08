//! The words of one line, taken one after the other by whoever knows what they mean.

use std::num::NonZero;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use tandem_text::haproxy::{Line, Word};
use tandem_text::{Diagnostic, SourceMap, Span, nearest};

use crate::address::AddressError;
use crate::code;
use crate::expr::World;
use crate::names::meant;
use crate::units::{self, UnitError};

pub(super) type Outcome = Result<(), Diagnostic>;

pub(super) struct Args<'a> {
    line: &'a Line,
    sources: &'a SourceMap,
    pub(super) world: World<'a>,
    at: usize,
    /// `no` or `default` before the keyword, until the keyword takes it.
    negation: Option<&'a Word>,
    report: &'a mut Vec<Diagnostic>,
}

impl<'a> Args<'a> {
    pub(super) fn new(
        line: &'a Line,
        sources: &'a SourceMap,
        world: World<'a>,
        report: &'a mut Vec<Diagnostic>,
    ) -> Self {
        Self {
            line,
            sources,
            world: World {
                line: Some(line.span),
                ..world
            },
            at: 0,
            negation: None,
            report,
        }
    }

    pub(super) fn rest(&self) -> &'a [Word] {
        &self.line.words[self.at..]
    }

    /// All that is left of the line.
    pub(super) fn take_rest(&mut self) -> &'a [Word] {
        let rest = self.rest();
        self.at = self.line.words.len();
        rest
    }

    pub(super) fn peek(&self) -> Option<&'a Word> {
        self.line.words.get(self.at)
    }

    /// The word that was taken last.
    pub(super) fn previous(&self) -> Option<&'a Word> {
        self.line.words.get(self.at.checked_sub(1)?)
    }

    pub(super) fn next(&mut self) -> Option<&'a Word> {
        let word = self.peek()?;
        self.at += 1;
        Some(word)
    }

    pub(super) fn skip(&mut self, count: usize) {
        self.at = (self.at + count).min(self.line.words.len());
    }

    /// Takes the next word if it is this one.
    pub(super) fn accept(&mut self, text: &str) -> bool {
        let found = self.peek().is_some_and(|word| word.text == text);
        self.at += usize::from(found);
        found
    }

    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.report.push(diagnostic);
    }

    pub(super) fn line_span(&self) -> Span {
        self.line.span
    }

    /// The word that was taken last.
    pub(super) fn last_span(&self) -> Span {
        self.at
            .checked_sub(1)
            .and_then(|at| self.line.words.get(at))
            .map_or(self.line.span, |word| word.span)
    }

    /// The name of the file.
    pub(super) fn file(&self) -> &'a str {
        self.sources.location(self.line.span).file
    }

    pub(super) fn origin(&self) -> Arc<str> {
        self.sources.origin(self.line.span)
    }

    pub(super) fn take_no(&mut self) {
        let [word, _, ..] = self.rest() else { return };
        if matches!(word.text.as_str(), "no" | "default") {
            self.negation = Some(word);
            self.at += 1;
        }
    }

    /// Whether `no` (or `default`, which for every switch means the same) stands before the keyword.
    pub(super) fn negated(&mut self) -> bool {
        self.negation.take().is_some()
    }

    /// After a keyword was read: nothing may be left over.
    pub(super) fn finish(&self, keyword: &str) -> Outcome {
        if let Some(no) = self.negation {
            let message = format!("`{}` cannot stand before `{keyword}`", no.text);
            return Err(Diagnostic::error(code::MISPLACED, no.span, message).help("leave it out"));
        }
        let Some(extra) = self.peek() else { return Ok(()) };
        let span = extra.span.to(self.line.span);
        let message = format!("`{}` is too much after `{keyword}`", extra.text);
        Err(Diagnostic::error(
            code::EXTRA,
            Span::new(span.file, extra.span.start, self.line.span.end),
            message,
        )
        .help("leave it out"))
    }

    /// The next word, which must be there and not empty. `what` names it: "a time", "a port".
    pub(super) fn word(&mut self, what: &str) -> Result<&'a Word, Diagnostic> {
        let before = self.last_span();
        match self.next() {
            Some(word) if !word.text.is_empty() => Ok(word),
            Some(empty) => {
                Err(
                    Diagnostic::error(code::MISSING, empty.span, format!("{what} is missing: this is empty"))
                        .help("a variable that is not set reads as nothing"),
                )
            }
            None => Err(Diagnostic::error(
                code::MISSING,
                before,
                format!("{what} is missing after this"),
            )),
        }
    }

    pub(super) fn text(&mut self, what: &str) -> Result<String, Diagnostic> {
        self.word(what).map(|word| word.text.clone())
    }

    pub(super) fn time(&mut self) -> Result<Duration, Diagnostic> {
        let word = self.word("a time")?;
        units::time(&word.text).map_err(|error| bad_unit(word, &error))
    }

    /// A time where a bare number means seconds.
    pub(super) fn time_in_seconds(&mut self) -> Result<Duration, Diagnostic> {
        let word = self.word("a time")?;
        units::time_in_seconds(&word.text).map_err(|error| bad_unit(word, &error))
    }

    /// A time where 0 means for ever.
    pub(super) fn limit(&mut self) -> Result<Option<Duration>, Diagnostic> {
        self.time().map(|time| Some(time).filter(|time| !time.is_zero()))
    }

    pub(super) fn positive_time(&mut self) -> Result<Duration, Diagnostic> {
        let time = self.time()?;
        if time.is_zero() {
            return Err(Diagnostic::error(
                code::BAD_VALUE,
                self.last_span(),
                "this time must be more than 0",
            ));
        }
        Ok(time)
    }

    pub(super) fn size(&mut self) -> Result<u32, Diagnostic> {
        let word = self.word("a size")?;
        units::size(&word.text).map_err(|error| bad_unit(word, &error))
    }

    /// 0 would be no size at all.
    pub(super) fn positive_size(&mut self) -> Result<NonZero<u32>, Diagnostic> {
        NonZero::new(self.size()?)
            .ok_or_else(|| Diagnostic::error(code::BAD_VALUE, self.last_span(), "this size must be more than 0"))
    }

    pub(super) fn number<T: TryFrom<u32>>(&mut self, range: RangeInclusive<u32>) -> Result<T, Diagnostic> {
        let word = self.word("a number")?;
        number(word, &word.text, range)
    }

    /// So many a second; 0 means no limit.
    pub(super) fn rate(&mut self) -> Result<Option<u32>, Diagnostic> {
        let most: u32 = self.number(0..=u32::MAX)?;
        Ok(Some(most).filter(|most| *most > 0))
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&mut self, what: &str, choices: &[(&str, T)]) -> Result<T, Diagnostic> {
        let word = self.word(what)?;
        meant(&word.text, choices).ok_or_else(|| {
            let message = format!("`{}` is not {what}", word.text);
            let help = match nearest(&word.text, choices.iter().map(|(name, _)| *name)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
                    format!("write one of: {}", names.join(", "))
                }
            };
            Diagnostic::error(code::BAD_VALUE, word.span, message).help(help)
        })
    }

    /// A switch: on, or with `no` off.
    pub(super) fn switch(&mut self, switch: &mut bool) -> Outcome {
        *switch = !self.negated();
        Ok(())
    }
}

pub(super) fn number<T: TryFrom<u32>>(word: &Word, text: &str, range: RangeInclusive<u32>) -> Result<T, Diagnostic> {
    let value = text
        .parse::<u32>()
        .ok()
        .filter(|value| range.contains(value) && !text.starts_with('+'));
    value.and_then(|value| T::try_from(value).ok()).ok_or_else(|| {
        let message = format!("`{text}` is not a number from {} to {}", range.start(), range.end());
        Diagnostic::error(code::BAD_VALUE, word.span, message)
    })
}

fn bad_unit(word: &Word, error: &UnitError) -> Diagnostic {
    let diagnostic = Diagnostic::error(code::BAD_VALUE, word.span, error.to_string());
    match error.help() {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

pub(super) fn bad_address(word: &Word, error: &AddressError) -> Diagnostic {
    let code = match error {
        AddressError::Family(_) => code::UNSUPPORTED,
        _ => code::BAD_ADDRESS,
    };
    Diagnostic::error(code, word.span, error.to_string()).help(error.help())
}
