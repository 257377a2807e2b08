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

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tandem_mq_wire::amqp10::{
    Close, DecodeError, Decoder, Frame, Greeting, Item, Layer, Open, Performative, SMALLEST_MAX, encode, publishes,
};
use tandem_time::Mono;

use crate::broker;
use crate::dialect::{self, Bounds, Dialect, Heard, Line, Parts, Timer};
use crate::{ConsumerId, DeliveryId};
use channel::Channel;
use mistake::{Blame, Mistake};

/// What the node's operator decides about AMQP 1.0.
#[derive(Clone, Debug)]
struct Settings {
    /// The largest message.
    message: usize,
    /// The largest frame.
    frame: u32,
    /// The highest number of a channel.
    channels: u16,
    /// The highest handle of a channel.
    handles: u32,
    /// Whoever is silent for twice as long is gone.
    idle: Duration,
    /// How many messages are on their way on a link, either way.
    window: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            message: 100 << 20,
            frame: 128 << 10,
            channels: 255,
            handles: 1023,
            idle: Duration::from_secs(60),
            window: 1000,
        }
    }
}

pub type Input = dialect::Input<Item, DecodeError>;
pub type Output = dialect::Output<Frame>;

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
}

/// One client's connection.
#[derive(Debug)]
pub struct Session {
    line: Line<Frame>,
    decoder: Decoder,
    settings: Settings,
    state: State,
    /// What the client calls itself.
    container: Box<str>,
    /// The largest frame that the client takes.
    frame_max: u32,
    channel_max: u16,
    channels: Parts<Channel>,
    /// Links by their names and by who receives: the same name may be there in both directions (2.6.1).
    names: BTreeMap<(Box<str>, bool), (u16, u32)>,
    /// Parts of messages, and of links that are not answered, in bytes.
    partial: usize,
    /// Messages wait because memory is full.
    held: bool,
    /// Sent as settled, and not yet known to have left.
    unflushed: Vec<(ConsumerId, DeliveryId)>,
}

impl Session {
    /// The largest frame from the client: a small one, until it is known.
    fn limit(&self) -> usize {
        match self.state {
            State::Open | State::Closing => self.settings.frame as usize,
            _ => Decoder::STRANGER,
        }
    }

    /// What the next bytes are.
    fn layer(&self) -> Layer {
        match self.state {
            State::Waiting | State::Known | State::Checking(false) => Layer::Greeting,
            State::Introducing | State::Checking(true) => Layer::Sasl,
            State::Opening | State::Open | State::Closing => Layer::Amqp,
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

    fn say(&mut self, channel: u16, said: impl Into<Performative>) {
        self.line.send(Frame::Say(channel, said.into(), Bytes::new()));
    }

    /// Says why, and waits until the client has heard it. A stranger is told what is spoken here, and no more (2.2).
    fn fail(&mut self, mistake: &Mistake, now: Mono) {
        match self.state {
            State::Closing => return self.line.close(),
            State::Waiting => {
                self.line.send(Frame::Greeting(Greeting::Amqp));
                return self.line.close();
            }
            State::Introducing | State::Checking(_) | State::Known => return self.line.close(),
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
        self.line.goodbye(now);
    }

    fn leave(&mut self) {
        let session = self.line.id;
        self.line.ask(broker::Input::Closed { session });
        self.say(0, Close { error: None });
        self.line.close();
    }

    fn forget_channels(&mut self) {
        self.channels.clear();
        self.names.clear();
        self.unflushed.clear();
        self.partial = 0;
    }

    fn our_open(&self) -> Open {
        Open {
            container_id: format!("tandem-mq-{:x}", self.line.origin.began).into(),
            max_frame_size: Some(self.settings.frame),
            channel_max: Some(self.settings.channels),
            idle_time_out: u32::try_from(self.settings.idle.as_millis())
                .ok()
                .filter(|millis| *millis > 0),
            offered_capabilities: vec!["ANONYMOUS-RELAY".into(), link::DELAYED.into()],
            properties: connect::properties(),
            ..Open::default()
        }
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
            idle: bounds.heart_beat.unwrap_or(usual.idle),
            ..usual
        };
        Session {
            decoder: Decoder::default(),
            state: State::Waiting,
            container: "".into(),
            frame_max: SMALLEST_MAX,
            channel_max: settings.channels,
            settings,
            channels: Parts::new(line.id),
            names: BTreeMap::new(),
            partial: 0,
            held: false,
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
        self.decoder.layer = self.layer();
        self.decoder.decode(bytes)
    }

    fn encode(&self, frame: &Frame, out: &mut BytesMut) {
        encode(frame, out);
    }

    fn begun(&self) -> usize {
        self.partial
    }

    fn listens(&self) -> bool {
        !matches!(self.state, State::Checking(_))
    }

    fn item(&mut self, item: Item, now: Mono) {
        match (self.state, item) {
            (State::Waiting, Item::Greeting(Greeting::Sasl)) => self.introduce(),
            (State::Waiting, Item::Greeting(Greeting::Amqp)) => {
                self.authenticate(false, None, None);
            }
            (State::Introducing, Item::Sasl(init)) => self.introduced(&init),
            (State::Known, Item::Greeting(Greeting::Amqp)) => {
                self.line.send(Frame::Greeting(Greeting::Amqp));
                self.state = State::Opening;
            }
            (State::Opening, Item::Said(0, Performative::Open(open), _)) => self.open(open, now),
            (State::Open | State::Opening | State::Closing, Item::Empty) => {}
            (State::Open, Item::Said(channel, said, payload)) => self.said(channel, said, payload, now),
            // What crossed with our goodbye.
            (State::Closing, Item::Said(_, Performative::Close(_), _)) => self.line.close(),
            (State::Closing, _) => {}
            (_, _) => {
                let why = Mistake::illegal("this does not belong here");
                self.fail(&why, now);
            }
        }
    }

    fn garbled(&mut self, error: DecodeError, now: Mono) {
        self.fail(&Mistake::new(error.condition, error.what).of_connection(), now);
    }

    fn broker(&mut self, output: broker::Output, now: Mono) {
        self.broker_says(output, now);
    }

    fn hear(&mut self, heard: Heard, now: Mono) {
        match heard {
            Heard::Login(answer) => self.admit(&answer),
            Heard::Flushed => self.flushed(),
            Heard::Held(scarce) => self.hold(scarce.is_some()),
            Heard::Stalled(why) => self.fail(&Mistake::limit(why).of_connection(), now),
            Heard::Dismissed(why) => self.fail(&Mistake::unauthorized(why).of_connection(), now),
            Heard::Leave(why) => self.fail(&Mistake::forced(why), now),
            Heard::Unread => {}
        }
    }

    fn due(&mut self, timer: Timer, now: Mono) {
        match timer {
            Timer::Beat => self.line.beat(Frame::Empty, now),
            // Whoever is silent may still read why (2.4.5).
            Timer::Silence => {
                let why = Mistake::limit("nothing was heard for longer than the idle-time-out");
                self.say(
                    0,
                    Close {
                        error: Some(why.error()),
                    },
                );
                self.line.close();
            }
            Timer::Login | Timer::Goodbye => self.line.close(),
        }
    }

    /// What has been accepted is collected until then.
    fn round_off(&mut self) {
        self.accept();
    }
}

#[cfg(test)]
mod tests;
