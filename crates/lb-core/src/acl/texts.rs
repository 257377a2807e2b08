//! Patterns of texts.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::TextMatch;

/// Texts to compare with, and how. Equal ones are found by one search, the others one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    how: TextMatch,
    /// `-i`: they are kept in small letters.
    any_case: bool,
    /// With their places in the order of the configuration.
    sorted: BTreeMap<Box<[u8]>, usize>,
    listed: Vec<Box<[u8]>>,
}

impl Texts {
    pub fn of(how: TextMatch, any_case: bool, patterns: impl IntoIterator<Item = Box<[u8]>>) -> Texts {
        let mut texts = Texts {
            how,
            any_case,
            sorted: BTreeMap::new(),
            listed: Vec::new(),
        };
        for (place, mut pattern) in patterns.into_iter().enumerate() {
            if any_case {
                pattern.make_ascii_lowercase();
            }
            match how {
                TextMatch::Equal => {
                    texts.sorted.entry(pattern).or_insert(place);
                }
                _ => texts.listed.push(pattern),
            }
        }
        texts
    }

    pub fn matches(&self, text: &[u8]) -> bool {
        self.place(text).is_some()
    }

    /// Of those that fit. Where the text begins with several the longest counts, as in HAProxy, unless letters count alike.
    pub(super) fn place(&self, text: &[u8]) -> Option<usize> {
        let text = if self.any_case {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        };
        let fitting = |(_, pattern): &(usize, &[u8])| self.how.fits(pattern, &text);
        let mut listed = self.listed.iter().map(|pattern| &**pattern).enumerate();
        match self.how {
            TextMatch::Equal => self.sorted.get(&*text).copied(),
            TextMatch::Begins if !self.any_case => {
                // Of equals the first: `max_by_key` would give the last.
                let longest = listed.filter(fitting).rev().max_by_key(|(_, pattern)| pattern.len());
                longest.map(|(place, _)| place)
            }
            _ => listed.find(fitting).map(|(place, _)| place),
        }
    }
}
