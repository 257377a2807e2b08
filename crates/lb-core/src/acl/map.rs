//! A table from patterns to values: the `map` converters.

use super::{Network, Numbers, Regex, Texts};
use crate::expr::{Kind, Sample};

/// Patterns, the values at their places, and perhaps one for what matches none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    pub keys: MapKind,
    pub values: Vec<Sample<'static>>,
    pub otherwise: Option<Sample<'static>>,
    pub output: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MapKind {
    Text(Texts),
    /// The narrowest network that contains the address counts.
    Ip(Vec<Network>),
    Int(Numbers),
    Regex(Vec<Regex>),
}

impl Map {
    pub(crate) fn input(&self) -> Kind {
        match self.keys {
            MapKind::Text(_) | MapKind::Regex(_) => Kind::Text,
            MapKind::Ip(_) => Kind::Ip,
            MapKind::Int(_) => Kind::Int,
        }
    }

    pub(crate) fn output(&self) -> Kind {
        self.output
    }

    pub(crate) fn find(&self, sample: &Sample<'_>) -> Option<Sample<'_>> {
        let place = match &self.keys {
            MapKind::Text(texts) => texts.place(&sample.borrow().into_text()),
            MapKind::Ip(networks) => sample.as_ip().and_then(|ip| {
                let fitting = networks.iter().enumerate().filter(|(_, n)| n.contains(ip));
                // Of equals the first: `max_by_key` would give the last.
                let narrowest = fitting.rev().max_by_key(|(_, n)| n.width());
                narrowest.map(|(place, _)| place)
            }),
            MapKind::Int(numbers) => sample.as_int().and_then(|n| numbers.place(n)),
            MapKind::Regex(all) => {
                let text = sample.borrow().into_text();
                all.iter().position(|regex| regex.matches(&text))
            }
        };
        let value = place.and_then(|place| self.values.get(place));
        value.or(self.otherwise.as_ref()).map(Sample::borrow)
    }
}
