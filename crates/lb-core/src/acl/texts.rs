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

    pub(super) fn place(&self, text: &[u8]) -> Option<usize> {
        let text = if self.any_case {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        };
        match self.how {
            TextMatch::Equal => self.sorted.get(&*text).copied(),
            TextMatch::Begins => self.first(|p| text.starts_with(p)),
            TextMatch::Ends => self.first(|p| text.ends_with(p)),
            TextMatch::Contains => self.first(|p| contains(&text, p)),
            TextMatch::Directory => self.first(|p| piece(&text, p, b"/?")),
            TextMatch::Domain => self.first(|p| piece(&text, p, b"/?.:")),
        }
    }

    fn first(&self, fits: impl Fn(&[u8]) -> bool) -> Option<usize> {
        self.listed.iter().position(|pattern| fits(pattern))
    }
}

fn contains(text: &[u8], pattern: &[u8]) -> bool {
    pattern.is_empty() || text.windows(pattern.len()).any(|window| window == pattern)
}

/// Whether the pattern stands between two of these delimiters, or the ends of the text. Delimiters around the pattern
/// itself do not count.
fn piece(text: &[u8], pattern: &[u8], delimiters: &[u8]) -> bool {
    let is_delimiter = |b: Option<&u8>| b.is_none_or(|b| delimiters.contains(b));
    let start = pattern.iter().position(|b| !delimiters.contains(b));
    let end = pattern.iter().rposition(|b| !delimiters.contains(b));
    let Some((start, end)) = start.zip(end) else {
        return false;
    };
    let pattern = &pattern[start..=end];
    let before = |at: usize| at.checked_sub(1).and_then(|before| text.get(before));
    let mut windows = text.windows(pattern.len()).enumerate();
    windows
        .any(|(at, window)| window == pattern && is_delimiter(before(at)) && is_delimiter(text.get(at + pattern.len())))
}
