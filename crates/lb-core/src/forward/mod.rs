//! Forward mode: the kernel carries the packets, and this decides where to.
//!
//! A [`Lane`] is one address of one frontend. Its clients fall on [`BUCKETS`] by a hash of where they come from, and each
//! bucket belongs to a server: [`Lane::pick`] says the same as the kernel, which computes it from the [`Ruleset`] that is
//! written here. What stands in the table follows from the configuration and the servers' health alone, so two hosts that
//! agree on these forward each other's connections without having seen them.

mod errors;
mod jhash;
mod lane;
mod objects;
mod owner;
mod ruleset;

pub use lane::{Key, Lane, Target, numbers};
pub use objects::{Flow, Objects, Traffic};
pub use owner::Owner;
pub use ruleset::{Ruleset, TABLE};

/// Into how many parts clients fall: a prime, for Maglev, and small enough that a transaction that replaces all of them is
/// accepted from a user namespace.
pub const BUCKETS: u32 = 4_099;

#[cfg(test)]
mod tests;
