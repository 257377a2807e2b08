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
use std::time::Duration;

use tandem_mq_wire::mqtt::{Answer, DecodeError, Decoder, Packet, Properties, Publish, Reason, Version};
use tandem_time::{Mono, TimerName, TimerTable};

use crate::broker::{self, Delivery, Listening};
use crate::{DeliveryId, Heard, SessionId, Token, WallMillis};
use outbound::Outbound;

/// What the node's operator decides about MQTT.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The largest packet.
    pub packet: usize,
    /// How long a stranger may take to log in.
    pub login: Duration,
    /// How many messages of QoS 1 and 2 may be under way to a client, if it allows that.
    pub window: u16,
    /// The same from a client.
    pub receive_maximum: u16,
    /// How many topics a client may give a number, and how many we give one.
    pub aliases: u16,
    pub subscriptions: usize,
    /// What the clock said when [`Mono`] was zero, in milliseconds since 1970.
    pub began: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            packet: 100 << 20,
            login: Duration::from_secs(10),
            window: 1000,
            receive_maximum: 1000,
            aliases: 32,
            subscriptions: 10_000,
            began: 0,
        }
    }
}

/// What a CONNACK or DISCONNECT has beside the words.
const WITHOUT_WORDS: usize = 16;

/// What the session is told.
#[derive(Debug)]
pub enum Input {
    /// From the decoder. Not before [`Session::wants_packets`].
    Packet(Packet),
    Garbled(DecodeError),
    Broker(broker::Output),
    /// Among it the answer to [`Output::Authenticate`].
    Heard(Heard),
}

/// What the session wants done.
#[derive(Debug)]
pub enum Output {
    Send(Answer),
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
    Attaching,
    Open,
    Closed,
}

#[derive(Clone, Copy, Debug)]
enum Timer {
    Login,
    /// The client should have been heard.
    Silence,
}

impl TimerName for Timer {
    const ALL: &'static [Timer] = &[Timer::Login, Timer::Silence];

    fn place(self) -> usize {
        self as usize
    }
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
    id: SessionId,
    settings: Settings,
    state: State,
    version: Version,
    /// From the CONNECT packet, until the client is let in.
    asked: Option<connect::Asked>,
    /// What the client's CONNECT said of its expiry: zero cannot become more.
    lasts: bool,
    silence: Duration,
    timers: TimerTable<Timer, 2>,
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
    promises: BTreeMap<Token, Promise>,
    next_token: Token,
    /// How many inputs the broker has had from us.
    requests: u64,
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
            version: Version::V3_1_1,
            asked: None,
            lasts: false,
            silence: Duration::ZERO,
            timers,
            listeners: BTreeMap::new(),
            numbers: BTreeMap::new(),
            next_listener: 1,
            received: BTreeSet::new(),
            unanswered: BTreeSet::new(),
            aliases: BTreeMap::new(),
            outbound: Outbound::default(),
            held_back: VecDeque::new(),
            unflushed: Vec::new(),
            promises: BTreeMap::new(),
            next_token: Token(1),
            requests: 0,
            outputs: VecDeque::new(),
        }
    }

    /// How answers are written.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The largest packet that may arrive: a small one, until the client is known.
    pub fn limit(&self) -> usize {
        match self.state {
            State::Waiting | State::Checking | State::Attaching => Decoder::STRANGER,
            State::Open | State::Closed => self.settings.packet,
        }
    }

    pub fn wants_packets(&self) -> bool {
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
            Input::Packet(packet) => {
                self.heard(now);
                self.packet(packet, now);
            }
            Input::Garbled(error) => self.fail(error.reason, error.what),
            Input::Heard(Heard::Login(answer)) => self.admit(answer, now),
            Input::Broker(output) => self.broker_says(output, now),
            Input::Heard(Heard::Flushed) => self.flushed(),
            Input::Heard(Heard::Unread) => self.heard(now),
            // There is no word for it: the client waits.
            Input::Heard(Heard::Held(_)) => {}
            Input::Heard(Heard::Leave(why)) => self.fail(Reason::ServerShuttingDown, why),
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
                // A stranger is owed no answer.
                Timer::Login => self.close(),
                Timer::Silence => self.fail(
                    Reason::KeepAliveTimeout,
                    "nothing was heard for one and a half times the keep alive",
                ),
            }
        }
    }

    fn packet(&mut self, packet: Packet, now: Mono) {
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

    fn heard(&mut self, now: Mono) {
        if !self.silence.is_zero() {
            self.timers.arm(Timer::Silence, now + self.silence);
        }
    }

    fn ask(&mut self, input: broker::Input) {
        self.requests += 1;
        self.outputs.push_back(Output::Ask(input));
    }

    fn send(&mut self, answer: Answer) {
        self.outputs.push_back(Output::Send(answer));
    }

    /// Says it when everything until now is safe; `first` is the first input that it is about.
    fn promise(&mut self, first: u64, what: Promised) {
        let token = self.next_token.take();
        let session = self.id;
        let requests = first..=self.requests;
        self.promises.insert(token, Promise { what, requests });
        self.ask(broker::Input::Sync { session, token });
    }

    /// The number of the next input.
    fn next_request(&self) -> u64 {
        self.requests + 1
    }

    fn wall(&self, now: Mono) -> WallMillis {
        WallMillis(self.settings.began + now.as_millis())
    }

    /// Says why, where the version has words for it, and ends.
    fn fail(&mut self, reason: Reason, why: &str) {
        // Words that make the packet too large for the client are left out.
        let why = Some(why.into()).filter(|_| self.outbound.fits(why.len() + WITHOUT_WORDS));
        match self.state {
            State::Closed => return,
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
