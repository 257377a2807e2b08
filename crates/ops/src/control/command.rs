//! The commands by name: finding one, and listing those that may have been meant.

use super::session::Level;
use super::{Call, Reply};

/// A command that works on an `S`.
pub struct Command<S> {
    /// The words that name it, such as `show stat`.
    pub name: &'static str,
    /// How it is written, for the help; empty for what is said by programs only and not listed.
    pub usage: &'static str,
    /// What it does, for the help.
    pub about: &'static str,
    /// Who may give it.
    pub level: Level,
    pub run: fn(&S, &Call) -> Reply,
}

/// One line of the help.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) usage: &'static str,
    pub(super) about: &'static str,
}

impl<S> Command<S> {
    pub(super) fn is_shown(&self) -> bool {
        !self.usage.is_empty()
    }

    pub(super) fn entry(&self) -> Entry {
        Entry {
            name: self.name,
            usage: self.usage,
            about: self.about,
        }
    }
}

/// How many words name the command, when these words begin with its name.
pub(super) fn named(name: &str, words: &[String]) -> Option<usize> {
    let mut count = 0;
    for word in name.split(' ') {
        if words.get(count).is_none_or(|given| given != word) {
            return None;
        }
        count += 1;
    }
    Some(count)
}

/// What `help` shows: all, or those that begin as `words` do or nearly so.
pub(super) fn help(entries: &[Entry], always: &[Entry], words: &[String]) -> String {
    let meant = if words.is_empty() {
        entries.to_vec()
    } else {
        meant(entries, words)
    };
    list("The following commands are valid at this level:", &meant, always)
}

/// The answer to what is no command.
pub(super) fn unknown(entries: &[Entry], always: &[Entry], words: &[String]) -> String {
    let meant = meant(entries, words);
    if meant.is_empty() {
        list(
            "Unknown command. Please enter one of the following commands only:",
            entries,
            always,
        )
    } else {
        let title = "Unknown command, but maybe one of the following ones is a better match:";
        list(title, &meant, always)
    }
}

fn list(title: &str, entries: &[Entry], always: &[Entry]) -> String {
    let mut text = format!("{title}\n");
    for entry in entries.iter().chain(always) {
        text.push_str(&format!("  {:<40}: {}\n", entry.usage, entry.about));
    }
    text
}

/// Those that share the most words from the start; when not even the first is known, those with the nearest first word.
fn meant(entries: &[Entry], words: &[String]) -> Vec<Entry> {
    let shared = |e: &Entry| e.name.split(' ').zip(words).take_while(|(a, b)| a == b).count();
    let most = entries.iter().map(shared).max().unwrap_or(0);
    if most > 0 {
        return entries.iter().filter(|e| shared(e) == most).copied().collect();
    }
    let Some(word) = words.first() else { return Vec::new() };
    let far = |e: &Entry| e.name.split(' ').map(|w| distance(w, word)).min().unwrap_or(usize::MAX);
    let nearest = entries.iter().map(far).min().unwrap_or(usize::MAX);
    // A word of which not half is right is no misspelling.
    if nearest * 2 > word.chars().count() {
        return Vec::new();
    }
    entries.iter().filter(|e| far(e) == nearest).copied().collect()
}

/// How many letters must be added, dropped or changed to make one of the other.
fn distance(a: &str, b: &str) -> usize {
    const LONGEST: usize = 32;
    let b: Vec<char> = b.chars().take(LONGEST).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn entry(name: &'static str) -> Entry {
        Entry {
            name,
            usage: name,
            about: "x",
        }
    }

    const ENTRIES: [Entry; 3] = [entry("set server"), entry("show info"), entry("show stat")];

    fn lines(text: &str) -> Vec<String> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        unknown(&ENTRIES, &[], &words)
            .lines()
            .map(|l| l.trim_end_matches([' ', ':', 'x']).trim().to_owned())
            .collect()
    }

    #[test]
    fn names_are_whole_words() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(named("show stat", &words("show stat x")), Some(2));
        assert_eq!(named("show stat", &words("show")), None);
        assert_eq!(named("show stat", &words("show stats")), None);
    }

    #[test]
    fn what_may_have_been_meant() {
        let title = "Unknown command, but maybe one of the following ones is a better match";
        assert_eq!(lines("show foo"), [title, "show info", "show stat"]);
        assert_eq!(lines("sho"), [title, "show info", "show stat"]);
        assert_eq!(lines("set"), [title, "set server"]);
        assert_eq!(lines("stats"), [title, "show stat"]);
        let all = "Unknown command. Please enter one of the following commands only";
        assert_eq!(lines("")[0], all);
        assert_eq!(lines("qqqqqqq").len(), 4);
    }
}
