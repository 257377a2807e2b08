//! `include` and its stricter relatives.

use super::word::Word;
use super::{Files, MAX_DEPTH, MAX_FILES, NO_FILE, TOO_MUCH, glob};
use crate::diagnostic::Diagnostic;

/// What is a mistake about an included file; Keepalived's plain `include` forgives everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Checks {
    readable: bool,
    matching: bool,
    wildcard: bool,
    brace: bool,
}

impl Checks {
    const ALL: Self = Self {
        readable: true,
        matching: true,
        wildcard: true,
        brace: true,
    };

    /// The checks of a directive, on top of those already on; `None` if it is no include.
    pub(super) fn of(keyword: &str, current: Self) -> Option<Self> {
        let own = match keyword {
            "include" => return Some(current),
            "includea" => return Some(Self::ALL),
            "includer" => "readable",
            "includem" => "match",
            "includew" => "wildcard_match",
            "includeb" => "brace_match",
            _ => return None,
        };
        let mut checks = current;
        checks.set(own, true);
        Some(checks)
    }

    /// `include_check [+|-]OPTION ...`; nothing stands for all.
    pub(super) fn change(&mut self, options: &[Word]) {
        if options.is_empty() {
            *self = Self::ALL;
        }
        let absolute = |word: &Word| !word.text.starts_with(['+', '-']);
        if options.first().is_some_and(absolute) {
            *self = Self::default();
        }
        for word in options {
            let on = !word.text.starts_with('-');
            self.set(word.text.trim_start_matches(['+', '-']), on);
        }
    }

    fn set(&mut self, option: &str, on: bool) {
        match option {
            "readable" => self.readable = on,
            "match" => self.matching = on,
            "wildcard_match" => self.wildcard = on,
            "brace_match" => self.brace = on,
            _ => return,
        }
        self.readable |= on;
    }
}

/// A file to be read in place of the directive.
pub(super) struct Found {
    pub(super) path: String,
    pub(super) bytes: Vec<u8>,
}

/// The files that a pattern names, and what is wrong with it.
pub(super) fn find(
    pattern: &Word,
    directory: &str,
    checks: Checks,
    files: &dyn Files,
    report: &mut Vec<Diagnostic>,
) -> Vec<Found> {
    let alternatives = glob::alternatives(&pattern.text);
    let several = alternatives.len() > 1;
    let mut found = Vec::new();
    for alternative in &alternatives {
        let path = glob::join(directory, alternative);
        let wild = glob::is_wild(alternative);
        let paths = if wild { glob::paths(&path, files) } else { vec![path] };
        if paths.is_empty() {
            let wrong = checks.wildcard || (several && checks.brace);
            let message = format!("no file fits `{alternative}`");
            report.push(missing(wrong, pattern, message));
        }
        for path in paths {
            match files.read(&path) {
                Ok(bytes) => found.push(Found { path, bytes }),
                Err(error) => {
                    let wrong = checks.readable && (wild || checks.matching || checks.brace || !several);
                    report.push(missing(wrong, pattern, format!("`{path}` cannot be read: {error}")));
                }
            }
        }
    }
    found
}

fn missing(wrong: bool, pattern: &Word, message: String) -> Diagnostic {
    if wrong {
        Diagnostic::warning(NO_FILE, pattern.span, message)
    } else {
        Diagnostic::notice(NO_FILE, pattern.span, message).help("`includea` makes this a mistake")
    }
}

pub(super) fn limit(depth: usize, files: usize, pattern: &Word) -> Result<(), Diagnostic> {
    let message = if depth >= MAX_DEPTH {
        format!("files include files more than {MAX_DEPTH} deep; does one include itself?")
    } else if files >= MAX_FILES {
        format!("more than {MAX_FILES} files are included")
    } else {
        return Ok(());
    };
    Err(Diagnostic::error(TOO_MUCH, pattern.span, message))
}
