//! One MQTT client: packets become the broker's inputs, and what the broker says becomes packets.
//!
//! ```text
//!   Waiting ── CONNECT ──▶ Checking ── let in ──▶ Attaching ── the broker knows it ──▶ Open ── DISCONNECT, a mistake ──▶ Closed
//! ```
//!
//! What outlives the connection (subscriptions, numbers of messages, the will) is the broker's; here is only what this
//! connection needs. A promise is what we say when the broker has said that all before it is on disk.

mod connect;
mod deliver;
mod message;
mod outbound;
mod publish;
mod subscribe;
mod topic;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::BytesMut;
use tandem_mq_wire::mqtt::{
    Answer, DecodeError, Decoder, Packet, Properties, Publish, Reason, Version, encode, publishes,
};
use tandem_time::Mono;

use crate::DeliveryId;
use crate::broker::{self, Delivery, Listening};
use crate::dialect::{self, Bounds, Dialect, Heard, Line, Requests, Timer};
use outbound::Outbound;

/// What the node's operator decides about MQTT.
#[derive(Clone, Debug)]
struct Settings {
    /// The largest packet.
    packet: usize,
    /// How many messages of QoS 1 and 2 may be under way to a client, if it allows that.
    window: u16,
    /// The same from a client.
    receive_maximum: u16,
    /// How many topics a client may give a number, and how many we give one.
    aliases: u16,
    subscriptions: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            packet: 100 << 20,
            window: 1000,
            receive_maximum: 1000,
            aliases: 32,
            subscriptions: 10_000,
        }
    }
}

/// What a CONNACK or DISCONNECT has beside the words.
const WITHOUT_WORDS: usize = 16;

pub type Input = dialect::Input<Packet, DecodeError>;
pub type Output = dialect::Output<Answer>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Checking,
    Attaching,
    Open,
}

/// What is said when everything until now is safe.
#[derive(Debug)]
struct Promise {
    what: Promised,
    /// The inputs that it is about; a refusal names one of them.
    requests: std::ops::RangeInclusive<u64>,
}

#[derive(Debug)]
enum Promised {
    Connack(Option<Box<broker::Known>>),
    Puback(u16, Reason),
    Pubrec(u16, Reason),
    Pubcomp(u16),
    Pubrel(u16),
    /// Each filter's answer, and the input that it depends on.
    Suback(u16, Vec<(Reason, Option<u64>)>),
    Unsuback(u16, Vec<Reason>),
    /// Its number has been written down.
    Publish(Box<Publish>),
}

/// One subscription.
#[derive(Debug)]
struct Listener {
    options: Listening,
}

/// One client's connection.
#[derive(Debug)]
pub struct Session {
    line: Line<Answer>,
    decoder: Decoder,
    settings: Settings,
    asks: Requests<Promise>,
    state: State,
    version: Version,
    /// From the CONNECT packet, until the client is let in.
    asked: Option<connect::Asked>,
    /// What the client's CONNECT said of its expiry: zero cannot become more.
    lasts: bool,
    listeners: BTreeMap<u64, Listener>,
    numbers: BTreeMap<Box<str>, u64>,
    next_listener: u64,
    /// Arrived exactly once so far, and not to be taken again.
    received: BTreeSet<u16>,
    /// Arrived and not answered to the end: the client may have so many.
    unanswered: BTreeSet<u16>,
    /// Topics that the client has given a number.
    aliases: BTreeMap<u16, Box<str>>,
    outbound: Outbound,
    /// What waits until the client has room.
    held_back: VecDeque<Delivery>,
    /// Sent, and not yet known to have left.
    unflushed: Vec<DeliveryId>,
}

impl Session {
    /// The largest packet that may arrive: a small one, until the client is known.
    fn limit(&self) -> usize {
        match self.state {
            State::Waiting | State::Checking | State::Attaching => Decoder::STRANGER,
            State::Open => self.settings.packet,
        }
    }

    fn ask(&mut self, input: broker::Input) {
        self.asks.ask(&mut self.line, input);
    }

    fn send(&mut self, answer: Answer) {
        self.line.send(answer);
    }

    /// Says it when everything until now is safe; `first` is the first input that it is about.
    fn promise(&mut self, first: u64, what: Promised) {
        let requests = first..=self.asks.last();
        self.asks.promise(&mut self.line, Promise { what, requests });
    }

    /// Says why, where the version has words for it, and ends.
    fn fail(&mut self, reason: Reason, why: &str) {
        if self.line.is_closed() {
            return;
        }
        // Words that make the packet too large for the client are left out.
        let why = Some(why.into()).filter(|_| self.outbound.fits(why.len() + WITHOUT_WORDS));
        match self.state {
            State::Open => self.send(Answer::Disconnect(reason, why)),
            State::Waiting | State::Checking | State::Attaching => self.send(Answer::Connack {
                session_present: false,
                reason,
                properties: Box::new(Properties {
                    reason: why,
                    ..Properties::default()
                }),
            }),
        }
        self.line.close();
    }
}

impl Dialect for Session {
    type Item = Packet;
    type Error = DecodeError;
    type Frame = Answer;

    const PUBLISHES: fn(&[u8]) -> bool = publishes;

    fn new(line: Line<Answer>, bounds: Bounds) -> Session {
        let settings = Settings {
            packet: bounds.message,
            ..Settings::default()
        };
        Session {
            decoder: Decoder::new(),
            asks: Requests::new(line.id),
            settings,
            state: State::Waiting,
            version: Version::V3_1_1,
            asked: None,
            lasts: false,
            listeners: BTreeMap::new(),
            numbers: BTreeMap::new(),
            next_listener: 1,
            received: BTreeSet::new(),
            unanswered: BTreeSet::new(),
            aliases: BTreeMap::new(),
            outbound: Outbound::default(),
            held_back: VecDeque::new(),
            unflushed: Vec::new(),
            line,
        }
    }

    fn line(&self) -> &Line<Answer> {
        &self.line
    }

    fn line_mut(&mut self) -> &mut Line<Answer> {
        &mut self.line
    }

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Packet>, DecodeError> {
        self.decoder.limit = self.limit();
        self.decoder.decode(bytes)
    }

    fn encode(&self, frame: &Answer, out: &mut BytesMut) {
        encode(frame, self.version, out);
    }

    fn listens(&self) -> bool {
        matches!(self.state, State::Waiting | State::Open)
    }

    fn item(&mut self, packet: Packet, now: Mono) {
        match (self.state, packet) {
            (State::Waiting, Packet::Connect(connect)) => self.connect(*connect, now),
            (State::Open, Packet::Publish(publish)) => self.publish(*publish, now),
            (State::Open, Packet::Puback(ack)) => self.puback(&ack, now),
            (State::Open, Packet::Pubrec(ack)) => self.pubrec(&ack, now),
            (State::Open, Packet::Pubrel(ack)) => self.pubrel(&ack),
            (State::Open, Packet::Pubcomp(ack)) => self.pubcomp(&ack, now),
            (State::Open, Packet::Subscribe(subscribe)) => self.subscribe(subscribe),
            (State::Open, Packet::Unsubscribe(unsubscribe)) => self.unsubscribe(unsubscribe),
            (State::Open, Packet::Pingreq) => self.send(Answer::Pingresp),
            (State::Open, Packet::Disconnect(disconnect)) => self.disconnect(&disconnect),
            (State::Open, Packet::Auth) => self.fail(Reason::ProtocolError, "there was no authentication method"),
            _ => self.fail(Reason::ProtocolError, "this packet does not belong here"),
        }
    }

    fn garbled(&mut self, error: DecodeError, _now: Mono) {
        self.fail(error.reason, error.what);
    }

    fn broker(&mut self, output: broker::Output, now: Mono) {
        self.broker_says(output, now);
    }

    fn hear(&mut self, heard: Heard, now: Mono) {
        match heard {
            Heard::Login(answer) => self.admit(answer, now),
            Heard::Flushed => self.flushed(),
            Heard::Stalled(why) => self.fail(Reason::Malformed, why),
            Heard::Dismissed(why) => self.fail(Reason::NotAuthorized, why),
            Heard::Leave(why) => self.fail(Reason::ServerShuttingDown, why),
            // There is no word for being held back: the client waits.
            Heard::Held(_) | Heard::Unread => {}
        }
    }

    fn due(&mut self, timer: Timer, _now: Mono) {
        match timer {
            Timer::Silence => self.fail(
                Reason::KeepAliveTimeout,
                "nothing was heard for one and a half times the keep alive",
            ),
            // A stranger is owed no answer; there are no others.
            Timer::Login | Timer::Beat | Timer::Goodbye => self.line.close(),
        }
    }
}

#[cfg(test)]
mod tests;
