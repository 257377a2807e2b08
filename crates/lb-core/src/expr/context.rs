//! What an expression may ask of the world.

use std::sync::Arc;

use super::{Ask, Content, Sample, Subject, TlsFact, Variable};

/// One connection as its rules see it. The runtime answers; nothing here waits.
pub trait Context {
    /// The client's first bytes; `None` where there is no buffer yet, as when it was only just accepted.
    fn content(&self) -> Option<Content<'_>>;

    /// The server's first bytes; `None` where rules are not about those.
    fn response(&self) -> Option<Content<'_>> {
        None
    }

    fn fact(&self, fact: &Fact) -> Option<Sample<'_>>;

    fn variable(&self, variable: &Variable) -> Option<Sample<'_>>;

    /// A converter sets a variable, or forgets it. Where there is nobody whose it could be, nothing happens.
    fn keep(&self, variable: &Variable, value: Option<Sample<'static>>) {
        let _nobody_keeps = (variable, value);
    }

    /// What a stick table says, that of this name; a tracked entry is asked in its own when none is named.
    fn counter(&self, of: Subject<'_>, table: Option<&Arc<str>>, ask: Ask) -> Option<Sample<'static>> {
        let _nobody_counts = (of, table, ask);
        None
    }

    /// The groups of whoever has shown a password of this list; `None` where nobody has.
    fn groups(&self, list: &str) -> Option<&[Arc<str>]> {
        let _nobody_asks_for_passwords = list;
        None
    }

    /// The wall clock in microseconds since 1970.
    fn wall_micros(&self) -> i64;

    /// How many seconds clocks here are ahead of UTC at this moment, in seconds since 1970.
    fn local_offset(&self, at: i64) -> i32;
}

/// What the runtime knows. A name that is left out means the connection's own frontend, backend or server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    Src,
    SrcPort,
    Dst,
    DstPort,
    SrcIsLocal,
    DstIsLocal,
    /// Whether the connection began with a PROXY header, and what that said.
    ProxyHeader,
    ProxyAuthority,
    ProxyUniqueId,
    /// What the connection is called (`unique-id-format`).
    Identity,
    /// Where the rule is written that decided last.
    LastRuleFile,
    LastRuleLine,
    /// Connections of the listener's frontend, as `dst_conn` counts them.
    DstConn,
    FrontendName,
    FrontendId,
    BackendName,
    BackendId,
    ServerName,
    ServerId,
    ListenerId,
    ListenerName,
    /// `prio_class`, `prio_offset`
    PriorityClass,
    PriorityOffset,
    /// What a PROXY header of version 2 says under this number.
    Tlv(u8),
    /// How long a packet and its answer take.
    RoundTrip {
        of_server: bool,
        what: Trip,
        in_micros: bool,
    },
    /// How many segments to or from the other end are on their way, lost and so on.
    Segments {
        of_server: bool,
        what: Segments,
    },
    /// The ends of the connection to the server.
    ServerSide(End),
    ServerSidePort(End),
    /// What was wrong with a connection before it could be used: HAProxy's number for it, or its words.
    Trouble {
        of_server: bool,
        in_words: bool,
    },
    /// The backend that clients go to whom no rule sends elsewhere.
    DefaultBackend,
    /// A `timeout` of the connection's proxies; with `now`, one that counts at this moment.
    Timeout {
        of: Silence,
        now: bool,
    },
    FrontendConns(Option<Arc<str>>),
    FrontendRate(Option<Arc<str>>),
    BackendConns(Option<Arc<str>>),
    BackendFree(Option<Arc<str>>),
    BackendRate(Option<Arc<str>>),
    UsableServers(Option<Arc<str>>),
    ConnSlots(Option<Arc<str>>),
    Queued(Option<Arc<str>>),
    AverageQueue(Option<Arc<str>>),
    ServerConns(ServerRef),
    ServerFree(ServerRef),
    ServerIsUp(ServerRef),
    ServerQueue(ServerRef),
    ServerRate(ServerRef),
    ServerWeight(ServerRef),
    /// As it is configured, and as it was said last: neither knows of a slow start.
    ServerFirstWeight(ServerRef),
    ServerSaidWeight(ServerRef),
    /// How many entries there is room for in this stick table, and how many it has.
    TableRoom(Arc<str>),
    TableLength(Arc<str>),
    Tls(TlsFact),
    Threads,
    Thread,
    /// Connections of the process.
    Connections,
    /// Whether the process will never take another connection.
    IsStopping,
    ProcessNumber,
    Hostname,
    /// What the server that is checked is told of itself.
    Checked,
    /// Up to one below this, all 32 bits without.
    Rand(Option<u32>),
    Uuid,
}

/// What of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trip {
    Usual,
    Variance,
}

/// What the kernel counts of a TCP connection, in segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segments {
    Unacknowledged,
    Selected,
    Lost,
    Retransmitted,
    Forward,
    Reordering,
}

/// One end of a connection: ours, or the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Ours,
    Theirs,
}

/// Whose silence a `timeout` is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    Client,
    Connect,
    Queue,
    Server,
    Tunnel,
}

/// `server` or `backend/server`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerRef {
    pub backend: Option<Arc<str>>,
    pub server: Arc<str>,
}

impl ServerRef {
    pub fn parse(text: &str) -> ServerRef {
        let (backend, server) = match text.split_once('/') {
            Some((backend, server)) => (Some(backend.into()), server),
            None => (None, text),
        };
        ServerRef {
            backend,
            server: server.into(),
        }
    }
}
