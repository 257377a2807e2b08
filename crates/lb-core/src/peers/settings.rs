//! Who a section's peers are and what they share; what goes in and out of its machine.

use std::sync::Arc;

use super::{Malformed, Status, Update};
use crate::stick::{Changes, Since, TableSettings};

/// One section of peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What this process is called among them.
    pub local: Arc<str>,
    pub pid: u32,
    /// Entries are spread over so many peers; 0 is not at all.
    pub shards: u32,
    pub peers: Vec<Peer>,
    pub tables: Vec<Shared>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    pub name: Arc<str>,
    /// Where it is, as the configuration has it; one that has moved is another one.
    pub place: Arc<str>,
    /// This process, or one before or after it.
    pub is_local: bool,
    /// The part of the entries that it gets; 0 is all of them.
    pub shard: u32,
}

/// A table that they share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// What peers call it.
    pub name: Arc<str>,
    pub settings: TableSettings,
    /// Which key belongs to which shard.
    pub hash_seed: u64,
}

/// The number of a connection, which the runtime gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

#[derive(Debug)]
pub enum Input<'a> {
    /// Somebody has connected.
    Accepted(ConnId),
    /// The connection that was asked for is there.
    Connected {
        peer: usize,
        conn: ConnId,
    },
    /// It cannot be had.
    Unreachable {
        peer: usize,
    },
    Bytes {
        conn: ConnId,
        bytes: &'a [u8],
    },
    /// So many bytes of what was to be sent are gone.
    Written {
        conn: ConnId,
        count: usize,
    },
    Closed(ConnId),
    /// The last change that was made here to this table.
    Changed {
        table: usize,
        last_own: u64,
    },
    /// The answer to [`Output::Read`].
    Entries {
        conn: ConnId,
        table: usize,
        changes: Changes,
        /// The number of the table's last change.
        last: u64,
    },
    /// This process ends, and another one at the local address may go on with its tables.
    Leaving,
    /// The tables go elsewhere: until the opposite is said nobody is spoken to.
    Resting(bool),
    /// The tables are those of a process before this one: there is nothing to ask for.
    Inherited,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    Connect {
        peer: usize,
    },
    Send {
        conn: ConnId,
        bytes: Vec<u8>,
    },
    /// When all is sent.
    Close(ConnId),
    /// A peer has said this about a table. What has changed here behind the number `unless` it has not heard of yet.
    Learn {
        table: usize,
        update: Update,
        unless: Option<u64>,
    },
    /// What has changed in a table is wanted, at most so many changes.
    Read {
        conn: ConnId,
        table: usize,
        since: Since,
        most: usize,
    },
    Event(Event),
}

/// Something worth a line in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Up {
        peer: usize,
    },
    /// Said once until it is up again, or for another reason.
    Down {
        peer: usize,
        why: Why,
    },
    /// Somebody who is no peer, or does not speak like one.
    Stranger {
        why: Why,
    },
    /// All tables are as the others have them, or nobody was there to be asked.
    Learned {
        from: Option<usize>,
    },
    /// The process behind this one has all tables.
    Taught,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    #[error("it cannot be reached")]
    Unreachable,
    #[error("the connection has ended")]
    Closed,
    #[error("it has said nothing for {} seconds", super::SILENCE.as_secs())]
    Silent,
    #[error("another connection has taken its place")]
    Replaced,
    #[error("it answers {}", .0.code())]
    Refused(Status),
    #[error("{0}")]
    Malformed(#[from] Malformed),
    #[error("it reports the error {0}")]
    Error(u8),
    #[error("the tables have changed")]
    Reconfigured,
    #[error("too many wait to be greeted")]
    TooMany,
    #[error("it does not take what is said to it")]
    Slow,
}
