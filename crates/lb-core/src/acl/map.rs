//! Tables from patterns to values: the `map` converters.

use std::borrow::Cow;
use std::sync::Arc;

use thiserror::Error;

use super::narrowest::Narrowest;
use super::pattern::{bytes, networks, ranges, regexes};
use super::{BadEntry, Content, How, Method, Numbers, Regex, Texts, Values};
use crate::expr::{Kind, Sample};

/// One `map` converter: a table, and perhaps a value for what is not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    pub values: Arc<Values>,
    pub otherwise: Option<Sample<'static>>,
    /// Values have groups of the regular expressions put into them (`map_regm`).
    pub has_groups: bool,
}

/// Patterns, and the values at their places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    keys: Keys,
    values: Vec<Sample<'static>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Keys {
    Text(Texts),
    Ip(Narrowest),
    Int(Numbers),
    Regex(Vec<Regex>),
}

/// A value that is not of the type which the converter gives.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WrongValue {
    #[error("the value `{0}` is not a number")]
    Number(String),
    #[error("the value `{0}` is not an address")]
    Address(String),
}

impl WrongValue {
    pub fn text(&self) -> &str {
        let (WrongValue::Number(text) | WrongValue::Address(text)) = self;
        text
    }
}

impl Map {
    pub(crate) fn input(&self) -> Kind {
        match self.values.how.method {
            Method::Ip => Kind::Ip,
            Method::Int => Kind::Int,
            _ => Kind::Text,
        }
    }

    pub(crate) fn output(&self) -> Kind {
        self.values.output
    }

    pub(crate) fn find(&self, sample: &Sample<'_>) -> Option<Sample<'_>> {
        let found = match self.has_groups {
            true => self.values.filled(sample),
            false => self.values.find(sample),
        };
        found.or_else(|| self.otherwise.as_ref().map(Sample::borrow))
    }

    /// A value of such a table, from its text.
    pub fn value(text: &str, output: Kind) -> Result<Sample<'static>, WrongValue> {
        match output {
            Kind::Int => text
                .parse()
                .map(Sample::Int)
                .map_err(|_| WrongValue::Number(text.to_owned())),
            Kind::Ip => text
                .parse()
                .map(Sample::Ip)
                .map_err(|_| WrongValue::Address(text.to_owned())),
            _ => Ok(Sample::Text(Cow::Owned(text.as_bytes().to_vec()))),
        }
    }
}

impl Table {
    pub(super) fn of(how: How, output: Kind, content: &Content) -> Result<Table, BadEntry> {
        let patterns = content.present().map(|entry| how.parse(&entry.key));
        let patterns = patterns.collect::<Result<Vec<_>, _>>()?;
        let value = |text: Option<&str>| Map::value(text.unwrap_or_default(), output);
        let values = content.present().map(|entry| value(entry.value.as_deref()));
        Ok(Table {
            values: values.collect::<Result<_, _>>()?,
            keys: match how.method {
                Method::Ip => Keys::Ip(Narrowest::of(networks(patterns))),
                Method::Int => Keys::Int(Numbers(ranges(patterns))),
                Method::Regex => Keys::Regex(regexes(patterns)),
                Method::Text(text) => Keys::Text(Texts::of(text, how.any_case, bytes(patterns))),
                // No converter compares so.
                Method::Found | Method::True | Method::Version | Method::Binary | Method::Length => {
                    Keys::Int(Numbers::default())
                }
            },
        })
    }

    /// The value with the groups of the expression that fits.
    pub(super) fn filled(&self, sample: &Sample<'_>) -> Option<Sample<'static>> {
        let Keys::Regex(all) = &self.keys else {
            return self.find(sample).cloned();
        };
        let text = sample.borrow().into_text();
        let fitting = all.iter().zip(&self.values);
        let mut filled = fitting.filter_map(|(regex, value)| regex.filled(&text, &value.borrow().into_text()));
        filled.next().map(|text| Sample::Text(Cow::Owned(text)))
    }

    pub(super) fn find(&self, sample: &Sample<'_>) -> Option<&Sample<'static>> {
        let place = match &self.keys {
            Keys::Text(texts) => texts.place(&sample.borrow().into_text()),
            Keys::Ip(networks) => sample.as_ip().and_then(|ip| networks.place(ip)),
            Keys::Int(numbers) => sample.as_int().and_then(|n| numbers.place(n)),
            Keys::Regex(all) => {
                let text = sample.borrow().into_text();
                all.iter().position(|regex| regex.matches(&text))
            }
        };
        self.values.get(place?)
    }
}
