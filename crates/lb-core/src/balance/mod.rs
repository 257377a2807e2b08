//! Which server gets the next connection.
//!
//! A [`Table`] is built from a list of [`Candidate`]s whenever one of them changes, off the hot path, and then answers
//! [`Table::pick`] without changing itself: what moves (connections per server, the ticket) comes in with the question.
//! So every worker may hold the same table and no pick takes a lock.

mod explain;
mod first;
mod hash_function;
mod hash_key;
mod hash_map;
mod hash_ring;
mod hash_src;
mod hashed;
mod leastconn;
mod maglev;
mod pool;
mod random;
mod roundrobin;
mod source;
mod static_rr;
mod table;

pub use explain::{Choice, Why, in_order};
pub(crate) use hash_function::avalanche;
pub use hash_key::HashKey;
pub use pool::Candidate;
pub use table::{Loads, Request, Table, dynamic_limit};

/// How a backend chooses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    pub algorithm: Algorithm,
    pub hash: HashType,
    /// No server gets more than so many percent of the average (`hash-balance-factor`); 0 is no limit.
    pub balance_factor: u32,
    /// All backups share the load instead of the first alone.
    pub all_backups: bool,
}

impl Policy {
    /// Whether the algorithm can follow a weight while it runs; tables that map hashes are built once.
    pub fn is_dynamic(&self) -> bool {
        match self.algorithm {
            Algorithm::RoundRobin | Algorithm::LeastConn | Algorithm::First | Algorithm::Random { .. } => true,
            Algorithm::StaticRr => false,
            Algorithm::Source | Algorithm::HashSrc | Algorithm::Hash => self.hash.method != HashMethod::MapBased,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    #[default]
    RoundRobin,
    StaticRr,
    LeastConn,
    First,
    Source,
    Random {
        draws: u32,
    },
    /// `hash` of any other expression, which the request brings.
    Hash,
    /// `hash src`: like `source`, but through the hash function of the hash type.
    HashSrc,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HashType {
    pub method: HashMethod,
    pub function: HashFunction,
    pub avalanche: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HashMethod {
    #[default]
    MapBased,
    Consistent,
    /// Not in HAProxy: a map that moves few clients when it changes.
    Maglev,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HashFunction {
    #[default]
    Sdbm,
    Djb2,
    Wt6,
    Crc32,
    None,
}
