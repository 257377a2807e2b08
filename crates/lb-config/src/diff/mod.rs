//! What has to happen to a running process so that one Plan takes the place of another.
//!
//! Sections are known by their names and listeners by their addresses; where something was written says nothing about
//! what it means. A setting that a process cannot change while it runs is a change too, and says so.

mod change;
mod compare;
mod in_force;
mod settings;
pub(crate) mod shown;

use std::fmt;

pub use change::{Change, Effect, Kind, Subject};
pub use in_force::in_force;

use serde::Serialize;

use crate::plan::Plan;

/// Every change between two Plans, in the order of the newer one; what is gone comes last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub changes: Vec<Change>,
}

impl Difference {
    pub fn between(before: &Plan, after: &Plan) -> Difference {
        Difference {
            changes: compare::plans(before, after),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Those that a running process cannot follow.
    pub fn at_restart(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.effect == Effect::AtRestart)
    }
}

/// A line for each.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.changes.iter().try_for_each(|change| writeln!(f, "{change}"))
    }
}

#[cfg(test)]
mod tests;
