//! The Plan: what a configuration means, with defaults applied, names resolved and nothing left to check.
//!
//! Both dialects end here, and the runtime reads nothing else. Lists keep the order of the file, because pages, CSV and
//! hashes show it.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tandem_lb_core::ServerId;
use tandem_lb_core::acl::{Condition, Library};
use tandem_lb_core::backend::{Conduct, Tracked};
use tandem_lb_core::balance::{HashKey, Policy};
use tandem_lb_core::conn::Redispatch;
use tandem_lb_core::expr::{Expr, Variable};
use tandem_lb_core::health::CheckSettings;
use tandem_lb_core::log::format::{Field, Format};
use tandem_lb_core::probe::Script;
use tandem_lb_core::proxy_header;
use tandem_lb_core::rules::{Made, Persistence, Requests, Routes, Sticking, UseServer};
use tandem_lb_core::stick::TableSettings;

use crate::draft::UnixBind;
use crate::tls::Defaults;
use crate::written::Written;

mod external;
mod forward;
mod made;
mod peers;
mod resolvers;
mod ring;
mod source;
mod tls;
mod userlist;

pub use external::External;
pub use forward::Forward;
pub use made::{Mould, Moulds, Newcomers};
pub use peers::*;
pub use resolvers::*;
pub use ring::{Framing, Ring, RingName, RingServer};
pub use source::{Guise, Source};
pub use tls::*;
pub use userlist::{Crypted, NotCrypted, Password, User, Userlist};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub global: Global,
    pub frontends: Vec<Frontend>,
    pub backends: Vec<Backend>,
    pub resolvers: Vec<Resolvers>,
    pub peers: Vec<Peers>,
    pub rings: Vec<Ring>,
    /// The lists of patterns that ACLs and maps of all sections read. Their content is part of those sections.
    pub patterns: Library,
    /// All stick tables, in the order of the file.
    pub tables: Vec<Table>,
    /// What backends begin with that an operator makes.
    pub moulds: Moulds,
}

impl Plan {
    /// Whether there is anything to listen on; without it a process would only sit there.
    pub fn listens(&self) -> bool {
        let open =
            |frontend: &Frontend| !frontend.disabled && (!frontend.binds.is_empty() || frontend.forward.is_some());
        self.frontends.iter().any(open) || !self.global.stats_sockets.is_empty()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Global {
    pub logs: Vec<LogTarget>,
    pub log_tag: Option<String>,
    /// `log-send-hostname`: the host name to put into syslog lines; empty means the system's.
    pub log_hostname: Option<String>,
    /// The most client connections of the whole process; `None` derives it from the file limit.
    pub maxconn: Option<u32>,
    /// `maxconnrate` and `maxsessrate`: how many clients may come in a second, and how many of those the rules let in.
    pub connection_rate: Option<u32>,
    pub session_rate: Option<u32>,
    /// `maxsslconn` and `maxsslrate`: how many may speak TLS, clients and servers together, and how many clients may
    /// begin to in a second.
    pub tls_connections: Option<u32>,
    pub tls_rate: Option<u32>,
    /// `fd-hard-limit`: how many files may be open, however many the system allows.
    pub files: Option<u32>,
    pub daemon: bool,
    /// Worker threads; `None` is one for each usable CPU.
    pub threads: Option<u16>,
    pub accept: AcceptPolicy,
    pub pidfile: Option<PathBuf>,
    pub user: Option<String>,
    pub group: Option<String>,
    pub chroot: Option<PathBuf>,
    pub node: Option<String>,
    pub description: Option<String>,
    pub hard_stop_after: Option<Duration>,
    /// Over how long a soft stop closes the connections that are left.
    pub close_spread_time: Option<Duration>,
    /// `localpeer`: what this process is called among its peers; `None` is the host's name.
    pub local_peer: Option<Arc<str>>,
    /// `spread-checks`: percent of jitter on check intervals, 0 to 50.
    pub spread_checks: u8,
    /// `maxpipes`: how many pipes bytes may be spliced through; `None` is as the files allow.
    pub pipes: Option<u32>,
    /// `nosplice`: everything is copied.
    pub no_splice: bool,
    /// Programs may be run as checks (`external-check`).
    pub external_checks: bool,
    pub stats_sockets: Vec<StatsSocket>,
    pub stats_timeout: Option<Duration>,
    /// `stats maxconn`: how many clients each of them serves at a time.
    pub stats_clients: Option<u32>,
    pub state: StateFiles,
    /// `set-var` and `set-var-fmt`: variables of the process, and their first values.
    pub variables: Vec<FirstValue>,
    /// `unix-bind`; empty in a Plan, where each listener says it.
    pub(crate) unix_bind: UnixBind,
    /// `tune.rcvbuf.*` and `tune.sndbuf.*`; empty in a Plan, where each frontend and server says it.
    pub(crate) client_buffers: Buffers,
    pub(crate) server_buffers: Buffers,
    /// What lines about TLS need not say; empty in a Plan, where each says it.
    pub(crate) tls: Defaults,
}

/// How many bytes the kernel keeps of a connection, each way; what is not said is as the system does it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Buffers {
    pub receive: Option<u32>,
    pub send: Option<u32>,
}

/// What a variable of the process is at first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstValue {
    pub variable: Variable,
    pub value: Made,
    /// What stands behind the keyword.
    pub written: Box<str>,
}

/// Files that carry state from one process to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateFiles {
    /// `tandem-state-file`: our own, read at the start and written while running.
    pub own: Option<PathBuf>,
    /// How often; `None` is usual.
    pub every: Option<Duration>,
    /// `server-state-file`: what a script saved of `show servers state`; only read.
    pub servers: Option<PathBuf>,
    /// `server-state-base`: where names of such files that begin with no `/` are looked for.
    pub servers_base: Option<PathBuf>,
    /// `stats-file`: counters to begin with; only read.
    pub stats: Option<PathBuf>,
}

/// `load-server-state-from-file`: where a backend finds the states of its servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ServerStates {
    #[default]
    None,
    Global,
    /// A file of its own; `None` is named like the backend.
    Local(Option<PathBuf>),
}

/// How new connections find their worker (design, section 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AcceptPolicy {
    /// One listener; a new connection goes to the less loaded of two workers.
    #[default]
    Shared,
    /// A listener for each worker; the kernel chooses.
    Reuseport,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatsSocket {
    pub address: BindAddress,
    /// Where it was written (`file:line`), for errors that only show at run time.
    pub origin: Arc<str>,
    pub level: Level,
    pub file: SocketFile,
    pub expose_listeners: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    User,
    #[default]
    Operator,
    Admin,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogTarget {
    pub to: LogAddress,
    /// `None` is HAProxy's default: `local`, or `rfc3164` when lines carry a host name.
    pub format: Option<LogFormat>,
    /// The longest line; longer ones are cut.
    pub length: u16,
    pub facility: Facility,
    /// Lines less severe than this are not sent.
    pub max: Severity,
    /// Lines more severe than this are sent as this.
    pub min: Severity,
    pub sample: Option<Sample>,
}

/// `sample RANGES:SIZE`: of so many lines these are sent, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    pub ranges: Vec<RangeInclusive<u32>>,
    pub of: NonZeroU32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogAddress {
    Udp {
        host: Host,
        port: u16,
    },
    Unix(PathBuf),
    Stdout,
    Stderr,
    Fd(i32),
    /// A section `ring`.
    Ring(RingName),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Rfc3164,
    Rfc5424,
    Local,
    Short,
    Timed,
    Iso,
    Priority,
    Raw,
}

/// A syslog facility by its number, 0 (`kern`) to 23 (`local7`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facility(pub u8);

/// A syslog severity; `Emerg` is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Emerg,
    Alert,
    Crit,
    Err,
    Warning,
    Notice,
    Info,
    Debug,
}

/// Where lines of one proxy go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyLogs {
    /// `log global`
    pub global: bool,
    pub own: Vec<LogTarget>,
    /// `log-tag`, instead of the one of the process.
    pub tag: Option<Arc<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frontend {
    pub name: Arc<str>,
    /// Numeric id, counted over all proxies in the order of the file: from 1, or from 2 with a stats socket.
    pub id: u32,
    pub disabled: bool,
    pub binds: Vec<Bind>,
    pub maxconn: Option<u32>,
    /// `rate-limit sessions`: how many may come in a second.
    pub session_rate: Option<u32>,
    pub backlog: Option<u32>,
    pub logs: ProxyLogs,
    pub log_rule: LogRule,
    /// `timeout client` and `timeout client-fin`
    pub timeout_client: Option<Duration>,
    pub timeout_client_fin: Option<Duration>,
    /// For what comes before the client's own words; `timeout client` where none is said.
    pub timeout_client_hs: Option<Duration>,
    /// For people who read the page.
    pub description: Option<Arc<str>>,
    pub buffers: Buffers,
    /// Keepalive towards clients (`option tcpka`, `option clitcpka`).
    pub keepalive: Option<Keepalive>,
    /// `option nolinger`: closing forgets what was not received yet.
    pub nolinger: bool,
    /// `option independent-streams`: what is written to a client does not show that it is there.
    pub independent_streams: bool,
    /// The `tcp-request` rules.
    pub requests: Requests,
    /// `use_backend`, in the order of the file, with the ACLs of `requests`.
    pub routes: Routes,
    pub service: Service,
    pub written: Written,
    /// `guid`: the name under which a `stats-file` knows it.
    pub guid: Option<Arc<str>>,
    /// `option socket-stats`: each listener counts for itself.
    pub socket_stats: bool,
    /// `tandem-forward`: the kernel carries its packets, and it has no `binds`.
    pub forward: Option<Forward>,
}

/// What a frontend does with a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "there are as many as frontends, and none is moved about"
)]
pub enum Service {
    /// Relays it to the backend at this place of [`Plan::backends`]; `None` when none was named: accepted and closed.
    Tcp { backend: Option<usize> },
    /// Answers HTTP itself: the statistics page.
    Stats(Stats),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Whether the page is shown; a section may serve metrics alone.
    pub page: bool,
    pub uri: String,
    /// Where metrics are served: `None` is `/metrics`, an empty path is everywhere but at the page.
    pub metrics: Option<String>,
    pub refresh: Option<Duration>,
    pub realm: Option<String>,
    pub auth: Vec<(String, String)>,
    /// Whoever sees it may change what it shows.
    pub admin: bool,
    /// So may who fits one of these (`stats admin`), with the ACLs of the frontend.
    pub changers: Vec<Condition>,
    /// `stats http-request`: the first that fits decides who sees it, with the ACLs of the frontend.
    pub rules: Vec<PageRule>,
    /// Whom these ask about.
    pub lists: Vec<Arc<Userlist>>,
    pub hide_version: bool,
    pub scopes: Vec<String>,
    pub show_node: Option<String>,
    pub show_desc: Option<String>,
    pub show_legends: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRule {
    pub verdict: Verdict,
    pub when: Option<Condition>,
}

/// About who asks for a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Allow,
    Deny,
    /// A user and a password are wanted, in the name of this.
    Auth {
        realm: Option<Box<str>>,
    },
}

/// What lines say, and which are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogRule {
    /// `option tcplog` or `log-format`; otherwise HAProxy's short "Connect from" line.
    pub format: Option<Arc<Format>>,
    /// `log-format-sd`: for targets of the format `rfc5424`.
    pub structured: Option<Arc<Format>>,
    /// `unique-id-format`
    pub unique_id: Option<Arc<Format>>,
    /// `error-log-format`: of connections that come to be no session.
    pub error: Option<Arc<Format>>,
    pub dontlognull: bool,
    pub dontlog_normal: bool,
    pub log_separate_errors: bool,
    pub logasap: bool,
}

impl LogRule {
    /// Whether a line shows one of these.
    pub fn shows(&self, fields: &[Field]) -> bool {
        self.formats().any(|format| format.shows(fields))
    }

    /// Whether a line has expressions.
    pub fn asks(&self) -> bool {
        self.formats().any(|format| format.asks())
    }

    fn formats(&self) -> impl Iterator<Item = &Format> {
        [&self.format, &self.structured, &self.unique_id]
            .into_iter()
            .filter_map(|format| format.as_deref())
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keepalive {
    pub idle: Option<Duration>,
    pub interval: Option<Duration>,
    pub count: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bind {
    pub address: BindAddress,
    pub name: Option<String>,
    /// The number in statistics and for rules.
    pub id: u32,
    /// Where it was written (`file:line`), for errors that only show at run time.
    pub origin: Arc<str>,
    pub backlog: Option<u32>,
    pub maxconn: Option<u32>,
    pub interface: Option<String>,
    pub v6only: Option<bool>,
    pub transparent: bool,
    /// `guid-prefix`: its listeners are this, `-` and a number from 0.
    pub guid_prefix: Option<Arc<str>>,
    /// Each connection begins with a PROXY header.
    pub accept_proxy: bool,
    /// `tcp-ut`: how long what was sent to a client may stay without an answer.
    pub user_timeout: Option<Duration>,
    /// `mss`: the longest segment.
    pub segment: Option<u32>,
    /// A client is only let in when it has said something.
    pub defer_accept: bool,
    /// Of a unix socket.
    pub file: SocketFile,
    /// `ssl`
    pub tls: Option<Arc<Termination>>,
}

/// The rights of a unix socket's file; what is not said is as the system makes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SocketFile {
    pub mode: Option<u32>,
    pub user: Option<String>,
    pub group: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindAddress {
    /// A wildcard is `0.0.0.0` or `::`.
    Ip {
        ip: IpAddr,
        port: u16,
    },
    Unix(PathBuf),
    /// `abns@`: a unix socket whose name is no file.
    Abstract(String),
    /// A listener that the parent opened.
    Fd(i32),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    pub name: Arc<str>,
    pub id: u32,
    /// For people who read the page.
    pub description: Option<Arc<str>>,
    pub disabled: bool,
    pub policy: Policy,
    /// What `balance hash` hashes, when it is more than the source address.
    pub hash_key: Option<Expr>,
    pub timeout_connect: Option<Duration>,
    pub timeout_server: Option<Duration>,
    pub timeout_server_fin: Option<Duration>,
    pub timeout_tunnel: Option<Duration>,
    pub timeout_check: Option<Duration>,
    pub timeout_queue: Option<Duration>,
    /// How many connections are its full load; `None` is a tenth of what the frontends may send.
    pub fullconn: Option<u32>,
    pub retries: u32,
    pub redispatch: Redispatch,
    pub keepalive: Option<Keepalive>,
    /// `option nolinger`, towards servers.
    pub nolinger: bool,
    pub logs: ProxyLogs,
    pub log_health_checks: bool,
    /// `stick …`, in the order of the file, with the ACLs of `requests`.
    pub stick: Vec<Sticking>,
    /// The `tcp-request content` rules, for connections that another frontend sends here.
    pub requests: Requests,
    /// `option independent-streams`, of servers.
    pub independent_streams: bool,
    /// With the ACLs of `requests`.
    pub persistence: Persistence,
    /// `option abortonclose`: whoever ends what it says before it has a server is not waited for.
    pub abort_on_close: bool,
    /// `use-server`, in the order of the file, with the ACLs of `requests`.
    pub use_server: Vec<UseServer>,
    pub servers: Vec<Server>,
    pub newcomers: Newcomers,
    pub written: Written,
    pub guid: Option<Arc<str>>,
    pub server_states: ServerStates,
    /// Other sections or expressions name it, so it cannot go by itself.
    pub is_named: bool,
}

/// One stick table. It has the name of the proxy that declares it, or is `SECTION/NAME` of a section of peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub name: Arc<str>,
    pub settings: TableSettings,
    /// The section whose peers share it.
    pub peers: Option<Arc<str>>,
}

impl Table {
    /// What peers call it.
    pub fn name_among_peers(&self) -> Arc<str> {
        match self.name.split_once('/') {
            Some((_, name)) => format!("/{name}").into(),
            None => self.name.clone(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    pub name: Arc<str>,
    pub id: ServerId,
    pub host: Host,
    pub port: ServerPort,
    pub origin: Arc<str>,
    /// 0 to 256.
    pub weight: u16,
    pub backup: bool,
    /// Rules, expressions or servers that follow it name it, so it cannot go by itself, nor be called otherwise.
    pub is_named: bool,
    /// `disabled`: starts in maintenance.
    pub disabled: bool,
    /// 0 is no limit.
    pub maxconn: u32,
    /// The limit while its backend has little to do; 0 is always `maxconn`.
    pub minconn: u32,
    pub non_stick: bool,
    /// The most that may wait for it alone; 0 is no limit.
    pub maxqueue: u32,
    pub conduct: Conduct,
    /// How long what is sent to it may stay unacknowledged (`tcp-ut`); `None` is as long as the system says.
    pub user_timeout: Option<Duration>,
    pub buffers: Buffers,
    /// Where connections to it come from.
    pub source: Option<Arc<Source>>,
    pub agent: Option<Agent>,
    /// Whom it follows.
    pub tracks: Option<Arc<Tracked>>,
    /// What places it among hashes.
    pub hash_key: HashKey,
    /// The PROXY header that each connection begins with.
    pub send_proxy: Option<proxy_header::Write>,
    pub check: Option<Check>,
    /// `ssl`
    pub tls: Option<Arc<Origination>>,
    pub guid: Option<Arc<str>>,
    /// How its name is looked up while running; `None` when it is not.
    pub resolve: Option<Arc<Resolve>>,
    /// What to try for its first address, in this order.
    pub init_addr: Arc<[InitAddr]>,
}

/// A program on the server's host that says how it is (`agent-check`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    pub settings: CheckSettings,
    /// Where it is when not at the server's address.
    pub ip: Option<IpAddr>,
    pub port: u16,
    /// What is said to it first.
    pub send: Option<Box<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub settings: CheckSettings,
    /// Where to connect when it is not the server itself.
    pub host: Option<Host>,
    pub port: Option<u16>,
    /// What is said once connected; `None` when that is enough.
    pub script: Option<Arc<Script>>,
    /// How long the answers may take, from the connection on. `None`: the connection's time is for all of it.
    pub answer_timeout: Option<Duration>,
    /// The program that makes it, instead.
    pub external: Option<Arc<External>>,
    /// The PROXY header that a check begins with, where the script does not say otherwise.
    pub send_proxy: Option<proxy_header::Write>,
    /// `check-ssl`
    pub tls: Option<Arc<CheckTls>>,
}

/// A name is looked up at start, and with `resolvers` for as long as the process runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    Ip(IpAddr),
    Name(String),
    Unix(PathBuf),
    /// `abns@`: a unix socket whose name is no file.
    Abstract(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerPort {
    Fixed(u16),
    /// The client's destination port plus this (no port given, or `:+N` and `:-N`).
    Offset(i32),
}
