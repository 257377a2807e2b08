//! One client of AMQP 0-9-1: methods become the broker's inputs, and what the broker says becomes methods.
//!
//! ```text
//!   Waiting ─ greeting ▶ Starting ─ start-ok ▶ Checking ─ let in ▶ Tuning ─ tune-ok ▶ Opening ─ open ▶ Open ─ close ▶ Closed
//!                                                                                                     └ a mistake ▶ Closing ┘
//! ```
//!
//! A channel is a session of the broker of its own: its transaction, its consumers, and what it holds. What belongs to the
//! connection (exclusive queues) is the session that all these are parts of. A confirm, and the answer to whatever changes
//! what is there, is said when the broker has said that it is on disk.

mod channel;
mod connect;
mod consume;
mod deliver;
mod message;
mod mistake;
mod publish;
mod settle;
mod topology;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tandem_mq_wire::amqp091::{Code, DecodeError, Decoder, Frame, Item, Method};
use tandem_time::{Mono, TimerName, TimerTable};

use crate::broker;
use crate::{ConsumerId, DeliveryId, Heard, SessionId, WallMillis};
use channel::Channel;
use mistake::Mistake;

/// What the node's operator decides about AMQP 0-9-1.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The largest message.
    pub message: usize,
    /// The largest frame.
    pub frame: u32,
    /// The most channels of a connection.
    pub channels: u16,
    /// How often either side wants to hear from the other, if the client agrees.
    pub heartbeat: Duration,
    /// How long a stranger may take to log in.
    pub login: Duration,
    /// How many messages are on their way to a consumer that acknowledges nothing.
    pub window: u32,
    /// What the clock said when [`Mono`] was zero, in milliseconds since 1970.
    pub began: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            message: 100 << 20,
            frame: 128 << 10,
            channels: 2047,
            heartbeat: Duration::from_secs(60),
            login: Duration::from_secs(10),
            window: 1000,
            began: 0,
        }
    }
}

/// How long the client may take to answer that it has heard that this is over.
const GOODBYE: Duration = Duration::from_secs(10);

/// What the session is told.
#[derive(Debug)]
pub enum Input {
    /// From the decoder. Not before [`Session::wants_items`].
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
    Starting,
    Checking,
    Tuning,
    Opening,
    Open,
    /// We have said that it is over.
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
    /// The client should have said that it knows.
    Goodbye,
}

impl TimerName for Timer {
    const ALL: &'static [Timer] = &[Timer::Login, Timer::Beat, Timer::Silence, Timer::Goodbye];

    fn place(self) -> usize {
        self as usize
    }
}

/// What a client says that it understands.
#[derive(Clone, Copy, Debug, Default)]
struct Understands {
    /// That it is told when it may not come in.
    refusal: bool,
    /// `connection.blocked`.
    blocked: bool,
    /// That a queue is gone, by `basic.cancel`.
    cancel: bool,
}

/// One client's connection.
#[derive(Debug)]
pub struct Session {
    id: SessionId,
    settings: Settings,
    state: State,
    understands: Understands,
    user: Box<str>,
    /// What was agreed.
    frame_max: u32,
    channel_max: u16,
    beat: Duration,
    timers: TimerTable<Timer, 4>,
    channels: BTreeMap<u16, Channel>,
    /// Whose each part of the connection is.
    parts: BTreeMap<SessionId, u16>,
    next_part: u16,
    /// For consumers, names and promises: never used twice.
    next: u64,
    /// Parts of messages that have come, in bytes.
    partial: usize,
    told_blocked: bool,
    /// Sent to consumers that acknowledge nothing, and not yet known to have left.
    unflushed: Vec<(ConsumerId, DeliveryId)>,
    outputs: VecDeque<Output>,
}

impl Session {
    pub fn new(id: SessionId, settings: Settings, now: Mono) -> Session {
        let mut timers = TimerTable::default();
        timers.arm(Timer::Login, now + settings.login);
        Session {
            id,
            frame_max: settings.frame,
            channel_max: settings.channels,
            settings,
            state: State::Waiting,
            understands: Understands::default(),
            user: "".into(),
            beat: Duration::ZERO,
            timers,
            channels: BTreeMap::new(),
            parts: BTreeMap::new(),
            next_part: 0,
            next: 0,
            partial: 0,
            told_blocked: false,
            unflushed: Vec::new(),
            outputs: VecDeque::new(),
        }
    }

    /// The largest frame, both ways: a small one, until the client is known.
    pub fn limit(&self) -> usize {
        match self.state {
            State::Waiting | State::Starting | State::Checking => Decoder::STRANGER,
            _ => self.frame_max as usize,
        }
    }

    pub fn wants_items(&self) -> bool {
        !matches!(self.state, State::Checking | State::Closed)
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
                self.item(item, now);
            }
            Input::Garbled(error) => self.garbled(error, now),
            Input::Broker(output) => self.broker_says(output, now),
            Input::Heard(Heard::Login(answer)) => self.admit(answer, now),
            Input::Heard(Heard::Flushed) => self.flushed(),
            Input::Heard(Heard::Unread) => self.heard(now),
            Input::Heard(Heard::Held(held)) => self.blocked(held),
            Input::Heard(Heard::Leave(why)) => {
                self.fail(Mistake::new(Code::ConnectionForced, why), (0, 0), now);
            }
        }
    }

    /// Confirms are collected until there is nothing else to say.
    pub fn poll_output(&mut self) -> Option<Output> {
        if self.outputs.is_empty() {
            self.confirm();
        }
        self.outputs.pop_front()
    }

    pub fn poll_deadline(&self) -> Option<Mono> {
        self.timers.next()
    }

    pub fn on_deadline(&mut self, now: Mono) {
        while let Some(timer) = self.timers.take_due(now) {
            match timer {
                Timer::Beat => {
                    self.outputs.push_back(Output::Send(Frame::Heartbeat));
                    self.timers.arm(Timer::Beat, now + self.beat / 2);
                }
                // Nobody is there to read why, or it is a stranger, who is owed no answer.
                Timer::Login | Timer::Silence | Timer::Goodbye => self.close(),
            }
        }
    }

    fn item(&mut self, item: Item, now: Mono) {
        let (id, done) = match item {
            Item::Heartbeat => return,
            Item::Greeting => return self.greet(),
            Item::Method(0, method) => (method.id(), self.of_the_connection(method, now)),
            _ if self.state != State::Open => match self.state {
                // What crossed with our goodbye.
                State::Closing => return,
                _ => (
                    (0, 0),
                    Err(Mistake::new(Code::ChannelError, "the connection is not open")),
                ),
            },
            Item::Method(channel, method) => {
                let id = method.id();
                if let Err(mistake) = self.of_a_channel(channel, method) {
                    self.fail_channel(channel, mistake, id, now);
                }
                return;
            }
            Item::Header(channel, size, properties) => {
                if let Err(mistake) = self.header(channel, size, *properties, now) {
                    self.fail_channel(channel, mistake, (60, 40), now);
                }
                return;
            }
            Item::Body(channel, part) => {
                if let Err(mistake) = self.body(channel, part, now) {
                    self.fail_channel(channel, mistake, (60, 40), now);
                }
                return;
            }
        };
        if let Err(mistake) = done {
            self.fail(mistake, id, now);
        }
    }

    fn heard(&mut self, now: Mono) {
        if !self.beat.is_zero() {
            self.timers.arm(Timer::Silence, now + self.beat * 2);
        }
    }

    fn garbled(&mut self, error: DecodeError, now: Mono) {
        match error.code {
            // What we speak, and the end (section 4.2.2).
            None => {
                self.outputs.push_back(Output::Send(Frame::Greeting));
                self.close();
            }
            Some(code) => self.fail(Mistake::new(code, error.what), error.method, now),
        }
    }

    /// The client is told that it is not read, once it has tried to send.
    fn blocked(&mut self, held: bool) {
        if !self.understands.blocked || self.state != State::Open || held == self.told_blocked {
            return;
        }
        self.told_blocked = held;
        self.say(
            0,
            match held {
                true => Method::Blocked {
                    reason: "low on memory".into(),
                },
                false => Method::Unblocked {},
            },
        );
    }

    fn say(&mut self, channel: u16, method: Method) {
        self.outputs.push_back(Output::Send(Frame::Method(channel, method)));
    }

    fn next(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn wall(&self, now: Mono) -> WallMillis {
        WallMillis(self.settings.began + now.as_millis())
    }

    /// Says why, and waits until the client has heard it. A stranger is told only if it said that it wants to be.
    fn fail(&mut self, mistake: Mistake, (class, method): (u16, u16), now: Mono) {
        match self.state {
            State::Closed | State::Closing => return self.close(),
            State::Waiting | State::Starting | State::Checking if !self.understands.refusal => return self.close(),
            _ => {}
        }
        self.say(
            0,
            Method::Close {
                code: mistake.code.number(),
                text: mistake.to_string().into(),
                class,
                method,
            },
        );
        self.state = State::Closing;
        self.channels.clear();
        self.parts.clear();
        self.timers = TimerTable::default();
        self.timers.arm(Timer::Goodbye, now + GOODBYE);
        // What it held is free at once.
        let session = self.id;
        self.outputs.push_back(Output::Ask(broker::Input::Closed { session }));
    }

    fn close(&mut self) {
        self.state = State::Closed;
        self.timers = TimerTable::default();
        self.outputs.push_back(Output::Close);
    }
}

#[cfg(test)]
mod tests;
