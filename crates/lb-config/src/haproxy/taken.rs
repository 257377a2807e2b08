//! Which `defaults` sections are taken by their name, and which because they came last.
//!
//! Who does both has perhaps forgotten a `from`, and gets what was meant for others. HAProxy says so as well, and goes on.

use std::collections::BTreeMap;

use tandem_text::{Diagnostic, Span};

use crate::code;
use crate::draft::Draft;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    ByName,
    AsLast,
}

/// How each was taken first, by its place among them.
#[derive(Debug, Default)]
pub(super) struct Taken(BTreeMap<usize, Way>);

impl Taken {
    /// A section takes the one at this place; what is odd about that.
    pub(super) fn note(&mut self, place: Option<usize>, way: Way, at: Span, draft: &Draft) -> Option<Diagnostic> {
        let place = place?;
        if *self.0.entry(place).or_insert(way) == way {
            return None;
        }
        // Only one with a name can be taken by it.
        let mut named = draft.named_defaults.iter();
        let (name, _) = named.find(|(_, settings)| settings.value.from == Some(place))?;
        let message = match way {
            Way::ByName => format!("`defaults {name}` is taken by its name here, and elsewhere because it came last"),
            Way::AsLast => format!("`defaults {name}` is taken here because it came last, and elsewhere by its name"),
        };
        Some(Diagnostic::warning(code::CONFLICT, at, message).help(format!(
            "write `from {name}` wherever it is meant, and another `defaults` section for the others"
        )))
    }
}
