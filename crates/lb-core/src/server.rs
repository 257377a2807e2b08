//! The two names of a server: its place in the backend, and the number its users see.

use std::fmt;

/// The place of a server in its backend's list; what tables and counters are indexed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerIdx(pub u32);

impl ServerIdx {
    pub const fn place(self) -> usize {
        self.0 as usize
    }
}

/// The numeric id of a server: its `id` keyword, or its position counted from 1. The consistent hash and saved stick
/// entries use it, so it must not change when other servers come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(pub u32);

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
