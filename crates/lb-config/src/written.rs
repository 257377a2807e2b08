//! Where the settings of a proxy were written, for those who ask why it does what it does.
//!
//! It is no part of what a configuration means: two that differ in nothing else are equal.

use std::collections::BTreeMap;
use std::sync::Arc;

/// The lines of one proxy (`file:line`) that decide who serves a client.
#[derive(Clone, Debug, Default, Eq)]
pub struct Written(BTreeMap<&'static str, Vec<Arc<str>>>);

/// The head of the section.
const SECTION: &str = "";

/// What is remembered: the first words of lines.
const WORDS: [&str; 8] = [
    "balance",
    "hash-type",
    "default_backend",
    "stick",
    "stick-table",
    "tcp-request",
    "use_backend",
    "use-server",
];

impl Written {
    /// The line that begins with this word; of several the last, which holds.
    pub fn line(&self, word: &str) -> Option<&Arc<str>> {
        self.lines(word).last()
    }

    /// All lines that begin with it, in their order.
    pub fn lines(&self, word: &str) -> &[Arc<str>] {
        self.0.get(word).map_or(&[], Vec::as_slice)
    }

    pub fn section(&self) -> Option<&Arc<str>> {
        self.line(SECTION)
    }

    pub(crate) fn note(&mut self, word: &str, origin: impl FnOnce() -> Arc<str>) {
        if let Some(word) = WORDS.iter().find(|known| **known == word) {
            self.0.entry(word).or_default().push(origin());
        }
    }

    pub(crate) fn note_section(&mut self, origin: Arc<str>) {
        self.0.insert(SECTION, vec![origin]);
    }
}

impl PartialEq for Written {
    fn eq(&self, _: &Written) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_holds_and_others_are_not_kept() {
        let mut written = Written::default();
        for (word, line) in [("balance", "a:1"), ("timeout", "a:2"), ("balance", "a:3")] {
            written.note(word, || line.into());
        }
        assert_eq!(written.line("balance").map(AsRef::as_ref), Some("a:3"));
        assert_eq!((written.line("timeout"), written.section()), (None, None));
        assert_eq!(written, Written::default());
    }
}
