//! What one client of the socket may do and has chosen.

use std::os::fd::RawFd;
use std::time::Duration;

/// What a client may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Look at what tells nothing about users.
    User,
    /// Look at everything.
    #[default]
    Operator,
    /// Change things.
    Admin,
}

/// `set severity-output`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum SeverityOutput {
    #[default]
    None,
    Number,
    Word,
}

/// `expert-mode` and `experimental-mode`. Scripts switch them on before commands that HAProxy hides without; here nothing
/// is hidden.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Modes {
    pub(super) expert: bool,
    pub(super) experimental: bool,
}

/// How the conversation goes on after an answer: `prompt`, and the words that HAProxy 3 knows behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Manner {
    /// It ends (`n`).
    #[default]
    Brief,
    /// It goes on, without a prompt (`i`).
    Silent,
    /// It goes on, with a prompt (`p`).
    Prompting,
}

impl Manner {
    /// Without a word it is switched.
    pub(super) fn after(self, word: &str) -> Option<Manner> {
        Some(match (word, self) {
            ("", Manner::Brief) | ("p", _) => Manner::Prompting,
            ("", _) | ("n", _) => Manner::Brief,
            ("i", _) => Manner::Silent,
            _ => return None,
        })
    }

    pub(super) fn goes_on(self) -> bool {
        self != Manner::Brief
    }
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) level: Level,
    pub(super) severities: SeverityOutput,
    pub(super) modes: Modes,
    pub(super) manner: Manner,
    /// The process that commands are for, as `@1` names it, where another one answers at this door.
    pub(super) addressed: Option<String>,
    /// The door is a unix socket that passes descriptors on.
    pub(super) may_take_descriptors: bool,
    /// The number of the client's socket, where there is one.
    pub(super) descriptor: Option<RawFd>,
    /// How long the client may do nothing.
    pub(super) patience: Duration,
}

impl Level {
    pub fn name(self) -> &'static str {
        match self {
            Level::User => "user",
            Level::Operator => "operator",
            Level::Admin => "admin",
        }
    }
}
