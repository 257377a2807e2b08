//! Who went where: the table that sends a known client back to its server.

use std::time::Duration;

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

/// What a table is keyed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// `ip` and `ipv4`: an IPv4 address.
    Ipv4,
    Ipv6,
}
