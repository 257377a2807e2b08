//! What a balancer knows and its configuration does not: the state that one process leaves to the next.
//!
//! Times are ages, because two processes share no clock. What an operator changed is kept beside what the configuration
//! said then: if the file was edited since, the file is the newer word and wins. [`Snapshot::to_bytes`] seals the text with
//! its length and a checksum, so that [`Snapshot::from_bytes`] takes all of it or nothing. HAProxy's two files, which hold
//! parts of the same, read into the same type ([`Snapshot::from_server_state`], [`stats_file`]).

mod decode;
mod encode;
mod event;
mod files;
mod lists;
mod orders;
mod roster;
mod seal;
mod server_state;
mod since;
pub mod stats_file;
mod table;
mod text;

use crate::ServerId;
use crate::backend::Saved;
use crate::stats::histogram::Distributions;
use crate::stats::hour;
use crate::stats::{Field, Kind, Nature, Row};
use crate::stick::{Dumped, Key, KeyType, Raw};
use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

pub use decode::SnapshotError;
pub use event::Event;
pub use files::{FileKind, FileStage, FileState};
pub use lists::ListState;
pub use orders::{FrontendOrders, ProcessCounts, ProcessOrders};
pub use roster::{Made, Roster, Unmade};
pub use server_state::ServerStateError;

/// The state of one balancer at one moment. Parts that are not there say nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// When it was taken, in milliseconds since 1970; 0 when nobody knows.
    pub taken: u64,
    pub process: ProcessOrders,
    pub counts: ProcessCounts,
    pub reloads: Reloads,
    /// What happened to servers lately, the oldest first.
    pub events: Vec<Event>,
    pub frontends: Vec<FrontendState>,
    pub backends: Vec<BackendState>,
    pub tables: Vec<TableState>,
    /// Lists of patterns that operators have changed.
    pub lists: Vec<ListState>,
    /// Files of TLS that operators have changed.
    pub files: Vec<FileState>,
    /// Backends of the configuration that operators have deleted.
    pub unmade: Vec<Unmade>,
    /// The word by which the statistics page knows its own forms.
    pub page: Option<Box<str>>,
}

/// How often the configuration was read again, since the first of all processes that handed over to each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reloads {
    pub followed: u64,
    pub refused: u64,
    /// By a new process that took over.
    pub replacements: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrontendState {
    pub name: Arc<str>,
    pub counters: Counters,
    pub orders: FrontendOrders,
    pub listeners: Vec<ListenerState>,
}

/// What was counted at one listener, where listeners count for themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerState {
    /// Where it listens, as it is shown.
    pub at: Box<str>,
    pub counters: Counters,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendState {
    pub name: Arc<str>,
    pub counters: Counters,
    /// How long it has been up or down as a whole.
    pub age: Duration,
    /// How long ago a session last began.
    pub last_session: Option<Duration>,
    /// An operator has made it.
    pub made: Option<Made>,
    /// Rules lead nobody there, by order.
    pub is_unpublished: bool,
    /// Which servers operators have added and removed.
    pub roster: Roster,
    pub servers: Vec<ServerState>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerState {
    pub name: Arc<str>,
    pub id: ServerId,
    pub health: Option<Saved>,
    /// Where an operator moved it.
    pub moved: Option<Moved>,
    /// Where an operator has it checked.
    pub check_moved: Option<Elsewhere>,
    /// Where an operator has its agent asked, and what is said to it.
    pub agent_moved: Option<OtherAgent>,
    pub told: Option<Told>,
    pub counters: Counters,
    /// How long ago a session last began.
    pub last_session: Option<Duration>,
    /// How its sessions were spread.
    pub spread: Option<Box<Distributions>>,
    pub hour: Vec<hour::Past>,
}

/// Another place than the configuration names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// What the configuration named, as it is shown; empty when that does not matter.
    pub from: Box<str>,
    pub ip: IpAddr,
    pub port: Option<u16>,
}

/// Another place for questions than the configuration names. What is not there is as configured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Elsewhere {
    /// What the configuration named, as it is shown; empty when that does not matter.
    pub from: Box<str>,
    pub ip: Option<IpAddr>,
    /// 0 is the server's own.
    pub port: Option<u16>,
}

/// Another agent than the configuration names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct OtherAgent {
    pub at: Elsewhere,
    /// What is said to it, if that is something else.
    pub send: Option<Box<str>>,
}

/// What an operator has said of how it is found and spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What the configuration named, as it is shown.
    pub from: Box<str>,
    /// Another name to look up.
    pub fqdn: Option<Box<str>>,
    /// Without the TLS that is configured.
    pub is_plain: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableState {
    pub name: Arc<str>,
    pub key: KeyType,
    pub entries: Vec<Dumped>,
    /// Of these some peer has not confirmed what changed here.
    pub untold: HashSet<Key<'static>>,
}

/// What was counted, under the names of the statistics; what is not there is 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters(BTreeMap<Field, u64>);

impl Snapshot {
    pub fn frontend(&self, name: &str) -> Option<&FrontendState> {
        self.frontends.iter().find(|f| *f.name == *name)
    }

    pub fn backend(&self, name: &str) -> Option<&BackendState> {
        self.backends.iter().find(|b| *b.name == *name)
    }

    pub fn table(&self, name: &str) -> Option<&TableState> {
        self.tables.iter().find(|t| *t.name == *name)
    }

    /// As if it had been taken so much earlier: every age grows, and what had less time left than that is gone.
    pub fn aged(mut self, by: Duration) -> Snapshot {
        for backend in &mut self.backends {
            backend.age += by;
            backend.last_session.iter_mut().for_each(|ago| *ago += by);
            for server in &mut backend.servers {
                server.health.iter_mut().for_each(|saved| saved.age += by);
                server.last_session.iter_mut().for_each(|ago| *ago += by);
            }
        }
        for table in &mut self.tables {
            table.entries.retain_mut(|entry| grow_old(entry, by));
        }
        self
    }
}

impl FrontendState {
    pub fn new(name: Arc<str>) -> FrontendState {
        FrontendState {
            name,
            counters: Counters::default(),
            orders: FrontendOrders::default(),
            listeners: Vec::new(),
        }
    }

    /// What was counted where this listens.
    pub fn listener(&self, at: &str) -> Option<&Counters> {
        self.listeners.iter().find(|l| *l.at == *at).map(|l| &l.counters)
    }
}

impl BackendState {
    pub fn new(name: Arc<str>) -> BackendState {
        BackendState {
            name,
            counters: Counters::default(),
            age: Duration::ZERO,
            last_session: None,
            made: None,
            is_unpublished: false,
            roster: Roster::default(),
            servers: Vec::new(),
        }
    }

    /// The server of that name; a server that was renamed is another one.
    pub fn server(&self, name: &str) -> Option<&ServerState> {
        self.servers.iter().find(|s| *s.name == *name)
    }
}

impl ServerState {
    pub fn new(name: Arc<str>, id: ServerId) -> ServerState {
        ServerState {
            name,
            id,
            health: None,
            moved: None,
            check_moved: None,
            agent_moved: None,
            told: None,
            last_session: None,
            spread: None,
            hour: Vec::new(),
            counters: Counters::default(),
        }
    }
}

/// False when it has not lived to see that.
fn grow_old(entry: &mut Dumped, by: Duration) -> bool {
    let millis = u32::try_from(by.as_millis()).unwrap_or(u32::MAX);
    for value in &mut entry.values {
        if let Raw::Rate { age, .. } = &mut value.raw {
            *age = age.saturating_add(millis);
        }
    }
    let Some(left) = &mut entry.left else { return true };
    *left = left.saturating_sub(by);
    !left.is_zero()
}

impl Counters {
    /// What lasts in a row of the statistics: counts and maxima, not what is true at the moment only.
    pub fn of(row: &Row) -> Counters {
        let lasting = row.values().filter(|(field, _)| lasts(*field, row.kind()));
        let counted = lasting.filter_map(|(field, value)| Some((field, u64::try_from(value.number()?).ok()?)));
        Counters(counted.filter(|(_, n)| *n > 0).collect())
    }

    /// 0 when nothing was counted.
    pub fn count(&self, field: Field) -> u64 {
        self.0.get(&field).copied().unwrap_or(0)
    }

    pub fn set(&mut self, field: Field, count: u64) {
        self.0.insert(field, count);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (Field, u64)> {
        self.0.iter().map(|(field, count)| (*field, *count))
    }
}

fn lasts(field: Field, kind: Kind) -> bool {
    // HAProxy calls the most sessions of a backend in one second a gauge, and averages are of the latest sessions.
    let is_kept = matches!(field, Field::RateMax | Field::Qtime | Field::Ctime | Field::Ttime);
    field.is_of(kind) && (is_kept || matches!(field.tags(kind).nature, Nature::Counter | Nature::Max))
}

#[cfg(test)]
mod tests;
