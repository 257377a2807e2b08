//! The words and the block of one statement, taken one after the other by whoever knows what they mean.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use tandem_text::keepalived::{Statement, Word};
use tandem_text::{Diagnostic, SourceMap, Span, Spanned, nearest};

use crate::code;
use crate::report::Report;
use crate::units;

/// A mistake is a warning: like Keepalived, we leave out what cannot be read and use the rest. What must not be left out is
/// an error.
pub(crate) type Outcome = Result<(), Diagnostic>;

pub(crate) struct Args<'a> {
    statement: &'a Statement,
    sources: &'a SourceMap,
    at: usize,
    took_block: bool,
    report: &'a mut Report,
}

impl<'a> Args<'a> {
    pub(crate) fn new(statement: &'a Statement, sources: &'a SourceMap, report: &'a mut Report) -> Self {
        Self {
            statement,
            sources,
            at: 1,
            took_block: false,
            report,
        }
    }

    /// For a line of values without a keyword.
    pub(crate) fn of_line(statement: &'a Statement, sources: &'a SourceMap, report: &'a mut Report) -> Self {
        Self {
            at: 0,
            ..Self::new(statement, sources, report)
        }
    }

    pub(crate) fn sources(&self) -> &'a SourceMap {
        self.sources
    }

    pub(crate) fn reporter(&mut self) -> &mut Report {
        self.report
    }

    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.report.push(diagnostic);
    }

    pub(crate) fn keyword(&self) -> &'a Word {
        self.statement.keyword()
    }

    pub(crate) fn span(&self) -> Span {
        self.statement.span()
    }

    pub(crate) fn origin(&self) -> Arc<str> {
        self.sources.origin(self.statement.span())
    }

    pub(crate) fn rest(&self) -> &'a [Word] {
        self.statement.words.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn peek(&self) -> Option<&'a Word> {
        self.statement.words.get(self.at)
    }

    pub(crate) fn next(&mut self) -> Option<&'a Word> {
        let word = self.peek()?;
        self.at += 1;
        Some(word)
    }

    pub(crate) fn skip_words(&mut self) {
        self.at = self.statement.words.len();
    }

    pub(crate) fn skip_all(&mut self) {
        self.skip_words();
        self.took_block = true;
    }

    /// Takes the next word if it is this one.
    pub(crate) fn accept(&mut self, text: &str) -> bool {
        let found = self.peek().is_some_and(|word| word.text == text);
        self.at += usize::from(found);
        found
    }

    /// The words as those of a command, all of them.
    pub(crate) fn command(&mut self) -> Result<Vec<Word>, Diagnostic> {
        let mut words = self.statement.command_words(self.sources)?;
        words.drain(..1);
        self.at = self.statement.words.len();
        if words.first().is_none_or(|word| word.text.trim().is_empty()) {
            return Err(self.missing("a command"));
        }
        Ok(words)
    }

    /// The lines of the block.
    pub(crate) fn block(&mut self) -> Result<&'a [Statement], Diagnostic> {
        self.took_block = true;
        match &self.statement.block {
            Some(block) => Ok(&block.statements),
            None => {
                let keyword = self.keyword();
                let message = format!("`{}` needs a block", keyword.text);
                Err(Diagnostic::warning(code::MISSING, keyword.span, message)
                    .help(format!("write `{} {{ ... }}`", keyword.text)))
            }
        }
    }

    /// Does the same with each line of the block; a line that cannot be read does not spoil the others.
    pub(crate) fn lines(&mut self, mut take: impl FnMut(&mut Args<'_>) -> Outcome) -> Outcome {
        for line in self.block()? {
            if self.report.is_full() {
                break;
            }
            let mut args = Args::of_line(line, self.sources, self.report);
            let outcome = take(&mut args).and_then(|()| args.finish());
            self.report.extend(outcome.err());
        }
        Ok(())
    }

    /// After everything was read: nothing may be left over.
    pub(crate) fn finish(&self) -> Outcome {
        let keyword = &self.keyword().text;
        if let Some(extra) = self.peek() {
            let message = format!("`{}` is too much after `{keyword}`", extra.text);
            return Err(Diagnostic::warning(code::EXTRA, extra.span, message).help("leave it out"));
        }
        match &self.statement.block {
            Some(_) if !self.took_block => {
                let message = format!("`{keyword}` takes no block");
                Err(Diagnostic::warning(code::EXTRA, self.keyword().span, message))
            }
            _ => Ok(()),
        }
    }

    fn missing(&self, what: &str) -> Diagnostic {
        let before = self
            .statement
            .words
            .get(self.at.saturating_sub(1))
            .unwrap_or(self.keyword());
        Diagnostic::warning(code::MISSING, before.span, format!("{what} is missing after this"))
    }

    /// The next word, which must be there and not empty. `what` names it: "a time", "an address".
    pub(crate) fn word(&mut self, what: &str) -> Result<&'a Word, Diagnostic> {
        match self.peek() {
            Some(word) if !word.text.is_empty() => {
                self.at += 1;
                Ok(word)
            }
            Some(empty) => Err(Diagnostic::warning(
                code::MISSING,
                empty.span,
                format!("{what} is missing: this is empty"),
            )),
            None => Err(self.missing(what)),
        }
    }

    pub(crate) fn text(&mut self, what: &str) -> Result<Arc<str>, Diagnostic> {
        Ok(self.word(what)?.text.as_str().into())
    }

    pub(crate) fn name(&mut self, what: &str) -> Result<Spanned<Arc<str>>, Diagnostic> {
        let word = self.word(what)?;
        Ok(Spanned::new(word.text.as_str().into(), word.span))
    }

    pub(crate) fn number<T: TryFrom<i64>>(&mut self, range: RangeInclusive<i64>) -> Result<T, Diagnostic> {
        let word = self.word("a number")?;
        number(word, range)
    }

    /// Decimal seconds.
    pub(crate) fn seconds(&mut self, range: RangeInclusive<f64>) -> Result<Duration, Diagnostic> {
        let word = self.word("a time in seconds")?;
        let time = units::seconds(&word.text).filter(|time| range.contains(&time.as_secs_f64()));
        time.ok_or_else(|| {
            let message = format!(
                "`{}` is not a time from {} to {} seconds",
                word.text,
                range.start(),
                range.end()
            );
            Diagnostic::warning(code::BAD_VALUE, word.span, message)
        })
    }

    /// A switch; the keyword alone is on.
    pub(crate) fn switch(&mut self) -> Result<bool, Diagnostic> {
        let Some(word) = self.next() else { return Ok(true) };
        units::switch(&word.text).ok_or_else(|| {
            Diagnostic::warning(
                code::BAD_VALUE,
                word.span,
                format!("`{}` is neither on nor off", word.text),
            )
            .help("write one of: on off true false yes no")
        })
    }

    pub(crate) fn ip(&mut self) -> Result<Spanned<IpAddr>, Diagnostic> {
        let word = self.word("an address")?;
        match word.text.parse() {
            Ok(ip) => Ok(Spanned::new(ip, word.span)),
            Err(_) => Err(bad_address(word, "an IP address")),
        }
    }

    /// One of a few words, in any case.
    pub(crate) fn choice<T: Copy>(&mut self, what: &str, choices: &[(&str, T)]) -> Result<T, Diagnostic> {
        let word = self.word(what)?;
        let found = choices.iter().find(|(name, _)| name.eq_ignore_ascii_case(&word.text));
        found.map(|(_, value)| *value).ok_or_else(|| {
            let message = format!("`{}` is not {what}", word.text);
            let names = || choices.iter().map(|(name, _)| *name);
            let help = match nearest(&word.text, names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("write one of: {}", names().collect::<Vec<_>>().join(", ")),
            };
            Diagnostic::warning(code::BAD_VALUE, word.span, message).help(help)
        })
    }
}

pub(crate) fn number<T: TryFrom<i64>>(word: &Word, range: RangeInclusive<i64>) -> Result<T, Diagnostic> {
    let value = units::number(&word.text).filter(|value| range.contains(value));
    value.and_then(|value| T::try_from(value).ok()).ok_or_else(|| {
        let message = format!(
            "`{}` is not a number from {} to {}",
            word.text,
            range.start(),
            range.end()
        );
        Diagnostic::warning(code::BAD_VALUE, word.span, message)
    })
}

pub(crate) fn bad_address(word: &Word, what: &str) -> Diagnostic {
    Diagnostic::warning(code::BAD_ADDRESS, word.span, format!("`{}` is not {what}", word.text))
}
