//! One command as it was given.

use std::os::fd::RawFd;
use std::time::Duration;

use super::Level;
use super::session::{Manner, Modes, Session, SeverityOutput};

/// The words of a command, those that name it included.
#[derive(Clone, Debug)]
pub struct Call {
    words: Vec<String>,
    named: usize,
    payload: Option<String>,
    level: Level,
    may_take_descriptors: bool,
    descriptor: Option<RawFd>,
    patience: Duration,
}

impl Call {
    /// `named` is how many of the words are the command's name.
    pub(super) fn new(words: Vec<String>, named: usize, payload: Option<String>, session: &Session) -> Call {
        Call {
            words,
            named,
            payload,
            level: session.level,
            may_take_descriptors: session.may_take_descriptors,
            descriptor: session.descriptor,
            patience: session.patience,
        }
    }

    /// All words, those that name the command among them.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// The argument at this place; empty when it was not given.
    pub fn arg(&self, place: usize) -> &str {
        self.args().get(place).map_or("", String::as_str)
    }

    pub fn args(&self) -> &[String] {
        self.words.get(self.named..).unwrap_or_default()
    }

    /// Whether one of the arguments is this word.
    pub fn has(&self, word: &str) -> bool {
        self.args().iter().any(|arg| arg == word)
    }

    /// Who gives it, for commands of which a part is not for everyone.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The number of the socket that it came by.
    pub fn descriptor(&self) -> Option<RawFd> {
        self.descriptor
    }

    /// How long whoever gives it may be silent.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// Whether it came through a unix socket that was opened for passing descriptors on (`expose-fd listeners`).
    pub fn may_take_descriptors(&self) -> bool {
        self.may_take_descriptors
    }

    /// A conversation with the same rights.
    pub(super) fn session(&self) -> Session {
        Session {
            level: self.level,
            severities: SeverityOutput::None,
            modes: Modes::default(),
            manner: Manner::default(),
            addressed: None,
            may_take_descriptors: false,
            descriptor: None,
            patience: Duration::ZERO,
        }
    }

    pub fn payload(&self) -> Option<&str> {
        self.payload.as_deref()
    }
}
