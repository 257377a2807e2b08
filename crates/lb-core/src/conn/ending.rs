//! How a connection ended: the two letters of the log line (reference 2.11).

use std::fmt;

use super::Side;

/// Who ended it and in which phase. [`Ending::NORMAL`] is `--`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    pub who: Who,
    pub phase: Phase,
}

/// The first letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Nobody,
    /// The client aborted.
    Client,
    /// The server aborted or refused, or there was none.
    Server,
    ClientTimeout,
    ServerTimeout,
    /// A rule.
    Proxy,
    /// No socket, no port, no memory on our side.
    Resource,
    Internal,
    /// The server went down and its connections were to go with it.
    Down,
    /// An active server came up and the backup's connections were to go.
    Up,
    /// An operator, or the end of the process.
    Killed,
}

/// The second letter: what was going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its rules were waiting for the client's first bytes.
    Request,
    Queue,
    Connect,
    Data,
    /// Over, or of no interest.
    Done,
}

impl Ending {
    pub const NORMAL: Ending = Ending {
        who: Who::Nobody,
        phase: Phase::Done,
    };

    pub(super) const fn new(who: Who, phase: Phase) -> Ending {
        Ending { who, phase }
    }

    pub fn letters(self) -> [u8; 2] {
        [self.who.letter(), self.phase.letter()]
    }

    /// The reverse of [`Ending::letters`].
    pub fn from_letters([who, phase]: [u8; 2]) -> Option<Ending> {
        let who = Who::ALL.into_iter().find(|w| w.letter() == who)?;
        let phase = Phase::ALL.into_iter().find(|p| p.letter() == phase)?;
        Some(Ending { who, phase })
    }

    pub fn is_normal(self) -> bool {
        self == Ending::NORMAL
    }

    /// The client sent nothing more while rules waited for it.
    pub fn is_silent_request(self) -> bool {
        self.who == Who::ClientTimeout && self.phase == Phase::Request
    }

    /// No server accepted the connection, or none had a place in time: what the statistics count as `econ`.
    pub fn is_connect_error(self) -> bool {
        matches!(self.phase, Phase::Queue | Phase::Connect)
            && matches!(
                self.who,
                Who::Server | Who::ServerTimeout | Who::Resource | Who::Internal
            )
    }
}

impl Who {
    const ALL: [Who; 10] = [
        Who::Nobody,
        Who::Client,
        Who::Server,
        Who::ClientTimeout,
        Who::ServerTimeout,
        Who::Resource,
        Who::Internal,
        Who::Down,
        Who::Up,
        Who::Killed,
    ];

    pub const fn aborted(side: Side) -> Who {
        match side {
            Side::Client => Who::Client,
            Side::Server => Who::Server,
        }
    }

    pub const fn timed_out(side: Side) -> Who {
        match side {
            Side::Client => Who::ClientTimeout,
            Side::Server => Who::ServerTimeout,
        }
    }

    const fn letter(self) -> u8 {
        match self {
            Who::Nobody => b'-',
            Who::Client => b'C',
            Who::Server => b'S',
            Who::ClientTimeout => b'c',
            Who::ServerTimeout => b's',
            Who::Proxy => b'P',
            Who::Resource => b'R',
            Who::Internal => b'I',
            Who::Down => b'D',
            Who::Up => b'U',
            Who::Killed => b'K',
        }
    }
}

impl Phase {
    const ALL: [Phase; 4] = [Phase::Queue, Phase::Connect, Phase::Data, Phase::Done];

    const fn letter(self) -> u8 {
        match self {
            Phase::Request => b'R',
            Phase::Queue => b'Q',
            Phase::Connect => b'C',
            Phase::Data => b'D',
            Phase::Done => b'-',
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [who, phase] = self.letters();
        write!(f, "{}{}", char::from(who), char::from(phase))
    }
}
