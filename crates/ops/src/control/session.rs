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

/// `set severity-output`, and with what a door begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SeverityOutput {
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
pub(super) struct Manner {
    pub(super) mode: Mode,
    /// A prompt says how long the process has run (`timed`).
    pub(super) is_timed: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mode {
    /// It ends (`n`).
    #[default]
    Brief,
    /// It goes on, without a prompt (`i`).
    Silent,
    /// It goes on, with a prompt (`p`).
    Prompting,
}

impl Manner {
    /// Each word in turn; without one it is switched.
    pub(super) fn after(self, words: &[String]) -> Option<Manner> {
        if words.is_empty() {
            let mode = match self.mode {
                Mode::Brief => Mode::Prompting,
                Mode::Silent | Mode::Prompting => Mode::Brief,
            };
            return Some(Manner { mode, ..self });
        }
        words.iter().try_fold(self, |before, word| {
            let mode = match word.as_str() {
                "n" => Mode::Brief,
                "i" => Mode::Silent,
                "p" | "timed" => Mode::Prompting,
                _ => return None,
            };
            Some(Manner {
                mode,
                is_timed: before.is_timed != (word == "timed"),
            })
        })
    }

    pub(super) fn goes_on(self) -> bool {
        self.mode != Mode::Brief
    }

    pub(super) fn prompts(self) -> bool {
        self.mode == Mode::Prompting
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
