//! What is watched, and how much it counts for whom.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Names one tracker in [`super::RouterSettings::trackers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackerId(pub u16);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracker {
    pub id: TrackerId,
    pub name: Arc<str>,
    pub kind: TrackerKind,
}

impl Tracker {
    /// Keepalived's identity over a reload: the name and what is looked at, not how often or how results count.
    pub fn watches_the_same(&self, other: &Tracker) -> bool {
        use TrackerKind::{Bfd, File, Interface, Lb, Process, Script};
        let same = match (&self.kind, &other.kind) {
            (Script(a), Script(b)) => a.command == b.command,
            (File(a), File(b)) => a.path == b.path,
            (Process(a), Process(b)) => a.command == b.command,
            (Lb(a), Lb(b)) => a.socket == b.socket && a.condition == b.condition,
            (Interface(a), Interface(b)) => a == b,
            (Bfd, Bfd) => true,
            _ => false,
        };
        same && self.name == other.name
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrackerKind {
    Script(ScriptSettings),
    /// The interface of this name is up and running.
    Interface(Arc<str>),
    File(FileSettings),
    Process(ProcessSettings),
    Bfd,
    Lb(LbSettings),
}

/// One use of a tracker by an instance or a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackUse {
    pub tracker: TrackerId,
    pub weight: Weight,
}

/// 0 means failure is a fault; `reverse` swaps success and failure (weight 0) or the sign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    pub value: i32,
    pub reverse: bool,
}

impl Weight {
    pub const FAULT: Weight = Weight {
        value: 0,
        reverse: false,
    };

    pub const fn of(value: i32) -> Weight {
        Weight { value, reverse: false }
    }

    pub const fn is_fault(self) -> bool {
        self.value == 0
    }
}

/// `vrrp_script`. What to run and as whom is the runtime's; how results count is decided here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptSettings {
    /// The words of the command; never empty.
    pub command: Vec<Arc<str>>,
    pub interval: Duration,
    /// Zero is `interval`.
    pub timeout: Duration,
    pub rise: u32,
    pub fall: u32,
    pub init_fail: bool,
    pub user: Option<Arc<str>>,
    pub group: Option<Arc<str>>,
}

impl ScriptSettings {
    pub fn new(command: &[&str]) -> ScriptSettings {
        ScriptSettings {
            command: command.iter().map(|w| Arc::from(*w)).collect(),
            interval: Duration::from_secs(1),
            timeout: Duration::ZERO,
            rise: 1,
            fall: 1,
            init_fail: false,
            user: None,
            group: None,
        }
    }

    /// How long a run may take.
    pub const fn limit(&self) -> Duration {
        if self.timeout.is_zero() {
            self.interval
        } else {
            self.timeout
        }
    }
}

/// `track_file`: a number in a file times the weight of the use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSettings {
    pub path: PathBuf,
    /// `init_file`: the value to write at start, and whether over an existing file.
    pub init: Option<(i64, bool)>,
}

/// `vrrp_track_process`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessSettings {
    /// The name and, with `param_match`, its parameters.
    pub command: Vec<Arc<str>>,
    pub parameters: ParameterMatch,
    pub full_command: bool,
    pub quorum: u32,
    pub quorum_max: Option<u32>,
    pub fork_delay: Duration,
    pub terminate_delay: Duration,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ParameterMatch {
    #[default]
    Ignored,
    Exact,
    Partial,
    Initial,
}

/// `track_lb`: the balancer on this host, over its stats socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LbSettings {
    pub socket: PathBuf,
    pub condition: LbCondition,
    pub interval: Duration,
    /// How long an answer may take, if that is said.
    pub timeout: Option<Duration>,
    pub rise: u32,
    pub fall: u32,
}

/// A balancer that is gone refuses at once. One that says nothing may only have a busy host, on which the address must not
/// move for it: half a second is what a loaded machine may keep a process waiting.
const SILENCE: Duration = Duration::from_millis(500);

impl LbSettings {
    /// The silence after which an answer is a bad one.
    pub fn patience(&self) -> Duration {
        self.timeout.unwrap_or_else(|| self.interval.max(SILENCE))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LbCondition {
    /// The process answers on its socket.
    Alive,
    FrontendOpen(Arc<str>),
    BackendHasServers {
        backend: Arc<str>,
        at_least: u32,
    },
    /// It is overloaded when `full` per cent of its `maxconn` are in use, until fewer than `again` are, which is less.
    HasRoom {
        full: u8,
        again: u8,
    },
}
