//! What goes into a backend and what comes out of it.

use super::{BackendSettings, Lead, Operation, ProxyKind, Saved, ServerSettings, Tracked, View};
use crate::conn::KillReason;
use crate::health::{AdminChange, Advice, CheckResult, RiseFall};
use crate::{ServerIdx, dns};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The answer to one [`Output::StartCheck`]; a second answer is ignored.
    CheckDone {
        server: ServerIdx,
        result: CheckResult,
    },
    /// The answer to one [`Output::StartAgent`].
    AgentDone {
        server: ServerIdx,
        answer: AgentAnswer,
    },
    /// Ask the agent, or do not; the state stays as it is.
    Agent {
        server: ServerIdx,
        enabled: bool,
    },
    /// What an operator says the agent said.
    AgentHealth {
        server: ServerIdx,
        up: bool,
    },
    /// How the one is that this server follows. What is no news is taken over without a word.
    Led {
        server: ServerIdx,
        lead: Lead,
        is_news: bool,
    },
    /// As many connections in a row could not be made as count as a sign (`observe`).
    Errors {
        server: ServerIdx,
    },
    Admin {
        server: ServerIdx,
        change: AdminChange,
    },
    /// The weight that an operator or an agent wants, 0 to 256.
    Weight {
        server: ServerIdx,
        weight: u16,
    },
    /// The most connections at a time that an operator wants there; 0 is no limit.
    Maxconn {
        server: ServerIdx,
        maxconn: u32,
    },
    /// A server that was not there; nothing when its place is taken.
    Add(ServerSettings),
    /// A server is there no more.
    Remove {
        server: ServerIdx,
    },
    /// It is called otherwise from now on.
    Rename {
        server: ServerIdx,
        name: Arc<str>,
    },
    /// Failed checks and downs are counted from 0 again, of one server or of all.
    ClearCounters {
        server: Option<ServerIdx>,
    },
    /// What an operator says the checks found; of no effect on a server without checks.
    Health {
        server: ServerIdx,
        to: Operation,
    },
    /// Goes on where an earlier process ended. To be given before anything else; `age` is how long the backend has been
    /// up or down as a whole.
    Restore {
        servers: Vec<(ServerIdx, Saved)>,
        age: Duration,
    },
    /// Start or stop checking; the state stays as it is.
    Checks {
        server: ServerIdx,
        enabled: bool,
    },
    /// It is elsewhere now.
    At {
        server: ServerIdx,
        at: Option<SocketAddr>,
    },
    /// The configuration has another address for it: what its checks found was said of somebody else.
    Moved {
        server: ServerIdx,
    },
    /// The look-up of its name gave an address.
    Located {
        server: ServerIdx,
        name: Arc<str>,
    },
    /// The look-up of its name gives no address any more.
    Lost {
        server: ServerIdx,
        reason: dns::Reason,
    },
    /// The configuration was read again. A server is the same when its name and its place are.
    Settings(Box<BackendSettings>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Check this server now and answer with [`Input::CheckDone`]. There is no second one before the answer.
    StartCheck { server: ServerIdx },
    /// Ask this server's agent now and answer with [`Input::AgentDone`].
    StartAgent { server: ServerIdx },
    /// Let the workers pick from this from now on.
    Publish(Arc<View>),
    /// Those who are at this server have to go.
    EndSessions { server: ServerIdx, reason: KillReason },
    /// Worth a log line always.
    Changed(StateChange),
    /// Worth a log line; comes only when the settings ask for it.
    CheckLogged(CheckLog),
    /// The last server that could take a new client is gone.
    NoServerLeft(NoServerLeft),
}

/// What came of asking an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentAnswer {
    pub advice: Advice,
    pub result: CheckResult,
}

/// How many servers could take a new client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Online {
    pub active: u32,
    pub backup: u32,
}

impl Online {
    pub fn is_none(self) -> bool {
        self.active == 0 && self.backup == 0
    }

    pub fn is_on_backup(self) -> bool {
        self.active == 0 && self.backup > 0
    }
}

/// One server's change and how many are left after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateChange {
    pub proxy: Arc<str>,
    pub server: Arc<str>,
    pub place: ServerIdx,
    pub is_backup: bool,
    pub transition: Transition,
    pub online: Online,
}

/// Why a server came up or went down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The check's own line has said it.
    Unsaid,
    Check(CheckResult),
    /// An operator set the health.
    Operator,
    /// The one that it follows.
    Via(Arc<Tracked>),
}

/// What happened to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transition {
    /// Its checks took it down. `was_draining` when it had no new clients anyway.
    Down {
        reason: Reason,
        was_draining: bool,
    },
    Up {
        reason: Reason,
    },
    /// Well, but its checks ask for no new clients.
    Stopping {
        reason: Reason,
    },
    /// An operator takes it out of use.
    EntersMaint {
        was_draining: bool,
    },
    EntersMaintFromDown,
    /// The one that it follows is taken out of use.
    InheritsMaint {
        via: Arc<Tracked>,
        was_draining: bool,
    },
    InheritsMaintFromDown {
        via: Arc<Tracked>,
    },
    /// No operator wants it out of use any more, but the one that it follows is.
    RemainsInMaint {
        via: Arc<Tracked>,
    },
    /// The one that it follows is in use again, but an operator wants this one out of use.
    RemainsInForcedMaint,
    DisinheritsMaint {
        is_draining: bool,
        is_down: bool,
    },
    InheritsDrain {
        via: Arc<Tracked>,
        is_down: bool,
    },
    /// Its name has no address any more.
    LosesAddress {
        reason: dns::Reason,
        was_draining: bool,
    },
    FindsAddress {
        name: Arc<str>,
        is_draining: bool,
        is_down: bool,
    },
    EntersDrain {
        is_down: bool,
    },
    LeavesMaint {
        is_draining: bool,
        is_down: bool,
    },
    LeavesDrain {
        is_down: bool,
    },
    /// It came up, down or out of maintenance, and is still told to drain.
    RemainsDraining,
    /// The same when only the one that it follows does.
    RemainsDrainingVia {
        via: Arc<Tracked>,
    },
}

impl Transition {
    pub(super) fn may_remain_draining(&self) -> bool {
        match self {
            Transition::Down { .. }
            | Transition::Up { .. }
            | Transition::Stopping { .. }
            | Transition::FindsAddress { .. }
            | Transition::DisinheritsMaint { .. }
            | Transition::LeavesMaint { .. } => true,
            Transition::EntersMaint { .. }
            | Transition::LosesAddress { .. }
            | Transition::EntersMaintFromDown
            | Transition::EntersDrain { .. }
            | Transition::LeavesDrain { .. }
            | Transition::InheritsMaint { .. }
            | Transition::InheritsMaintFromDown { .. }
            | Transition::RemainsInMaint { .. }
            | Transition::RemainsInForcedMaint
            | Transition::InheritsDrain { .. }
            | Transition::RemainsDrainingVia { .. }
            | Transition::RemainsDraining => false,
        }
    }
}

/// One check's result that is news: another status than before, or one step up or down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckLog {
    pub proxy: Arc<str>,
    pub server: Arc<str>,
    pub is_backup: bool,
    pub result: CheckResult,
    pub health: RiseFall,
    /// A server of weight 0 that is well is called draining.
    pub weightless: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoServerLeft {
    pub proxy: Arc<str>,
    pub kind: ProxyKind,
}
