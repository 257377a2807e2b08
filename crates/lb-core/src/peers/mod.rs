//! HAProxy's peers protocol 2.1, its bytes: what two balancers tell each other of their stick tables (reference 2.8).
//!
//! Both greet with lines of text. Then messages follow: a class, a kind, and for kinds from 128 on a length and so many
//! bytes. A table is defined once and then meant by all updates until another one is. Every reader here takes hostile
//! input: it never panics, and what is longer than a message may be is refused. [`Section`] is the machine that speaks it.

mod definition;
mod message;
mod number;
mod section;
mod settings;
mod talk;
mod update;
mod view;

#[cfg(test)]
mod tests;

pub use definition::Definition;
pub use message::{Control, Hello, Message, Status, next};
use section::SILENCE;
pub use section::Section;
pub use settings::{ConnId, Event, Input, Output, Peer, Settings, Shared, Why};
pub use talk::{hash_seed, shard_of};
pub use update::{Names, Update};
pub use view::{Counters, PeerView, TableView};

use thiserror::Error;

/// Bytes that no peer would have sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Malformed {
    #[error("it ends in the middle of something")]
    Truncated,
    #[error("a message of {0} bytes is longer than any may be")]
    TooLong(u64),
    #[error("class {0} and kind {1} are not known")]
    Unknown(u8, u8),
    #[error("the greeting is none")]
    Greeting,
    #[error("a name is meant that was never said")]
    Name,
    #[error("a table cannot be defined so")]
    Definition,
}
