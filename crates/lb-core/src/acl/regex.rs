//! Regular expressions over bytes. They run in time linear in their input, so no client can make one expensive; what
//! cannot (references back, looking around) is refused when the configuration is read.

use std::borrow::Cow;

use thiserror::Error;

/// One expression; two are the same when they are written the same.
#[derive(Clone, Debug)]
pub struct Regex {
    compiled: regex::bytes::Regex,
    any_case: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("this regular expression cannot be used: {0}")]
pub struct BadRegex(String);

/// A pattern of a configuration is short; one that grows beyond this by its repetitions is a mistake.
const LARGEST: usize = 1 << 20;

impl Regex {
    pub fn new(pattern: &str, any_case: bool) -> Result<Regex, BadRegex> {
        let compiled = regex::bytes::RegexBuilder::new(pattern)
            .unicode(false)
            .case_insensitive(any_case)
            .size_limit(LARGEST)
            .dfa_size_limit(LARGEST)
            .build();
        match compiled {
            Ok(compiled) => Ok(Regex { compiled, any_case }),
            Err(error) => {
                let text = error.to_string();
                // The last line says what is wrong, those before it show where.
                let last = text.lines().last().unwrap_or_default();
                Err(BadRegex(last.trim_start_matches("error: ").to_owned()))
            }
        }
    }

    pub fn matches(&self, text: &[u8]) -> bool {
        self.compiled.is_match(text)
    }

    /// What is written, with the groups of the first place that fits; `None` where none does.
    pub(super) fn filled(&self, text: &[u8], with: &[u8]) -> Option<Vec<u8>> {
        let groups = self.compiled.captures(text)?;
        let mut out = Vec::new();
        expand(with, &groups, &mut out);
        Some(out)
    }

    /// `\1` in the replacement is the first group, as in HAProxy.
    pub(crate) fn replace<'a>(&self, text: Cow<'a, [u8]>, with: &[u8], all: bool) -> Cow<'a, [u8]> {
        let mut out = Vec::new();
        let mut end = 0;
        let limit = if all { usize::MAX } else { 1 };
        for groups in self.compiled.captures_iter(&text).take(limit) {
            let Some(whole) = groups.get(0) else { break };
            out.extend_from_slice(&text[end..whole.start()]);
            expand(with, &groups, &mut out);
            end = whole.end();
        }
        if end == 0 && out.is_empty() && !self.matches(&text) {
            return text;
        }
        out.extend_from_slice(&text[end..]);
        Cow::Owned(out)
    }
}

fn expand(with: &[u8], groups: &regex::bytes::Captures<'_>, out: &mut Vec<u8>) {
    let mut rest = with.iter();
    while let Some(byte) = rest.next() {
        if *byte != b'\\' {
            out.push(*byte);
            continue;
        }
        match rest.next() {
            Some(digit) if digit.is_ascii_digit() => {
                let group = groups.get(usize::from(digit - b'0'));
                out.extend_from_slice(group.map_or(b"", |g| g.as_bytes()));
            }
            Some(other) => out.push(*other),
            None => {}
        }
    }
}

impl PartialEq for Regex {
    fn eq(&self, other: &Regex) -> bool {
        self.compiled.as_str() == other.compiled.as_str() && self.any_case == other.any_case
    }
}

impl Eq for Regex {}
