//! The log lines that other programs read: where they go, and which are written.

mod line;
mod targets;

pub(crate) use line::{Pen, Told, connected_from, identity, told, unwelcome};
pub(crate) use targets::{Logs, LogsError, Opener};
