//! What each session needs of its connection: timers, heart-beats, and what waits to be carried out.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use tandem_time::{Mono, TimerName, TimerTable};

use super::Output;
use crate::{SessionId, WallMillis, broker};

/// How long a stranger may take to come in.
const LOGIN: Duration = Duration::from_secs(10);
/// How long the client may take to answer that it has heard that this is over.
const GOODBYE: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug)]
pub enum Timer {
    /// The client should have come in.
    Login,
    /// We should be heard.
    Beat,
    /// We should have heard.
    Silence,
    /// The client should have said that it knows.
    Goodbye,
}

impl TimerName for Timer {
    const ALL: &'static [Timer] = &[Timer::Login, Timer::Beat, Timer::Silence, Timer::Goodbye];

    fn place(self) -> usize {
        self as usize
    }
}

/// What a session knows of its node.
#[derive(Clone, Copy, Debug, Default)]
pub struct Origin {
    /// What the wall clock said when [`Mono`] was zero, in milliseconds since 1970.
    pub began: u64,
    /// What nobody else knows.
    pub secret: u128,
}

/// The session's end of the line; `F` is what is sent.
#[derive(Debug)]
pub struct Line<F> {
    pub(crate) id: SessionId,
    pub(crate) origin: Origin,
    pub(crate) timers: TimerTable<Timer, 4>,
    /// How often we are to be heard. Zero is never.
    beat: Duration,
    /// How long the client may be silent. Zero is for ever.
    silence: Duration,
    /// For consumers and names: never used twice.
    last: u64,
    outputs: VecDeque<Output<F>>,
    closed: bool,
}

impl<F> Line<F> {
    pub(super) fn new(id: SessionId, origin: Origin, now: Mono) -> Line<F> {
        let mut timers = TimerTable::default();
        timers.arm(Timer::Login, now + LOGIN);
        Line {
            id,
            origin,
            timers,
            beat: Duration::ZERO,
            silence: Duration::ZERO,
            last: 0,
            outputs: VecDeque::new(),
            closed: false,
        }
    }

    /// What was agreed about being heard.
    pub(crate) fn agree(&mut self, beat: Duration, silence: Duration, now: Mono) {
        self.beat = beat;
        self.silence = silence;
        if !beat.is_zero() {
            self.timers.arm(Timer::Beat, now + beat);
        }
        self.heard(now);
    }

    pub(crate) fn heard(&mut self, now: Mono) {
        if !self.silence.is_zero() {
            self.timers.arm(Timer::Silence, now + self.silence);
        }
    }

    pub(crate) fn beat(&mut self, frame: F, now: Mono) {
        self.send(frame);
        self.timers.arm(Timer::Beat, now + self.beat);
    }

    /// Nothing is said after the end.
    pub(crate) fn send(&mut self, frame: F) {
        if !self.closed {
            self.outputs.push_back(Output::Send(frame));
        }
    }

    pub(crate) fn ask(&mut self, input: broker::Input) {
        self.outputs.push_back(Output::Ask(input));
    }

    pub(crate) fn authenticate(&mut self, login: Option<Box<str>>, passcode: Option<Box<str>>) {
        self.outputs.push_back(Output::Authenticate { login, passcode });
    }

    /// We have said that it is over: what the client held is free at once, and it has a moment to say that it knows.
    pub(crate) fn goodbye(&mut self, now: Mono) {
        self.silence = Duration::ZERO;
        self.timers = TimerTable::default();
        self.timers.arm(Timer::Goodbye, now + GOODBYE);
        self.ask(broker::Input::Closed { session: self.id });
    }

    pub(crate) fn close(&mut self) {
        self.closed = true;
        self.timers = TimerTable::default();
        self.outputs.push_back(Output::Close);
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// A name that nobody else has, also after a restart, and that nobody finds out who is not told: whoever knows it may
    /// send to what is called so.
    pub(crate) fn name(&self, kind: &str, number: u64) -> Box<str> {
        let (began, connection) = (self.origin.began, self.id.0 >> 16);
        // SipHash, begun with the secret: one who sees some of these finds no other.
        let mut secret = DefaultHasher::new();
        (self.origin.secret, kind, connection, number).hash(&mut secret);
        format!("{kind}{began:x}.{connection:x}.{number:x}.{:016x}", secret.finish()).into()
    }

    pub(crate) fn wall(&self, now: Mono) -> WallMillis {
        WallMillis(self.origin.began + now.as_millis())
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.outputs.is_empty()
    }

    pub(super) fn poll_output(&mut self) -> Option<Output<F>> {
        self.outputs.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One who is told one name knows no other, and knows nothing of those after a restart.
    #[test]
    fn a_name_says_nothing_of_another() {
        let [origin, restarted] = [1, 2].map(|secret| Origin { began: 0, secret });
        let line =
            |connection: u64, origin: Origin| Line::<()>::new(SessionId::of_connection(connection), origin, Mono::ZERO);
        let names = [
            line(1, origin).name("q-", 1),
            line(1, origin).name("q-", 2),
            line(2, origin).name("q-", 1),
            line(1, restarted).name("q-", 1),
        ];
        let secrets: std::collections::BTreeSet<&str> =
            names.iter().filter_map(|name| name.rsplit('.').next()).collect();
        assert_eq!(secrets.len(), names.len(), "{names:?}");
        assert!(secrets.iter().all(|secret| secret.len() == 16), "{names:?}");
        assert_eq!(line(1, origin).name("q-", 1), names[0]);
    }

    /// What was collected to be said together may come to that only when the client has gone.
    #[test]
    fn nothing_is_said_after_the_end() {
        let mut line = Line::new(SessionId(1), Origin::default(), Mono::ZERO);
        line.send("goodbye");
        line.close();
        line.send("one more thing");
        assert!(matches!(line.poll_output(), Some(Output::Send("goodbye"))));
        assert!(matches!(line.poll_output(), Some(Output::Close)));
        assert!(line.poll_output().is_none());
    }
}
