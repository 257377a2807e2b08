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
mod temporary;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::BytesMut;
use tandem_mq_wire::stomp::{
    Command, DecodeError, Decoder, Frame, HEART_BEAT, Item, Limits, Version, encode, publishes,
};
use tandem_time::Mono;

use crate::broker;
use crate::dialect::{self, Bounds, Dialect, Heard, Line, Requests, Timer};
use crate::{ConsumerId, DeliveryId, Token};

/// How many messages a consumer is sent ahead, if nobody says otherwise.
const PREFETCH: u32 = 1000;

/// What the node's operator decides about STOMP.
#[derive(Clone, Debug)]
struct Settings {
    limits: Limits,
    /// How often we can send a heart-beat, and how often we want one. Zero is never.
    heart_beat: (Duration, Duration),
    /// How many messages a consumer is sent ahead, if it does not say.
    prefetch: u32,
    /// Whether a message that says nothing about it survives a restart.
    durable: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            limits: Limits::STRANGER,
            heart_beat: (Duration::from_secs(10), Duration::from_secs(10)),
            prefetch: PREFETCH,
            durable: true,
        }
    }
}

pub type Input = dialect::Input<Item, DecodeError>;
pub type Output = dialect::Output<Item>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Checking,
    Open,
    Closing,
}

/// One subscription.
#[derive(Debug)]
struct Listener {
    id: Box<str>,
    destination: Box<str>,
    ack: Ack,
    /// Handed out and not acknowledged; the numbers of deliveries grow.
    open: BTreeSet<DeliveryId>,
    /// Those of them that had been acknowledged by a transaction that was aborted: the window has moved on then.
    paid: BTreeSet<DeliveryId>,
    /// How many more it wants than it may be sent now; `None` is any number.
    left: Option<u32>,
    /// How many more a browser wants to see; `None` is all that there are.
    unseen: Option<u32>,
}

impl Listener {
    /// How far its window moves when so many have been settled.
    fn goes_on(&mut self, settled: u32) -> u32 {
        let more = self.left.map_or(settled, |left| left.min(settled));
        self.left = self.left.map(|left| left - more);
        more
    }
}

/// A transaction that has begun.
#[derive(Debug)]
struct Open {
    number: u64,
    /// What it will have settled, and whose that was.
    settled: Vec<(u64, DeliveryId)>,
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
    line: Line<Item>,
    decoder: Decoder,
    settings: Settings,
    asks: Requests<Receipt>,
    state: State,
    version: Version,
    client_id: Option<Box<str>>,
    listeners: BTreeMap<u64, Listener>,
    numbers: BTreeMap<Box<str>, u64>,
    transactions: BTreeMap<Box<str>, Open>,
    /// Queues of this connection alone, by the client's word for each.
    temporaries: BTreeMap<Box<str>, Box<str>>,
    /// Whose each unacknowledged delivery is.
    open: BTreeMap<DeliveryId, u64>,
    /// The receipt whose sending ends the session.
    farewell: Option<Token>,
    /// Sent to `auto` subscribers, and not yet known to have left.
    unflushed: Vec<(ConsumerId, DeliveryId)>,
    /// What the client asked for, until it is let in.
    asked: connect::Asked,
}

impl Session {
    /// What may arrive: little, until the client is known.
    fn limits(&self) -> Limits {
        match self.state {
            State::Waiting | State::Checking => Limits::STRANGER,
            State::Open | State::Closing => self.settings.limits,
        }
    }

    fn ask(&mut self, input: broker::Input) {
        self.asks.ask(&mut self.line, input);
    }

    fn send(&mut self, frame: Frame) {
        self.line.send(Item::Frame(frame));
    }

    /// One ERROR frame, and the end (STOMP 1.2, "ERROR").
    fn fail(&mut self, message: &str, detail: &str, receipt: Option<&str>) {
        let error = Frame::new(Command::Error)
            .with("message", message)
            .body(format!("{detail}\n").into_bytes());
        self.fail_as(receipt, error);
    }

    fn fail_as(&mut self, receipt: Option<&str>, error: Frame) {
        if self.line.is_closed() {
            return;
        }
        let mut error = error.with("content-type", "text/plain");
        if let Some(receipt) = receipt {
            error = error.with("receipt-id", receipt);
        }
        self.send(error);
        self.line.close();
    }
}

impl Dialect for Session {
    type Item = Item;
    type Error = DecodeError;
    type Frame = Item;

    const PUBLISHES: fn(&[u8]) -> bool = publishes;

    fn new(line: Line<Item>, bounds: Bounds) -> Session {
        let usual = Settings::default();
        let settings = Settings {
            limits: Limits {
                head: bounds.head,
                headers: bounds.headers,
                body: bounds.message,
            },
            heart_beat: bounds.heart_beat.map_or(usual.heart_beat, |beat| (beat, beat)),
            ..usual
        };
        Session {
            decoder: Decoder::new(Limits::STRANGER),
            asks: Requests::new(line.id),
            settings,
            state: State::Waiting,
            version: Version::V1_2,
            client_id: None,
            listeners: BTreeMap::new(),
            numbers: BTreeMap::new(),
            transactions: BTreeMap::new(),
            temporaries: BTreeMap::new(),
            open: BTreeMap::new(),
            farewell: None,
            unflushed: Vec::new(),
            asked: connect::Asked::default(),
            line,
        }
    }

    fn line(&self) -> &Line<Item> {
        &self.line
    }

    fn line_mut(&mut self) -> &mut Line<Item> {
        &mut self.line
    }

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Item>, DecodeError> {
        self.decoder.version = self.version;
        self.decoder.limits = self.limits();
        self.decoder.decode(bytes)
    }

    fn encode(&self, frame: &Item, out: &mut BytesMut) {
        match frame {
            Item::Frame(frame) => encode(frame, self.version, out),
            Item::HeartBeat => out.extend_from_slice(HEART_BEAT),
        }
    }

    fn listens(&self) -> bool {
        matches!(self.state, State::Waiting | State::Open)
    }

    fn item(&mut self, item: Item, now: Mono) {
        if let Item::Frame(frame) = item {
            self.frame(frame, now);
        }
    }

    /// The first half of a large frame is one, too (STOMP 1.2, "Heart-beating").
    fn came(&mut self, now: Mono) {
        if !self.line.is_closed() {
            self.line.heard(now);
        }
    }

    fn garbled(&mut self, error: DecodeError, _now: Mono) {
        self.fail("the frame cannot be read", &error.to_string(), None);
    }

    fn broker(&mut self, output: broker::Output, _now: Mono) {
        self.broker_says(output);
    }

    fn hear(&mut self, heard: Heard, now: Mono) {
        match heard {
            Heard::Login(answer) => self.admit(answer, now),
            Heard::Flushed => self.flushed(),
            Heard::Stalled(why) => self.fail("too slow", why, None),
            Heard::Dismissed(why) => self.fail("access refused", why, None),
            Heard::Leave(why) => self.fail("the broker is going down", why, None),
            // There is no word for being held back: the client waits.
            Heard::Held(_) | Heard::Unread => {}
        }
    }

    fn due(&mut self, timer: Timer, now: Mono) {
        match timer {
            Timer::Beat => self.line.beat(Item::HeartBeat, now),
            Timer::Login => self.fail("too slow", "there was no CONNECT frame in time", None),
            // Nobody is there to read an ERROR frame.
            Timer::Silence | Timer::Goodbye => self.line.close(),
        }
    }
}

#[cfg(test)]
mod tests;
