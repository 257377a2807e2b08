//! Where a message waits among the others of its queue.

use std::fmt::{self, Display};
use std::num::ParseIntError;
use std::str::FromStr;

use super::Entry;
use crate::{MessageId, Priority};

/// A place in a queue; the lowest is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Nine less the priority.
    rank: u8,
    /// Numbers of messages grow, also over restarts.
    pub(crate) order: MessageId,
}

impl Place {
    pub(crate) fn of(entry: &Entry) -> Place {
        Place::by_priority(entry.message.priority.unwrap_or_default().number(), entry.id)
    }

    /// Higher priorities come first.
    pub(super) fn by_priority(priority: u8, order: MessageId) -> Place {
        let rank = Priority::HIGHEST - priority;
        Place { rank, order }
    }

    /// The place that it has by each priority.
    pub(super) fn all(order: MessageId) -> impl Iterator<Item = Place> {
        (0..=Priority::HIGHEST).map(move |rank| Place { rank, order })
    }

    /// The first of all those of the same priority.
    pub(super) fn first_of_rank(self) -> Place {
        let order = MessageId(0);
        Place { order, ..self }
    }
}

/// As two numbers: `5.1234`.
impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.rank, self.order.0)
    }
}

impl FromStr for Place {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Place, ParseIntError> {
        let (rank, order) = text.split_once('.').unwrap_or((text, ""));
        Ok(Place {
            rank: rank.parse()?,
            order: MessageId(order.parse()?),
        })
    }
}
