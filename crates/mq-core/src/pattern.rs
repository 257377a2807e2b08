//! Names with holes: `orders.*.new`, `orders.#`. Words are separated by dots (brokers.md 1c; Artemis's wildcards).
//!
//! ActiveMQ writes `>` for `#`; both are read.

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
    ///
    /// Two pointers and one place to return to: never more than words times words, whatever a client sends.
    pub fn matches(&self, name: &str) -> bool {
        if name.starts_with('$') && !matches!(self.0.first(), Some(Word::Exactly(_))) {
            return false;
        }
        let words: Vec<&str> = name.split('.').collect();
        let (mut at, mut next) = (0, 0);
        let mut open: Option<(usize, usize)> = None;
        while next < words.len() {
            match self.0.get(at) {
                Some(Word::Rest) => {
                    open = Some((at, next));
                    at += 1;
                }
                Some(Word::One) => (at, next) = (at + 1, next + 1),
                Some(Word::Exactly(word)) if **word == *words[next] => (at, next) = (at + 1, next + 1),
                _ => match open {
                    Some((rest, taken)) => {
                        open = Some((rest, taken + 1));
                        (at, next) = (rest + 1, taken + 1);
                    }
                    None => return false,
                },
            }
        }
        self.0[at..].iter().all(|word| *word == Word::Rest)
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
    }
}
