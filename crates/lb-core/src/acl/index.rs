//! Lists made ready for the connections that are decided by them.
//!
//! Readers share nothing that is written when they look: each finds the present form by one atomic load. Whoever changes a
//! list has its forms made anew ([`Library`](super::Library)).

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{BadPattern, Content, How, List, Matcher, Pattern, Table, WrongValue};
use crate::expr::{Kind, Sample};

/// A list of patterns that tests compare with.
pub struct Patterns {
    pub how: How,
    pub list: Arc<List>,
    now: ArcSwap<Matcher>,
}

/// A list of patterns with values, for the `map` converters.
pub struct Values {
    pub how: How,
    /// The type of the values.
    pub output: Kind,
    pub list: Arc<List>,
    now: ArcSwap<Table>,
}

/// Why a list cannot be read so: an entry of it is no pattern, or has no value, of that kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEntry {
    #[error(transparent)]
    Key(#[from] BadPattern),
    #[error(transparent)]
    Value(#[from] WrongValue),
}

fn parsed(how: How, content: &Content) -> Result<Vec<Pattern>, BadPattern> {
    content.present().map(|entry| how.parse(&entry.key)).collect()
}

impl Patterns {
    pub fn new(how: How, list: Arc<List>) -> Result<Patterns, BadPattern> {
        let now = ArcSwap::from_pointee(Matcher::of(how, parsed(how, &list.now())?));
        Ok(Patterns { how, list, now })
    }

    pub fn matches(&self, sample: &Sample<'_>) -> bool {
        self.now.load().matches(sample)
    }

    /// What could not be read was refused before it came into the list.
    pub(super) fn renew(&self, content: &Content) {
        if let Ok(patterns) = parsed(self.how, content) {
            self.now.store(Arc::new(Matcher::of(self.how, patterns)));
        }
    }
}

impl Values {
    pub fn new(how: How, output: Kind, list: Arc<List>) -> Result<Values, BadEntry> {
        let now = ArcSwap::from_pointee(Table::of(how, output, &list.now())?);
        Ok(Values { how, output, list, now })
    }

    pub(super) fn find(&self, sample: &Sample<'_>) -> Option<Sample<'static>> {
        self.now.load().find(sample).cloned()
    }

    pub(super) fn filled(&self, sample: &Sample<'_>) -> Option<Sample<'static>> {
        self.now.load().filled(sample)
    }

    pub(super) fn renew(&self, content: &Content) {
        if let Ok(table) = Table::of(self.how, self.output, content) {
            self.now.store(Arc::new(table));
        }
    }
}

impl PartialEq for Patterns {
    fn eq(&self, other: &Patterns) -> bool {
        self.how == other.how && *self.now.load() == *other.now.load()
    }
}

impl Eq for Patterns {}

impl PartialEq for Values {
    fn eq(&self, other: &Values) -> bool {
        (self.how, self.output) == (other.how, other.output) && *self.now.load() == *other.now.load()
    }
}

impl Eq for Values {}

impl Debug for Patterns {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Debug::fmt(&*self.now.load(), f)
    }
}

impl Debug for Values {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Debug::fmt(&*self.now.load(), f)
    }
}
