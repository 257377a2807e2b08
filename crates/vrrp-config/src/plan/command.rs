//! Programs that are run, and the pipes that are written to, when something happens.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Whom to become for a script; `None` for the group is the user's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: Arc<str>,
    pub group: Option<Arc<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Never empty.
    pub words: Vec<Arc<str>>,
    /// `None` is the default script user.
    pub user: Option<User>,
}

/// A command that runs once, at start or at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnceScript {
    pub command: Command,
    pub timeout: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fifo {
    pub path: PathBuf,
    pub owner: Option<User>,
}

/// What to do when an instance or group changes its state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notify {
    pub master: Option<Command>,
    pub backup: Option<Command>,
    pub fault: Option<Command>,
    pub stop: Option<Command>,
    pub deleted: Option<Command>,
    /// `notify_deleted`: tell others DELETED and not FAULT.
    pub says_deleted: bool,
    /// A master heard a rival of lower priority.
    pub master_rx_lower: Option<Command>,
    /// Ours: it may fence the other host.
    pub split_brain: Option<Command>,
    /// `notify`: after the others, with four arguments more.
    pub any: Option<Command>,
    /// Write changes of the priority to the pipes.
    pub priority_changes: bool,
    /// Write mail, as [`super::Mail`] says.
    pub smtp_alert: bool,
}

impl Notify {
    pub fn runs_something(&self) -> bool {
        let commands = [
            &self.master,
            &self.backup,
            &self.fault,
            &self.stop,
            &self.deleted,
            &self.master_rx_lower,
            &self.split_brain,
            &self.any,
        ];
        commands.into_iter().any(Option::is_some)
    }
}
