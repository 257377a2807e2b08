//! Names with holes: `orders.*.new`, `orders.#`. Words are separated by dots (brokers.md 1c; Artemis's wildcards).
//!
//! ActiveMQ writes `>` for `#`; both are read.

use std::fmt::{self, Display};

/// A name, or a set of names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern(Vec<Word>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Word {
    Exactly(Box<str>),
    /// `*`: any one word.
    One,
    /// `#` or `>`: any number of words, none too.
    Rest,
}

impl Pattern {
    pub fn new(text: &str) -> Pattern {
        let word = |word: &str| match word {
            "*" => Word::One,
            "#" | ">" => Word::Rest,
            word => Word::Exactly(word.into()),
        };
        Pattern(text.split('.').map(word).collect())
    }

    /// As AMQP 0-9-1 spells it, where `>` is a word like any other.
    pub(crate) fn binding(text: &str) -> Pattern {
        let word = |word: &str| match word {
            "*" => Word::One,
            "#" => Word::Rest,
            word => Word::Exactly(word.into()),
        };
        Pattern(text.split('.').map(word).collect())
    }

    pub(crate) fn words(&self) -> &[Word] {
        &self.0
    }

    /// Whether there is a hole in it.
    pub fn is_open(&self) -> bool {
        self.0.iter().any(|word| !matches!(word, Word::Exactly(_)))
    }

    /// The words before the first hole, with the dot behind them: every name that matches begins like that, or is that
    /// without the dot.
    pub fn prefix(&self) -> String {
        let fixed = self.0.iter().map_while(|word| match word {
            Word::Exactly(word) => Some(format!("{word}.")),
            Word::One | Word::Rest => None,
        });
        fixed.collect()
    }

    /// Names that begin with `$` are the broker's own: a hole at the beginning does not stand for them (MQTT 5, section
    /// 4.7.2).
    pub fn matches(&self, name: &str) -> bool {
        if name.starts_with('$') && !matches!(self.0.first(), Some(Word::Exactly(_))) {
            return false;
        }
        self.covers_name(name)
    }

    /// The same without that exception: for what stands for names that somebody gave, whatever they begin with.
    pub(crate) fn covers_name(&self, name: &str) -> bool {
        self.fits(name.split('.'), |own, word| match own {
            Word::Exactly(own) => **own == **word,
            Word::One => true,
            Word::Rest => false,
        })
    }

    /// Whether each name that the other one stands for is one that this stands for. It may say no where it is so (`*.#` and
    /// `#.*` are the same names, and neither is found to cover the other), but never yes where it is not.
    pub fn covers(&self, other: &Pattern) -> bool {
        self.fits(other.0.iter(), |own, word| match (own, word) {
            (Word::Exactly(own), Word::Exactly(word)) => own == word,
            (Word::One, Word::Exactly(_) | Word::One) => true,
            _ => false,
        })
    }

    /// Two pointers and one place to return to: never more than words times words, whatever a client sends.
    fn fits<W>(&self, mut words: impl Iterator<Item = W> + Clone, alike: impl Fn(&Word, &W) -> bool) -> bool {
        let mut at = 0;
        let mut open = None;
        loop {
            let here = words.clone();
            let Some(word) = words.next() else { break };
            match self.0.get(at) {
                Some(Word::Rest) => {
                    open = Some((at, here.clone()));
                    (at, words) = (at + 1, here);
                }
                Some(own) if alike(own, &word) => at += 1,
                _ => match &mut open {
                    // The hole takes one more.
                    Some((rest, taken)) => {
                        taken.next();
                        (at, words) = (*rest + 1, taken.clone());
                    }
                    None => return false,
                },
            }
        }
        self.0[at..].iter().all(|word| *word == Word::Rest)
    }
}

impl Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, word) in self.0.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { "." })?;
            f.write_str(match word {
                Word::Exactly(word) => word,
                Word::One => "*",
                Word::Rest => "#",
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn holes_stand_for_words() {
        for (pattern, name, matches) in [
            ("a", "a", true),
            ("a", "b", false),
            ("a", "a.b", false),
            ("*", "a", true),
            ("*", "a.b", false),
            ("a.*", "a.b", true),
            ("a.*", "a", false),
            ("a.*.c", "a.b.c", true),
            ("#", "a.b.c", true),
            (">", "a.b.c", true),
            ("a.#", "a", true),
            ("a.#", "a.b.c", true),
            ("a.#", "ab", false),
            ("#.c", "a.b.c", true),
            ("#.c", "c", true),
            ("#.c.#.d", "a.c.c.b.d", true),
            ("#.c.#.d", "a.c.b", false),
            ("jms.#", "jms.queue.x", true),
            ("#", "$SYS.x", false),
            ("*.x", "$SYS.x", false),
            ("$SYS.#", "$SYS.x", true),
        ] {
            assert_eq!(Pattern::new(pattern).matches(name), matches, "{pattern} {name}");
        }
    }

    #[test]
    fn one_covers_another_when_it_stands_for_all_that_that_stands_for() {
        for (pattern, other, covers) in [
            ("#", "#", true),
            ("#", "$a.*", true),
            ("#", "", true),
            ("a.#", "a", true),
            ("a.#", "a.#", true),
            ("a.#", "a.*.b.#", true),
            ("a.#", "#", false),
            ("a.#", "*", false),
            ("a.*", "a.*", true),
            ("a.*", "a.#", false),
            ("a.*", "a.b", true),
            ("*.#", "#", false),
            ("#.b", "#.a.b", true),
            ("a.b", "a.*", false),
            (">", "a.>", true),
        ] {
            let (one, two) = (Pattern::new(pattern), Pattern::new(other));
            assert_eq!(one.covers(&two), covers, "{pattern} {other}");
        }
        assert!(Pattern::new("#").covers_name("$SYS.x") && !Pattern::new("a.b").covers_name("a.*"));
    }

    /// The definition itself.
    fn naive(pattern: &[&str], name: &[&str]) -> bool {
        match (pattern.first(), name.first()) {
            (None, None) => true,
            (Some(&"#"), _) => naive(&pattern[1..], name) || !name.is_empty() && naive(pattern, &name[1..]),
            (Some(&"*"), Some(_)) => naive(&pattern[1..], &name[1..]),
            (Some(p), Some(n)) => p == n && naive(&pattern[1..], &name[1..]),
            _ => false,
        }
    }

    #[test]
    fn the_prefix_is_what_comes_before_the_first_hole() {
        for (pattern, prefix) in [("a.b.*.c", "a.b."), ("#", ""), ("a", "a.")] {
            assert_eq!(Pattern::new(pattern).prefix(), prefix);
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_definition(
            pattern in prop::collection::vec(prop::sample::select(vec!["a", "b", "*", "#"]), 1..6),
            name in prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..6),
        ) {
            let fast = Pattern::new(&pattern.join(".")).matches(&name.join("."));
            prop_assert_eq!(fast, naive(&pattern, &name));
        }

        /// Nobody gets more than was written down.
        #[test]
        fn what_is_covered_is_matched(
            pattern in prop::collection::vec(prop::sample::select(vec!["a", "b", "*", "#"]), 1..5),
            other in prop::collection::vec(prop::sample::select(vec!["a", "b", "*", "#"]), 1..5),
            name in prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..6),
        ) {
            let (wide, narrow) = (Pattern::new(&pattern.join(".")), Pattern::new(&other.join(".")));
            prop_assert!(wide.covers(&wide));
            if wide.covers(&narrow) && narrow.covers_name(&name.join(".")) {
                prop_assert!(wide.covers_name(&name.join(".")));
            }
        }
    }
}
