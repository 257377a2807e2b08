//! The texts of server state changes, byte for byte as HAProxy 2.6 writes them: alarms are built on these words.

use crate::backend::{CheckLog, NoServerLeft, Online, ProxyKind, Reason, StateChange, Transition};
use crate::health::{CheckResult, CheckStatus};
use std::fmt::{self, Write};

/// The severities of RFC 5424 section 6.2.1 that these lines use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Emergency = 0,
    Alert = 1,
    Notice = 5,
}

/// What a server's change did to the connections; the runtime counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sessions {
    /// On the server.
    pub active: u32,
    /// Taken from the server's queue, or given to it.
    pub requeued: u32,
    /// Waiting for the server.
    pub queued: u32,
}

impl StateChange {
    /// A server that had new clients to lose is an alarm, any other change is not.
    pub fn severity(&self) -> Severity {
        match self.transition {
            Transition::Down {
                was_draining: false, ..
            }
            | Transition::EntersMaint { was_draining: false }
            | Transition::InheritsMaint {
                was_draining: false, ..
            }
            | Transition::LosesAddress {
                was_draining: false, ..
            } => Severity::Alert,
            _ => Severity::Notice,
        }
    }

    /// The line without its end.
    pub fn text(&self, sessions: Sessions) -> impl fmt::Display {
        fmt::from_fn(move |f| self.write(f, sessions))
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, sessions: Sessions) -> fmt::Result {
        let title = if self.is_backup { "Backup Server" } else { "Server" };
        write!(f, "{title} {}/{} ", self.proxy, self.server)?;
        let left = Left(self.online, sessions);
        let online = StillOnline(self.online, sessions);
        match &self.transition {
            Transition::Down { reason, .. } => write!(f, "is DOWN{reason}. {left}"),
            Transition::Up { reason } => write!(f, "is UP{reason}. {online}"),
            Transition::Stopping { reason } => write!(f, "is stopping{reason}. {online}"),
            Transition::EntersMaint { .. } => write!(f, "is going DOWN for maintenance. {left}"),
            Transition::LosesAddress { reason, .. } => {
                write!(f, "is going DOWN for maintenance ({}). {left}", reason.words())
            }
            Transition::FindsAddress {
                name,
                is_draining,
                is_down,
            } => {
                write!(f, "('{name}') is {} (resolves again).", Now(*is_down, *is_draining))
            }
            Transition::EntersMaintFromDown => f.write_str("was DOWN and now enters maintenance."),
            Transition::InheritsMaint { via, .. } => write!(f, "is going DOWN for maintenance via {via}. {left}"),
            Transition::InheritsMaintFromDown { via } => {
                write!(f, "was DOWN and now enters maintenance via {via}.")
            }
            Transition::RemainsInMaint { via } => {
                write!(f, "is leaving forced maintenance but remains in maintenance via {via}.")
            }
            Transition::RemainsInForcedMaint => f.write_str("remains in forced maintenance."),
            Transition::InheritsDrain { via, is_down: true } => write!(f, "enters drain state via {via}. {left}"),
            Transition::InheritsDrain { via, is_down: false } => write!(f, "enters drain state via {via}. {online}"),
            Transition::RemainsDrainingVia { via } => {
                write!(f, "is leaving forced drain but remains in drain mode via {via}.")
            }
            Transition::EntersDrain { is_down: true } => write!(f, "enters drain state. {left}"),
            Transition::EntersDrain { is_down: false } => write!(f, "enters drain state. {online}"),
            Transition::LeavesMaint { is_draining, is_down } => {
                write!(f, "is {} (leaving forced maintenance).", Now(*is_down, *is_draining))
            }
            Transition::DisinheritsMaint { is_draining, is_down } => {
                write!(f, "is {} (leaving maintenance).", Now(*is_down, *is_draining))
            }
            Transition::LeavesDrain { is_down } => {
                write!(f, "is {} (leaving forced drain).", if *is_down { "DOWN" } else { "UP" })
            }
            Transition::RemainsDraining => f.write_str("remains in forced drain mode."),
        }
    }
}

impl CheckLog {
    pub const SEVERITY: Severity = Severity::Notice;
}

impl fmt::Display for CheckLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::health::Outcome::{ConditionallyPassed, Failed, Neutral, Passed};
        let backup = if self.is_backup { "backup " } else { "" };
        let how = match self.result.status.outcome() {
            Passed => "succeeded",
            ConditionallyPassed => "conditionally succeeded",
            Failed | Neutral => "failed",
        };
        write!(
            f,
            "Health check for {backup}server {}/{} {how}{}",
            self.proxy,
            self.server,
            ReasonOf(&self.result)
        )?;
        let word = match (self.health.is_up(), self.weightless) {
            (false, _) => "DOWN",
            (true, true) => "DRAIN",
            (true, false) => "UP",
        };
        let (done, of) = self.health.progress();
        write!(f, ", status: {done}/{of} {word}.")
    }
}

impl NoServerLeft {
    pub const SEVERITY: Severity = Severity::Emergency;
}

impl fmt::Display for NoServerLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ProxyKind::Backend => "backend",
            ProxyKind::Listen => "proxy",
        };
        write!(f, "{kind} {} has no server available!", self.proxy)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Unsaid => Ok(()),
            Reason::Check(result) => ReasonOf(result).fmt(f),
            Reason::Operator => f.write_str(", changed from CLI"),
            Reason::Via(tracked) => write!(f, " via {tracked}"),
        }
    }
}

/// What the latest check found, as a clause.
struct ReasonOf<'a>(&'a CheckResult);

impl fmt::Display for ReasonOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CheckResult {
            status,
            duration,
            code,
            info,
        } = self.0;
        write!(f, ", reason: {}", status.description())?;
        if let Some(code) = code {
            write!(f, ", code: {code}")?;
        }
        if let Some(info) = info {
            f.write_str(", info: \"")?;
            info.chars().try_for_each(|c| {
                if c.is_control() {
                    f.write_char('?')
                } else {
                    f.write_char(c)
                }
            })?;
            f.write_char('"')?;
        }
        // What clients have found took no time of its own.
        if *status == CheckStatus::Analyze {
            return Ok(());
        }
        write!(f, ", check duration: {}ms", duration.as_millis())
    }
}

/// What a server is that comes out of maintenance: whether it is down, and whether it drains.
struct Now(bool, bool);

impl fmt::Display for Now {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Now(is_down, is_draining) = *self;
        let operation = if is_down { "DOWN" } else { "UP" };
        let use_of_it = if is_draining { "DRAIN" } else { "READY" };
        write!(f, "{operation}/{use_of_it}")
    }
}

/// The tail of a line about a server that is down.
struct Left(Online, Sessions);

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Left(online, s) = self;
        write!(
            f,
            "{} active and {} backup servers left.{}",
            online.active,
            online.backup,
            on_backup(*online)
        )?;
        write!(
            f,
            " {} sessions active, {} requeued, {} remaining in queue.",
            s.active, s.requeued, s.queued
        )
    }
}

/// The tail of a line about a server that works.
struct StillOnline(Online, Sessions);

impl fmt::Display for StillOnline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StillOnline(online, s) = self;
        write!(
            f,
            "{} active and {} backup servers online.{}",
            online.active,
            online.backup,
            on_backup(*online)
        )?;
        write!(f, " {} sessions requeued, {} total in queue.", s.requeued, s.queued)
    }
}

fn on_backup(online: Online) -> &'static str {
    if online.is_on_backup() {
        " Running on backup."
    } else {
        ""
    }
}

#[cfg(test)]
mod tests;
