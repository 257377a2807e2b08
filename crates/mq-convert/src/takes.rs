//! What is more than a key of a table: rules for one thing each.

pub(crate) mod console;
pub(crate) mod listen;
pub(crate) mod policy;
pub(crate) mod rights;
pub(crate) mod store;
