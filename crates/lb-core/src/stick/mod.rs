//! Who went where: the table that sends a known client back to its server.
//!
//! All entries live equally long after they were last used, so the order of use is the order of expiry: one list through
//! the entries answers "who expires next" and "who is dropped when it is full", and a refresh is a move to its end.

mod assign;
mod index;
mod key;
mod slots;
mod table;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use assign::{Assigned, Standing, assign};
pub use key::{Key, key_for};
pub use table::{StickEntry, StickTable, Stored};

/// What a table may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableSettings {
    pub key: KeyType,
    /// The most entries there will ever be.
    pub size: u32,
    pub expire: Option<Duration>,
    /// A full table refuses new keys instead of dropping old ones.
    pub nopurge: bool,
}

impl TableSettings {
    /// How many entries a full table drops at once, so that not every store after that has to.
    pub(crate) const fn purge_batch(&self) -> u32 {
        (self.size >> 8) + 1
    }
}

/// What a table is keyed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// `ip` and `ipv4`: an IPv4 address.
    Ipv4,
    Ipv6,
}
