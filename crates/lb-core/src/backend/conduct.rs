//! How a server comes and goes: at the start, when its clients meet errors, and what becomes of whom it had.

use std::time::Duration;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conduct {
    /// How long it takes to its full share when it has come back; zero for at once.
    pub slowstart: Duration,
    pub observe: Option<Observe>,
    pub init: InitState,
    /// `on-marked-down shutdown-sessions`
    pub ends_sessions: bool,
    /// `on-marked-up shutdown-backup-sessions`
    pub ends_backup_sessions: bool,
}

/// What errors of its clients' connections mean (`observe layer4`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observe {
    /// So many in a row.
    pub limit: u32,
    pub then: OnError,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// The next check comes sooner; so it does with all others.
    FastInter,
    /// As a failed check.
    #[default]
    FailCheck,
    /// As a failed check after which one more is enough.
    SuddenDeath,
    MarkDown,
}

/// What a checked server is taken for before its first check, at the start and out of maintenance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InitState {
    /// Up, and one failure takes it down: what HAProxy does when nothing is said.
    #[default]
    Up,
    FullyUp,
    /// Down, and one good check is enough.
    Down,
    FullyDown,
}

impl InitState {
    pub fn is_down(self) -> bool {
        matches!(self, InitState::Down | InitState::FullyDown)
    }
}
