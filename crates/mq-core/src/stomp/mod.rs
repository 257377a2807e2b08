//! One STOMP client: frames become the broker's inputs, and what the broker says becomes frames.
//!
//! ```text
//!   Waiting ── CONNECT ──▶ Checking ── let in ──▶ Open ── DISCONNECT, or a mistake ──▶ Closing ── receipt sent ──▶ Closed
//! ```
//!
//! A mistake is answered with one ERROR frame and the end of the connection, as STOMP wants it.

mod connect;
mod deliver;

mod message;
mod receive;
mod settle;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::RangeInclusive;
use std::time::Duration;

use tandem_mq_wire::stomp::{Command, DecodeError, Frame, Item, Limits, Version};
use tandem_time::{Mono, TimerName, TimerTable};

use crate::broker;
use crate::{ConsumerId, DeliveryId, Heard, SessionId, Token};

/// What the node's operator decides about STOMP.
#[derive(Clone, Debug)]
pub struct Settings {
    pub limits: Limits,
    /// How often we can send a heart-beat, and how often we want one. Zero is never.
    pub heart_beat: (Duration, Duration),
    /// How long a stranger may take to log in.
    pub login: Duration,
    /// How many messages a consumer is sent ahead, if it does not say.
    pub prefetch: u32,
    /// Whether a message that says nothing about it survives a restart.
    pub durable: bool,
    /// What the clock said when [`Mono`] was zero, in milliseconds since 1970.
    pub began: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            limits: Limits {
                head: 64 * 1024,
                headers: 1000,
                body: 100 << 20,
            },
            heart_beat: (Duration::from_secs(10), Duration::from_secs(10)),
            login: Duration::from_secs(10),
            prefetch: 1000,
            durable: true,
            began: 0,
        }
    }
}

/// What the session is told.
#[derive(Debug)]
pub enum Input {
    /// From the decoder. Not before [`Session::wants_frames`].
    Item(Item),
    Garbled(DecodeError),
    Broker(broker::Output),
    /// Among it the answer to [`Output::Authenticate`].
    Heard(Heard),
}

/// What the session wants done.
#[derive(Debug)]
pub enum Output {
    Send(Frame),
    HeartBeat,
    Ask(broker::Input),
    Authenticate {
        login: Option<Box<str>>,
        passcode: Option<Box<str>>,
    },
    /// When what was to be sent has left.
    Close,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Checking,
    Open,
    Closing,
    Closed,
}

#[derive(Clone, Copy, Debug)]
enum Timer {
    Login,
    /// We should be heard.
    Beat,
    /// We should have heard.
    Silence,
}

impl TimerName for Timer {
    const ALL: &'static [Timer] = &[Timer::Login, Timer::Beat, Timer::Silence];

    fn place(self) -> usize {
        self as usize
    }
}

/// One subscription.
#[derive(Debug)]
struct Listener {
    id: Box<str>,
    destination: Box<str>,
    ack: Ack,
    /// Handed out and not acknowledged; the numbers of deliveries grow.
    open: BTreeSet<DeliveryId>,
}

/// What a client wants to hear when a frame is done.
#[derive(Debug)]
struct Receipt {
    id: Box<str>,
    /// The inputs that came of the frame; a refusal names one of them.
    requests: RangeInclusive<u64>,
}

/// STOMP 1.2, "SUBSCRIBE ack Header".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ack {
    Auto,
    /// One acknowledgement is for all before it, too.
    Client,
    Individual,
    /// A browser takes nothing, so it acknowledges nothing.
    Never,
}

/// One client's connection.
#[derive(Debug)]
pub struct Session {
    id: SessionId,
    settings: Settings,
    state: State,
    version: Version,
    client_id: Option<Box<str>>,
    listeners: BTreeMap<u64, Listener>,
    numbers: BTreeMap<Box<str>, u64>,
    transactions: BTreeMap<Box<str>, u64>,
    next: u64,
    /// Whose each unacknowledged delivery is.
    open: BTreeMap<DeliveryId, u64>,
    receipts: BTreeMap<u64, Receipt>,
    /// How many inputs the broker has had from us.
    requests: u64,
    /// The receipt whose sending ends the session.
    farewell: Option<Token>,
    /// Sent to `auto` subscribers, and not yet known to have left.
    unflushed: Vec<(ConsumerId, DeliveryId)>,
    timers: TimerTable<Timer, 3>,
    /// How often we send, and how long we accept silence.
    beat: Duration,
    silence: Duration,
    /// What the client asked for, until it is let in.
    asked: connect::Asked,
    outputs: VecDeque<Output>,
}

impl Session {
    pub fn new(id: SessionId, settings: Settings, now: Mono) -> Session {
        let mut timers = TimerTable::default();
        timers.arm(Timer::Login, now + settings.login);
        Session {
            id,
            settings,
            state: State::Waiting,
            version: Version::V1_2,
            client_id: None,
            listeners: BTreeMap::new(),
            numbers: BTreeMap::new(),
            transactions: BTreeMap::new(),
            next: 1,
            open: BTreeMap::new(),
            receipts: BTreeMap::new(),
            requests: 0,
            farewell: None,
            unflushed: Vec::new(),
            timers,
            beat: Duration::ZERO,
            silence: Duration::ZERO,
            asked: connect::Asked::default(),
            outputs: VecDeque::new(),
        }
    }

    /// How frames are written, both ways.
    pub fn version(&self) -> Version {
        self.version
    }

    /// What may arrive: little, until the client is known.
    pub fn limits(&self) -> Limits {
        match self.state {
            State::Waiting | State::Checking => Limits::STRANGER,
            State::Open | State::Closing | State::Closed => self.settings.limits,
        }
    }

    pub fn wants_frames(&self) -> bool {
        matches!(self.state, State::Waiting | State::Open)
    }

    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    pub fn handle(&mut self, input: Input, now: Mono) {
        if self.state == State::Closed {
            return;
        }
        match input {
            Input::Item(item) => {
                self.heard(now);
                if let Item::Frame(frame) = item {
                    self.frame(frame, now);
                }
            }
            Input::Garbled(error) => self.fail("the frame cannot be read", &error.to_string(), None),
            Input::Heard(Heard::Login(answer)) => self.admit(answer, now),
            Input::Broker(output) => self.broker_says(output),
            Input::Heard(Heard::Flushed) => self.flushed(),
            Input::Heard(Heard::Unread) => self.heard(now),
            // There is no word for it: the client waits.
            Input::Heard(Heard::Held(_)) => {}
            Input::Heard(Heard::Leave(why)) => self.fail("the broker is going down", why, None),
        }
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub fn poll_deadline(&self) -> Option<Mono> {
        self.timers.next()
    }

    pub fn on_deadline(&mut self, now: Mono) {
        while let Some(timer) = self.timers.take_due(now) {
            match timer {
                Timer::Login => self.fail("too slow", "there was no CONNECT frame in time", None),
                Timer::Beat => {
                    self.outputs.push_back(Output::HeartBeat);
                    self.timers.arm(Timer::Beat, now + self.beat);
                }
                // Nobody is there to read an ERROR frame.
                Timer::Silence => self.close(),
            }
        }
    }

    fn heard(&mut self, now: Mono) {
        if !self.silence.is_zero() {
            self.timers.arm(Timer::Silence, now + self.silence);
        }
    }

    fn ask(&mut self, input: broker::Input) {
        self.requests += 1;
        self.outputs.push_back(Output::Ask(input));
    }

    fn send(&mut self, frame: Frame) {
        self.outputs.push_back(Output::Send(frame));
    }

    /// One ERROR frame, and the end (STOMP 1.2, "ERROR").
    fn fail(&mut self, message: &str, detail: &str, receipt: Option<&str>) {
        if self.state == State::Closed {
            return;
        }
        let mut error = Frame::new(Command::Error)
            .with("message", message)
            .with("content-type", "text/plain")
            .body(format!("{detail}\n").into_bytes());
        if let Some(receipt) = receipt {
            error = error.with("receipt-id", receipt);
        }
        self.send(error);
        self.close();
    }

    fn close(&mut self) {
        self.state = State::Closed;
        self.timers = TimerTable::default();
        self.outputs.push_back(Output::Close);
    }
}

#[cfg(test)]
mod tests;
