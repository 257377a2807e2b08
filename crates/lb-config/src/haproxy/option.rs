//! The words behind an address on `bind` and `server` lines: each with its values, in any order.

use tandem_text::haproxy::Word;
use tandem_text::{Diagnostic, Span, nearest};

use super::args::{Args, Outcome};
use super::keyword::{explained, suggest};
use super::unsupported::{self, Effect, KnownOption};
use crate::code;

pub(super) struct WordOption<C: 'static> {
    pub(super) word: &'static str,
    pub(super) summary: &'static str,
    pub(super) parse: fn(&mut C, &mut Args<'_>) -> Outcome,
}

impl<C> WordOption<C> {
    /// Whether it is this word with something in parentheses.
    fn takes(&self, name: &str) -> bool {
        self.word.ends_with("-fmt") && self.word == name
    }
}

/// Reads all that is left of the line and reports each mistake; the others still count.
pub(super) fn read<C>(
    tables: &[&'static [WordOption<C>]],
    known: &'static [KnownOption],
    place: &str,
    target: &mut C,
    args: &mut Args<'_>,
) {
    let all = || tables.iter().copied().flatten();
    let words = || {
        all()
            .map(|option| option.word)
            .chain(known.iter().map(|option| option.word))
    };
    while let Some(word) = args.next() {
        if word.text.is_empty() {
            continue;
        }
        if let Some(option) = known.iter().find(|option| option.word == word.text) {
            args.skip(option.values);
            args.report(refuse(option, word.span));
            continue;
        }
        let name = word.text.split_once('(').map_or(&*word.text, |(name, _)| name);
        let outcome = match all().find(|option| option.word == word.text || option.takes(name)) {
            Some(option) => {
                let read = (option.parse)(target, args);
                read.map_err(|diagnostic| explained(diagnostic, option.word, option.summary))
            }
            None => Err(unknown(word, place, words())),
        };
        if let Err(diagnostic) = outcome {
            args.report(diagnostic);
            // Values of a word that was not understood are not mistakes of their own, but a mistyped word is.
            while args.peek().is_some_and(|word| nearest(&word.text, words()).is_none()) {
                args.skip(1);
            }
        }
    }
}

fn unknown<'a>(word: &Word, place: &str, known: impl Iterator<Item = &'a str>) -> Diagnostic {
    let message = format!("unknown keyword `{}` on a `{place}` line", word.text);
    suggest(Diagnostic::error(code::UNKNOWN, word.span, message), &word.text, known)
}

fn refuse(option: &KnownOption, span: Span) -> Diagnostic {
    match option.effect {
        Effect::Changes => {
            let what = format!("`{}`", option.word);
            unsupported::refusal(&what, span).help(option.why)
        }
        Effect::None => {
            let message = format!("`{}` is ignored", option.word);
            Diagnostic::warning(code::IGNORED, span, message).help(option.why)
        }
    }
}
