//! What holds for the whole daemon. `Default` is Keepalived's default.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tandem_vrrp_core::settings::{HmacKey, TrackerId};

use super::{Fifo, OnceScript, User};
use crate::plan::Command;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Global {
    /// The machine's name in messages; `None` is the host name.
    pub router_id: Option<Arc<str>>,
    /// `None` is `eth0`, Keepalived's own.
    pub default_interface: Option<Arc<str>>,
    pub log_unknown_vrids: bool,
    /// `dynamic_interfaces`; interfaces may come and go here in any case.
    pub dynamic_interfaces: bool,
    /// Wait this long after the machine booted.
    pub delay_after_boot: Duration,
    pub net_namespace: Option<Arc<str>>,
    /// Part of the names of pid and dump files.
    pub instance_name: Option<Arc<str>>,
    pub use_pid_dir: bool,
    pub umask: Option<u32>,
    /// Prefix of the names of VMAC interfaces; `None` is `vrrp`.
    pub vmac_prefix: Option<Arc<str>>,
    pub vmac_addr_prefix: Option<Arc<str>>,
    /// Keep the kernel from announcing link-local groups.
    pub disable_local_igmp: bool,
    /// The process's name in `ps`.
    pub process_name: Option<Arc<str>>,
    /// Where `${_RANDOM}` starts.
    pub random_seed: Option<u64>,
    pub scripts: Scripts,
    pub scheduling: Scheduling,
    pub firewall: Firewall,
    pub reload: ReloadRules,
    pub dumps: Dumps,
    pub mail: Mail,
    pub pair: Option<PairLink>,
    /// Where Prometheus asks.
    pub metrics: Option<SocketAddr>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scripts {
    /// `script_user`; `None` is `keepalived_script` if there is such a user, otherwise the daemon's own.
    pub user: Option<User>,
    /// Refuse what root would run and others may change.
    pub security: bool,
    pub startup: Option<OnceScript>,
    pub shutdown: Option<OnceScript>,
    pub notify_fifo: Option<Fifo>,
    pub notify_fifo_script: Option<Command>,
    pub vrrp_notify_fifo: Option<Fifo>,
    pub vrrp_notify_fifo_script: Option<Command>,
    /// Write all states to the pipes after a reload.
    pub fifo_states_on_reload: bool,
    /// The default for every instance and group.
    pub priority_changes: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scheduling {
    /// The nice value.
    pub priority: Option<i8>,
    /// Real-time priority; `None` is what the daemon thinks best.
    pub rt_priority: Option<u8>,
    pub auto: AutoPriority,
    pub no_swap: bool,
    pub cpu_affinity: Vec<u32>,
    /// The longest that a thread may work at real-time priority without a pause; `None` is no limit.
    pub rlimit_rttime: Option<Duration>,
}

/// `max_auto_priority`: raise the priority when a timer was late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AutoPriority {
    /// 0 is never, -1 never and without a warning.
    pub max: i8,
    pub delay: Duration,
}

impl Default for AutoPriority {
    fn default() -> Self {
        Self {
            max: 0,
            delay: Duration::from_secs(1),
        }
    }
}

/// How traffic to addresses without `accept` is kept out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firewall {
    /// `None` is the daemon's own.
    pub table: Option<Arc<str>>,
    pub priority: i32,
    pub counters: bool,
}

impl Default for Firewall {
    fn default() -> Self {
        Self {
            table: None,
            priority: -1,
            counters: false,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReloadRules {
    /// Check the files before anything changes. Always done here; with a file, what is wrong is also written there.
    pub check_log: Option<PathBuf>,
    pub time_file: Option<PathBuf>,
    pub repeat: bool,
    /// Exists while the files are read; `Some` and empty is the default name in the directory of pid files.
    pub marker: Option<PathBuf>,
    /// `config_save_dir`: where each configuration is kept, and the state before and after each reload.
    pub save: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dumps {
    pub data: PathBuf,
    pub stats: PathBuf,
    pub json: PathBuf,
    /// 1 or 2.
    pub json_version: u8,
    /// Put the instance's and namespace's name into the files' names.
    pub use_instance: bool,
}

impl Default for Dumps {
    fn default() -> Self {
        Self {
            data: "/tmp/keepalived.data".into(),
            stats: "/tmp/keepalived.stats".into(),
            json: "/tmp/keepalived.json".into(),
            json_version: 1,
            use_instance: false,
        }
    }
}

/// What is written when an instance or a group with `smtp_alert` changes its state. Without a server and somebody to write
/// to nothing is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    pub to: Vec<Arc<str>>,
    /// An address, or a name and an address; `None` is root at this host.
    pub from: Option<Arc<str>>,
    pub server: Option<MailServer>,
    /// What the server is greeted as; `None` is the host's name.
    pub helo: Option<Arc<str>>,
    /// For the connection, and for each answer.
    pub timeout: Duration,
    pub faults: bool,
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            to: Vec::new(),
            from: None,
            server: None,
            helo: None,
            timeout: Duration::from_secs(30),
            faults: true,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailServer {
    /// A name or an address.
    pub host: Arc<str>,
    pub port: u16,
}

impl MailServer {
    /// RFC 5321 section 4.5.4.2.
    pub const PORT: u16 = 25;
}

/// `pair_link`: to the other host of the pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairLink {
    pub bind: SocketAddr,
    pub peer: SocketAddr,
    pub secret: HmacKey,
    /// How long connections go on here at most after the address was handed over; zero is not at all.
    pub keep: Duration,
}

impl PairLink {
    /// A day. For as long the other host looks at every packet, and the addresses are on two hosts.
    pub const LONGEST_KEEP: Duration = Duration::from_secs(86_400);
}

/// `bfd_instance` (RFC 5880, one hop).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bfd {
    pub name: Arc<str>,
    /// `None` if nothing tracks it.
    pub tracker: Option<TrackerId>,
    pub neighbor: IpAddr,
    pub source: Option<IpAddr>,
    /// The one that link-local addresses are on.
    pub interface: Option<Arc<str>>,
    pub min_rx: Duration,
    pub min_tx: Duration,
    pub idle_tx: Duration,
    pub multiplier: u8,
    pub passive: bool,
    /// Hop limit of what is sent.
    pub ttl: u8,
    /// How much less than 255 a received one may have.
    pub max_hops: u8,
}
