//! One session as a machine (RFC 5880 section 6.8).
//!
//! ```text
//!            neighbour Down              neighbour Init or Up
//!    Down ------------------> Init ---------------------------> Up
//!     ^ |                      |                                 |
//!     | +--- neighbour Init ---|-------------------------------->|
//!     +------ nothing heard, or neighbour AdminDown ----(or Down, when Up)
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use tandem_time::{Mono, Seed};

use super::packet::{Control, Diagnostic, LENGTH, SessionState};

/// Slower than this while not up (RFC 5880 section 6.8.3).
const SLOW: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    pub min_tx: Duration,
    pub min_rx: Duration,
    /// Between packets while not up; at least a second.
    pub idle_tx: Duration,
    /// Not 0; 0 counts as 1.
    pub multiplier: u8,
    /// Says nothing before it has heard something.
    pub passive: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// From this neighbour, its hop limit checked.
    Packet(Control),
    /// The operator ends it.
    AdminDown,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    Send([u8; LENGTH]),
    Up,
    Down(Diagnostic),
}

/// What is shown of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    pub state: SessionState,
    pub diagnostic: Diagnostic,
    pub transmit_every: Duration,
    pub detects_within: Option<Duration>,
}

/// What the neighbour said last.
#[derive(Clone, Copy, Debug)]
struct Remote {
    discriminator: u32,
    state: SessionState,
    min_tx: Duration,
    min_rx: Duration,
    multiplier: u8,
    demand: bool,
}

#[derive(Debug)]
pub struct Session {
    settings: Settings,
    own: u32,
    seed: Seed,
    state: SessionState,
    diagnostic: Diagnostic,
    remote: Option<Remote>,
    /// What we announced changed and was not confirmed.
    polling: bool,
    transmit: Option<Mono>,
    detect: Option<Mono>,
    out: VecDeque<Output>,
}

impl Session {
    /// `own` names it on this host and is not 0.
    pub fn new(settings: Settings, own: u32, seed: Seed, now: Mono) -> Session {
        Session {
            settings,
            own: own.max(1),
            seed,
            state: SessionState::Down,
            diagnostic: Diagnostic::None,
            remote: None,
            polling: false,
            transmit: (!settings.passive).then_some(now),
            detect: None,
            out: VecDeque::new(),
        }
    }

    pub fn handle(&mut self, input: Input, now: Mono) {
        match input {
            Input::Packet(control) => self.packet(&control, now),
            Input::AdminDown => {
                self.go(SessionState::AdminDown, Diagnostic::AdminDown, now);
                self.transmit = None;
                self.detect = None;
            }
        }
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    pub fn poll_deadline(&self) -> Option<Mono> {
        self.transmit.into_iter().chain(self.detect).min()
    }

    pub fn on_deadline(&mut self, now: Mono) {
        if self.detect.is_some_and(|at| at <= now) {
            self.silent(now);
        }
        if self.transmit.is_some_and(|at| at <= now) {
            self.send(false);
            self.pace(now);
        }
    }

    pub fn is_up(&self) -> bool {
        self.state == SessionState::Up
    }

    /// Whether a packet with this discriminator of ours is for this session.
    pub fn is_named(&self, yours: u32) -> bool {
        self.own == yours
    }

    pub fn view(&self) -> View {
        View {
            state: self.state,
            diagnostic: self.diagnostic,
            transmit_every: self.interval(),
            detects_within: self.remote.as_ref().map(|remote| self.detection(remote)),
        }
    }

    fn packet(&mut self, control: &Control, now: Mono) {
        if self.state == SessionState::AdminDown {
            return;
        }
        let remote = Remote {
            discriminator: control.own,
            state: control.state,
            min_tx: control.min_tx,
            min_rx: control.min_rx,
            multiplier: control.multiplier,
            demand: control.demand,
        };
        let before = self.interval();
        self.remote = Some(remote);
        self.polling &= !control.is_final;
        match (self.state, control.state) {
            (SessionState::Down, SessionState::AdminDown) => {}
            (_, SessionState::AdminDown) | (SessionState::Up, SessionState::Down) => {
                self.go(SessionState::Down, Diagnostic::NeighbourDown, now);
            }
            (SessionState::Down, SessionState::Down) => self.go(SessionState::Init, Diagnostic::None, now),
            (SessionState::Down, SessionState::Init) | (SessionState::Init, SessionState::Init | SessionState::Up) => {
                self.go(SessionState::Up, Diagnostic::None, now);
            }
            _ => {}
        }
        self.detect = Some(now + self.detection(&remote));
        if control.poll {
            self.send(true);
        }
        // A neighbour that wants packets sooner need not wait for the next one.
        if self.transmit.is_none() || self.interval() < before {
            self.pace(now);
        }
    }

    /// The detection time has passed: what was known of the neighbour no longer holds.
    fn silent(&mut self, now: Mono) {
        self.detect = None;
        self.remote = None;
        if matches!(self.state, SessionState::Init | SessionState::Up) {
            self.go(SessionState::Down, Diagnostic::Expired, now);
        }
        if self.settings.passive {
            self.transmit = None;
        }
    }

    fn go(&mut self, state: SessionState, diagnostic: Diagnostic, now: Mono) {
        let was_up = self.is_up();
        self.state = state;
        if diagnostic != Diagnostic::None {
            self.diagnostic = diagnostic;
        }
        if self.is_up() != was_up {
            // The intervals that we announce change with it.
            self.polling = self.is_up();
            self.out
                .push_back(if was_up { Output::Down(diagnostic) } else { Output::Up });
        }
        self.send(false);
        self.pace(now);
    }

    fn send(&mut self, is_final: bool) {
        let control = Control {
            diagnostic: self.diagnostic,
            state: self.state,
            poll: self.polling && !is_final,
            is_final,
            demand: false,
            multiplier: self.settings.multiplier.max(1),
            own: self.own,
            yours: self.remote.map_or(0, |remote| remote.discriminator),
            min_tx: self.desired(),
            min_rx: self.settings.min_rx,
        };
        self.out.push_back(Output::Send(control.encode()));
    }

    /// When to speak next: a little early by chance, so that many sessions do not fall into step (section 6.8.7).
    fn pace(&mut self, now: Mono) {
        let quiet = self.remote.is_some_and(|remote| {
            remote.min_rx.is_zero()
                || remote.demand && self.is_up() && remote.state == SessionState::Up && !self.polling
        });
        let most = if self.settings.multiplier <= 1 { 90 } else { 100 };
        let percent = 75 + self.seed.below(most - 75 + 1);
        let interval = self.interval() * u32::try_from(percent).unwrap_or(100) / 100;
        self.transmit = (!quiet).then(|| now + interval);
    }

    /// What we announce.
    fn desired(&self) -> Duration {
        if self.is_up() {
            self.settings.min_tx
        } else {
            self.settings.idle_tx.max(self.settings.min_tx).max(SLOW)
        }
    }

    fn interval(&self) -> Duration {
        let wanted = self.remote.map_or(Duration::ZERO, |remote| remote.min_rx);
        self.desired().max(wanted)
    }

    fn detection(&self, remote: &Remote) -> Duration {
        self.settings.min_rx.max(remote.min_tx) * u32::from(remote.multiplier)
    }
}

#[cfg(test)]
mod tests;
