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

use std::time::Duration;

use bytes::BytesMut;
use tandem_mq_wire::amqp091::{Code, DecodeError, Decoder, Frame, Item, Method, encode, publishes};
use tandem_time::Mono;

use crate::broker;
use crate::dialect::{self, Bounds, Dialect, Heard, Line, Parts, Timer};
use crate::{ConsumerId, DeliveryId};
use channel::Channel;
use mistake::Mistake;

/// What the node's operator decides about AMQP 0-9-1.
#[derive(Clone, Debug)]
struct Settings {
    /// The largest message.
    message: usize,
    /// The largest frame.
    frame: u32,
    /// The most channels of a connection.
    channels: u16,
    /// How often either side wants to hear from the other, if the client agrees.
    heartbeat: Duration,
    /// How many messages are on their way to a consumer that acknowledges nothing.
    window: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            message: 100 << 20,
            frame: 128 << 10,
            channels: 2047,
            heartbeat: Duration::from_secs(60),
            window: 1000,
        }
    }
}

pub type Input = dialect::Input<Item, DecodeError>;
pub type Output = dialect::Output<Frame>;

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
    line: Line<Frame>,
    decoder: Decoder,
    settings: Settings,
    state: State,
    understands: Understands,
    user: Box<str>,
    /// What was agreed.
    frame_max: u32,
    channel_max: u16,
    channels: Parts<Channel>,
    /// Parts of messages that have come, in bytes.
    partial: usize,
    told_blocked: bool,
    /// Sent to consumers that acknowledge nothing, and not yet known to have left.
    unflushed: Vec<(ConsumerId, DeliveryId)>,
}

impl Session {
    /// The largest frame, both ways: a small one, until the client is known.
    fn limit(&self) -> usize {
        match self.state {
            State::Waiting | State::Starting | State::Checking => Decoder::STRANGER,
            _ => self.frame_max as usize,
        }
    }

    /// The client is told that it is not read, once it has tried to send.
    fn blocked(&mut self, scarce: Option<broker::Scarce>) {
        if !self.understands.blocked || self.state != State::Open || scarce.is_some() == self.told_blocked {
            return;
        }
        self.told_blocked = scarce.is_some();
        self.say(
            0,
            match scarce {
                Some(scarce) => Method::Blocked {
                    reason: format!("low on {scarce}").into(),
                },
                None => Method::Unblocked {},
            },
        );
    }

    fn say(&mut self, channel: u16, method: Method) {
        self.line.send(Frame::Method(channel, method));
    }

    /// Says why, and waits until the client has heard it. A stranger is told only if it said that it wants to be.
    fn fail(&mut self, mistake: Mistake, (class, method): (u16, u16), now: Mono) {
        match self.state {
            State::Closing => return self.line.close(),
            State::Waiting | State::Starting | State::Checking if !self.understands.refusal => {
                return self.line.close();
            }
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
        self.line.goodbye(now);
    }
}

impl Dialect for Session {
    type Item = Item;
    type Error = DecodeError;
    type Frame = Frame;

    const PUBLISHES: fn(&[u8]) -> bool = publishes;

    fn new(line: Line<Frame>, bounds: Bounds) -> Session {
        let usual = Settings::default();
        let settings = Settings {
            message: bounds.message,
            heartbeat: bounds.heart_beat.unwrap_or(usual.heartbeat),
            ..usual
        };
        Session {
            decoder: Decoder::default(),
            frame_max: settings.frame,
            channel_max: settings.channels,
            settings,
            state: State::Waiting,
            understands: Understands::default(),
            user: "".into(),
            channels: Parts::new(line.id),
            partial: 0,
            told_blocked: false,
            unflushed: Vec::new(),
            line,
        }
    }

    fn line(&self) -> &Line<Frame> {
        &self.line
    }

    fn line_mut(&mut self) -> &mut Line<Frame> {
        &mut self.line
    }

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Item>, DecodeError> {
        self.decoder.limit = self.limit();
        self.decoder.decode(bytes)
    }

    fn encode(&self, frame: &Frame, out: &mut BytesMut) {
        encode(frame, self.limit(), out);
    }

    fn begun(&self) -> usize {
        self.partial
    }

    fn listens(&self) -> bool {
        self.state != State::Checking
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

    /// Any octet is as good as a heartbeat (section 4.2.7).
    fn came(&mut self, now: Mono) {
        if !self.line.is_closed() {
            self.line.heard(now);
        }
    }

    fn garbled(&mut self, error: DecodeError, now: Mono) {
        match error.code {
            // What we speak, and the end (section 4.2.2).
            None => {
                self.line.send(Frame::Greeting);
                self.line.close();
            }
            Some(code) => self.fail(Mistake::new(code, error.what), error.method, now),
        }
    }

    fn broker(&mut self, output: broker::Output, now: Mono) {
        self.broker_says(output, now);
    }

    fn hear(&mut self, heard: Heard, now: Mono) {
        match heard {
            Heard::Login(answer) => self.admit(answer, now),
            Heard::Flushed => self.flushed(),
            Heard::Held(scarce) => self.blocked(scarce),
            Heard::Stalled(why) => self.fail(Mistake::new(Code::FrameError, why), (0, 0), now),
            Heard::Dismissed(why) => self.fail(Mistake::new(Code::AccessRefused, why), (0, 0), now),
            Heard::Leave(why) => self.fail(Mistake::new(Code::ConnectionForced, why), (0, 0), now),
            Heard::Unread => {}
        }
    }

    fn due(&mut self, timer: Timer, now: Mono) {
        match timer {
            Timer::Beat => self.line.beat(Frame::Heartbeat, now),
            // Nobody is there to read why, or it is a stranger, who is owed no answer.
            Timer::Login | Timer::Silence | Timer::Goodbye => self.line.close(),
        }
    }

    /// Confirms are collected until then.
    fn round_off(&mut self) {
        self.confirm();
    }
}

#[cfg(test)]
mod tests;
