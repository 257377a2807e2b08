//! What a value is compared with: all patterns of one list, made ready for quick answers.

use super::{Addresses, How, Method, Numbers, Pattern, Regex, TextMatch, Texts};
use crate::expr::Sample;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matcher {
    Found,
    True,
    Int(Numbers),
    Length(Numbers),
    Ip(Addresses),
    Text(Texts),
    Regex(Vec<Regex>),
    Binary(Texts),
}

impl Matcher {
    /// `patterns` are what `how` made of texts.
    pub fn of(how: How, patterns: Vec<Pattern>) -> Matcher {
        match how.method {
            Method::Found => Matcher::Found,
            Method::True => Matcher::True,
            Method::Int | Method::Version => Matcher::Int(Numbers(ranges(patterns))),
            Method::Length => Matcher::Length(Numbers(ranges(patterns))),
            Method::Ip => Matcher::Ip(Addresses::of(networks(patterns))),
            Method::Text(text) => Matcher::Text(Texts::of(text, how.any_case, bytes(patterns))),
            Method::Regex => Matcher::Regex(regexes(patterns)),
            Method::Binary => Matcher::Binary(Texts::of(TextMatch::Equal, false, bytes(patterns))),
        }
    }

    pub fn matches(&self, sample: &Sample<'_>) -> bool {
        match self {
            Matcher::Found => true,
            Matcher::True => sample.as_bool() == Some(true),
            Matcher::Int(numbers) => sample.as_int().is_some_and(|n| numbers.contains(n)),
            Matcher::Ip(addresses) => sample.as_ip().is_some_and(|ip| addresses.contains(ip)),
            Matcher::Length(numbers) => numbers.contains(sample.borrow().into_text().len() as i64),
            Matcher::Text(texts) => texts.matches(&sample.borrow().into_text()),
            Matcher::Regex(all) => {
                let text = sample.borrow().into_text();
                all.iter().any(|regex| regex.matches(&text))
            }
            Matcher::Binary(texts) => sample.borrow().into_binary().is_some_and(|bytes| texts.matches(&bytes)),
        }
    }
}

pub(super) fn ranges(patterns: Vec<Pattern>) -> Vec<(i64, i64)> {
    let range = |pattern| match pattern {
        Pattern::Range(low, high) => Some((low, high)),
        _ => None,
    };
    patterns.into_iter().filter_map(range).collect()
}

pub(super) fn networks(patterns: Vec<Pattern>) -> impl Iterator<Item = super::Network> {
    patterns.into_iter().filter_map(|pattern| match pattern {
        Pattern::Network(network) => Some(network),
        _ => None,
    })
}

pub(super) fn bytes(patterns: Vec<Pattern>) -> impl Iterator<Item = Box<[u8]>> {
    patterns.into_iter().filter_map(|pattern| match pattern {
        Pattern::Bytes(bytes) => Some(bytes),
        _ => None,
    })
}

pub(super) fn regexes(patterns: Vec<Pattern>) -> Vec<Regex> {
    let regex = |pattern| match pattern {
        Pattern::Regex(regex) => Some(regex),
        _ => None,
    };
    patterns.into_iter().filter_map(regex).collect()
}
