//! What is said of the process as a whole.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tandem_lb_core::expr::{Variable, content};
use tandem_lb_core::rules::Made;

use super::{BindAddress, LogTarget, SocketFile};
use crate::draft::UnixBind;
use crate::names::{LEVELS, SEVERITY_OUTPUTS, meant};
use crate::tls::Defaults;

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
    /// `ulimit-n`: how many have to be allowed.
    pub open_files: Option<u32>,
    /// `no strict-limits`: where there cannot be so many, it starts with fewer.
    pub lenient_limits: bool,
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
    /// `max-spread-checks`: over how long the first checks are spread at most.
    pub first_checks_within: Option<Duration>,
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
    /// `tune.bufsize` and `tune.maxrewrite`; empty in a Plan, where each frontend says it.
    pub(crate) inspected: Inspected,
    /// What lines about TLS need not say; empty in a Plan, where each says it.
    pub(crate) tls: Defaults,
}

/// How many bytes the kernel keeps of a connection, each way; what is not said is as the system does it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Buffers {
    pub receive: Option<u32>,
    pub send: Option<u32>,
}

/// How much of what a side sends first the rules look at, as HAProxy says it: the size of a buffer, and what is kept free
/// of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Inspected {
    pub(crate) size: Option<u32>,
    pub(crate) reserve: Option<u32>,
}

impl Inspected {
    /// Bytes are looked at where they are, with one buffer for each thread.
    pub(crate) const MOST: u32 = content::MOST as u32;
    const SIZE: u32 = 16_384;
    const RESERVE: u32 = 1024;

    /// How many bytes that is, and whether more were asked for.
    pub(crate) fn bytes(self) -> (u32, bool) {
        let size = self.size.unwrap_or(Self::SIZE).saturating_add(15) & !15;
        let reserve = self.reserve.unwrap_or(Self::RESERVE);
        let bytes = size - if reserve >= size / 2 { size / 2 } else { reserve };
        (bytes.min(Self::MOST), bytes > Self::MOST)
    }
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
    pub severities: SeverityOutput,
    pub file: SocketFile,
    pub expose_listeners: bool,
}

/// How an answer of the stats socket says how serious it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SeverityOutput {
    #[default]
    None,
    Number,
    Word,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    User,
    #[default]
    Operator,
    Admin,
}

impl SeverityOutput {
    pub fn named(word: &str) -> Option<SeverityOutput> {
        meant(word, SEVERITY_OUTPUTS)
    }
}

impl Level {
    pub fn named(word: &str) -> Option<Level> {
        meant(word, LEVELS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_look_at_what_the_buffer_holds_less_the_reserve() {
        let table = [
            (None, None, 15_360),
            (Some(32_768), None, 31_744),
            (Some(32_768), Some(0), 32_768),
            (Some(16_384), Some(9000), 8192),
            (Some(1000), None, 504),
            (Some(1 << 20), None, 65_536),
        ];
        for (size, reserve, bytes) in table {
            assert_eq!(Inspected { size, reserve }.bytes().0, bytes, "{size:?} {reserve:?}");
        }
        let most = |size| {
            Inspected {
                size: Some(size),
                reserve: None,
            }
            .bytes()
            .1
        };
        assert!(!most(66_560) && most(66_576));
    }
}
