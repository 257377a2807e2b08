//! Everything that can be set in each section, by name, with the words for its value and when a change of it holds.
//!
//! Every pattern in here names every field: a field that is added to the Plan must be added here before it compiles.

mod backend;
mod frontend;
mod named;
mod process;
mod server;

use std::fmt::Debug;

use super::change::Effect;
pub(super) use backend::{backend, table};
pub(super) use frontend::{bind, frontend};
pub(super) use named::{peers, resolvers, rings};
pub(super) use process::{global, stats_socket};
pub(super) use server::server;

/// One setting of one section.
pub(super) struct Setting {
    pub(super) name: &'static str,
    pub(super) shown: String,
    pub(super) effect: Effect,
    /// The same exactly when the values are.
    pub(super) key: String,
}

fn set(name: &'static str, value: &impl Debug, shown: String, effect: Effect) -> Setting {
    Setting {
        name,
        shown,
        effect,
        key: format!("{value:?}"),
    }
}
