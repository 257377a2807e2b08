//! Where clients come in.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tandem_lb_core::rules::{Requests, Routes};

use super::{Buffers, Forward, LogRule, ProxyLogs, Stats, Termination};
use crate::written::Written;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frontend {
    pub name: Arc<str>,
    /// Numeric id, counted over all proxies in the order of the file: from 1, or from 2 with a stats socket.
    pub id: u32,
    /// The place of its section among those of all proxies.
    pub place: u32,
    /// Some rule or line asks which rule decided last.
    pub remembers_rules: bool,
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
    /// How many bytes rules look at, of what either side sends first.
    pub inspected: u32,
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
