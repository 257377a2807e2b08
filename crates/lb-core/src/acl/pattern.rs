//! What a value is compared with, and how.

use super::{Addresses, Numbers, Regex, Texts};
use crate::expr::{Kind, Sample};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matcher {
    /// `-m found`: any value at all.
    Found,
    /// `-m bool`: true, or a number that is not 0.
    True,
    Int(Numbers),
    /// `-m len`
    Length(Numbers),
    Ip(Addresses),
    Text(Texts),
    Regex(Vec<Regex>),
    /// `-m bin`: the same bytes.
    Binary(Texts),
}

/// `-m str beg end sub dir dom`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextMatch {
    Equal,
    Begins,
    Ends,
    Contains,
    /// Between slashes.
    Directory,
    /// Between dots, too.
    Domain,
}

impl Matcher {
    /// What it can be given.
    pub fn wants(&self) -> Kind {
        match self {
            Matcher::Found => Kind::Any,
            Matcher::True => Kind::Bool,
            Matcher::Int(_) => Kind::Int,
            Matcher::Ip(_) => Kind::Ip,
            Matcher::Length(_) | Matcher::Text(_) | Matcher::Regex(_) => Kind::Text,
            Matcher::Binary(_) => Kind::Binary,
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
