//! One client of AMQP 1.0: performatives become the broker's inputs, and what the broker says becomes performatives.
//!
//! ```text
//!   Waiting ─ SASL ▶ Introducing ─ init ▶ Checking ─ let in ▶ Known ─ header ▶ Opening ─ open ▶ Open ─ close ▶ Closed
//!      └ no SASL ──────────────────────────▶ ┘                                                  └ a mistake ▶ Closing ┘
//! ```
//!
//! A session of AMQP is called a channel here, because that is what its frames are numbered by; it is a session of the broker of
//! its own, as a channel of AMQP 0-9-1 is. A link in one direction is a consumer, in the other a way to an address. Numbers of
//! channels and handles are the client's in both directions: they are free for it when they are free for us.

mod channel;
mod connect;
mod deliver;
mod flow;
mod link;
mod message;
mod mistake;
mod publish;
mod send;
mod settle;
mod terminus;
mod transact;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use tandem_mq_wire::amqp10::{
    Close, DecodeError, Decoder, Frame, Greeting, Item, Layer, Open, Performative, SMALLEST_MAX,
};
use tandem_time::{Mono, TimerName, TimerTable};

use crate::broker;
use crate::{ConsumerId, DeliveryId, Heard, SessionId, WallMillis};
use channel::Channel;
use mistake::{Blame, Mistake};

/// What the node's operator decides about AMQP 1.0.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The largest message.
    pub message: usize,
    /// The largest frame.
    pub frame: u32,
    /// The highest number of a channel.
    pub channels: u16,
    /// The highest handle of a channel.
    pub handles: u32,
    /// Whoever is silent for twice as long is gone.
    pub idle: Duration,
    /// How long a stranger may take to come in.
    pub login: Duration,
    /// How many messages are on their way on a link, either way.
    pub window: u32,
    /// What the clock said when [`Mono`] was zero, in milliseconds since 1970.
    pub began: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            message: 100 << 20,
            frame: 128 << 10,
            channels: 255,
            handles: 1023,
            idle: Duration::from_secs(60),
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
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all inputs are of the large kinds, and none stays"
)]
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
#[expect(clippy::large_enum_variant, reason = "most outputs are of the large kinds")]
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
    Introducing,
    /// Whether by SASL.
    Checking(bool),
    Known,
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

/// One client's connection.
#[derive(Debug)]
pub struct Session {
    id: SessionId,
    settings: Settings,
    state: State,
    /// What the client calls itself.
    container: Box<str>,
    /// The largest frame that the client takes.
    frame_max: u32,
    channel_max: u16,
    beat: Duration,
    timers: TimerTable<Timer, 4>,
    channels: BTreeMap<u16, Channel>,
    /// Whose each part of the connection is.
    parts: BTreeMap<SessionId, u16>,
    next_part: u16,
    /// Links by their names and by who receives: the same name may be there in both directions (2.6.1).
    names: BTreeMap<(Box<str>, bool), (u16, u32)>,
    /// For consumers, names and promises: never used twice.
    next: u64,
    /// Parts of messages that have come, in bytes.
    partial: usize,
    /// Messages wait because memory is full.
    held: bool,
    /// Sent as settled, and not yet known to have left.
    unflushed: Vec<(ConsumerId, DeliveryId)>,
    outputs: VecDeque<Output>,
}

impl Session {
    pub fn new(id: SessionId, settings: Settings, now: Mono) -> Session {
        let mut timers = TimerTable::default();
        timers.arm(Timer::Login, now + settings.login);
        Session {
            id,
            state: State::Waiting,
            container: "".into(),
            frame_max: SMALLEST_MAX,
            channel_max: settings.channels,
            settings,
            beat: Duration::ZERO,
            timers,
            channels: BTreeMap::new(),
            parts: BTreeMap::new(),
            next_part: 0,
            names: BTreeMap::new(),
            next: 0,
            partial: 0,
            held: false,
            unflushed: Vec::new(),
            outputs: VecDeque::new(),
        }
    }

    /// The largest frame from the client: a small one, until it is known.
    pub fn limit(&self) -> usize {
        match self.state {
            State::Open | State::Closing | State::Closed => self.settings.frame as usize,
            _ => Decoder::STRANGER,
        }
    }

    /// What the next bytes are.
    pub fn layer(&self) -> Layer {
        match self.state {
            State::Waiting | State::Known | State::Checking(false) => Layer::Greeting,
            State::Introducing | State::Checking(true) => Layer::Sasl,
            State::Opening | State::Open | State::Closing | State::Closed => Layer::Amqp,
        }
    }

    pub fn wants_items(&self) -> bool {
        !matches!(self.state, State::Checking(_) | State::Closed)
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
            Input::Garbled(error) => self.garbled(&error, now),
            Input::Broker(output) => self.broker_says(output, now),
            Input::Heard(Heard::Login(answer)) => self.admit(&answer),
            Input::Heard(Heard::Flushed) => self.flushed(),
            Input::Heard(Heard::Unread) => self.heard(now),
            Input::Heard(Heard::Held(held)) => self.hold(held),
            Input::Heard(Heard::Leave(why)) => self.fail(&Mistake::forced(why), now),
        }
    }

    /// What has been accepted is collected until there is nothing else to say.
    pub fn poll_output(&mut self) -> Option<Output> {
        if self.outputs.is_empty() {
            self.accept();
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
                    self.outputs.push_back(Output::Send(Frame::Empty));
                    self.timers.arm(Timer::Beat, now + self.beat);
                }
                // Whoever is silent may still read why (2.4.5).
                Timer::Silence => {
                    let why = Mistake::limit("nothing was heard for longer than the idle-time-out");
                    self.say(
                        0,
                        Close {
                            error: Some(why.error()),
                        },
                    );
                    self.close();
                }
                Timer::Login | Timer::Goodbye => self.close(),
            }
        }
    }

    fn item(&mut self, item: Item, now: Mono) {
        match (self.state, item) {
            (State::Waiting, Item::Greeting(Greeting::Sasl)) => self.introduce(),
            (State::Waiting, Item::Greeting(Greeting::Amqp)) => {
                self.authenticate(false, None, None);
            }
            (State::Introducing, Item::Sasl(init)) => self.introduced(&init),
            (State::Known, Item::Greeting(Greeting::Amqp)) => {
                self.outputs.push_back(Output::Send(Frame::Greeting(Greeting::Amqp)));
                self.state = State::Opening;
            }
            (State::Opening, Item::Said(0, Performative::Open(open), _)) => self.open(open, now),
            (State::Open | State::Opening | State::Closing, Item::Empty) => {}
            (State::Open, Item::Said(channel, said, payload)) => self.said(channel, said, payload, now),
            // What crossed with our goodbye.
            (State::Closing, Item::Said(_, Performative::Close(_), _)) => self.close(),
            (State::Closing, _) => {}
            (_, _) => {
                let why = Mistake::illegal("this does not belong here");
                self.fail(&why, now);
            }
        }
    }

    fn said(&mut self, channel: u16, said: Performative, payload: Bytes, now: Mono) {
        let done = match said {
            Performative::Close(_) => return self.leave(),
            Performative::Open(_) => Err(Mistake::illegal("the connection is open already").of_connection()),
            Performative::Begin(begin) => self.begin(channel, &begin),
            said => self.of_a_channel(channel, said, payload, now),
        };
        if let Err(mistake) = done {
            match mistake.blame {
                Blame::Connection => self.fail(&mistake, now),
                Blame::Channel => self.fail_channel(channel, &mistake, now),
                Blame::Link(handle) => self.fail_link(channel, handle, &mistake),
            }
        }
    }

    fn heard(&mut self, now: Mono) {
        if self.state == State::Open && !self.settings.idle.is_zero() {
            self.timers.arm(Timer::Silence, now + self.settings.idle * 2);
        }
    }

    fn garbled(&mut self, error: &DecodeError, now: Mono) {
        self.fail(&Mistake::new(error.condition, &*error.what).of_connection(), now);
    }

    fn say(&mut self, channel: u16, said: impl Into<Performative>) {
        self.outputs
            .push_back(Output::Send(Frame::Say(channel, said.into(), Bytes::new())));
    }

    fn next(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn wall(&self, now: Mono) -> WallMillis {
        WallMillis(self.settings.began + now.as_millis())
    }

    /// Says why, and waits until the client has heard it. A stranger is told what is spoken here, and no more (2.2).
    fn fail(&mut self, mistake: &Mistake, now: Mono) {
        match self.state {
            State::Closed | State::Closing => return self.close(),
            State::Waiting => {
                self.outputs.push_back(Output::Send(Frame::Greeting(Greeting::Amqp)));
                return self.close();
            }
            State::Introducing | State::Checking(_) | State::Known => return self.close(),
            // Nothing comes before an open (2.4.1).
            State::Opening => {
                let open = self.our_open();
                self.say(0, open);
            }
            State::Open => {}
        }
        self.say(
            0,
            Close {
                error: Some(mistake.error()),
            },
        );
        self.state = State::Closing;
        self.forget_channels();
        self.timers = TimerTable::default();
        self.timers.arm(Timer::Goodbye, now + GOODBYE);
        // What it held is free at once.
        let session = self.id;
        self.outputs.push_back(Output::Ask(broker::Input::Closed { session }));
    }

    fn leave(&mut self) {
        let session = self.id;
        self.outputs.push_back(Output::Ask(broker::Input::Closed { session }));
        self.say(0, Close { error: None });
        self.close();
    }

    fn close(&mut self) {
        self.state = State::Closed;
        self.timers = TimerTable::default();
        self.outputs.push_back(Output::Close);
    }

    fn forget_channels(&mut self) {
        self.channels.clear();
        self.parts.clear();
        self.names.clear();
        self.unflushed.clear();
        self.partial = 0;
    }

    fn our_open(&self) -> Open {
        Open {
            container_id: format!("tandem-mq-{:x}", self.settings.began).into(),
            max_frame_size: Some(self.settings.frame),
            channel_max: Some(self.settings.channels),
            idle_time_out: u32::try_from(self.settings.idle.as_millis())
                .ok()
                .filter(|millis| *millis > 0),
            offered_capabilities: vec!["ANONYMOUS-RELAY".into()],
            properties: connect::properties(),
            ..Open::default()
        }
    }
}

#[cfg(test)]
mod tests;
