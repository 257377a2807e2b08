//! What the sessions of all protocols have in common. A protocol says what its items mean and how its frames are spelled; who
//! carries out a session needs to know nothing of that.

mod line;
mod parts;
mod plain;
mod requests;
#[cfg(test)]
pub(crate) mod testing;

use std::time::Duration;

use bytes::BytesMut;
use tandem_time::Mono;

use crate::broker::Scarce;
use crate::{SessionId, broker};
pub use line::{Line, Origin, Timer};
pub(crate) use parts::Parts;
pub(crate) use plain::plain;
pub(crate) use requests::Requests;

/// What a session is told.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all inputs are of the large kinds, and none stays"
)]
pub enum Input<I, E> {
    /// From the client. Not before [`Dialect::wants_items`].
    Item(I),
    /// The client cannot be understood.
    Garbled(E),
    Broker(broker::Output),
    /// Among it the answer to [`Output::Authenticate`].
    Heard(Heard),
}

/// One piece of news from the connection.
#[derive(Debug)]
pub enum Heard {
    /// Whether the client may come in, or why it may not.
    Login(Result<(), Box<str>>),
    /// Everything that was to be sent has left.
    Flushed,
    /// Nothing is read from the client for now, so it cannot be missed.
    Unread,
    /// What it sends next is not read while there is too little of this; it is read again with `None`.
    Held(Option<Scarce>),
    /// The rest of what it has begun to say does not come.
    Stalled(&'static str),
    /// It may not be here any more.
    Dismissed(&'static str),
    /// The node goes down: the client should go elsewhere.
    Leave(&'static str),
}

/// What a session wants done.
#[derive(Debug)]
pub enum Output<F> {
    Send(F),
    Ask(broker::Input),
    Authenticate {
        login: Option<Box<str>>,
        passcode: Option<Box<str>>,
    },
    /// When what was to be sent has left.
    Close,
}

/// What an operator decides about the sessions of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The largest message.
    pub message: usize,
    /// The longest head of a frame of STOMP, and the most headers in it.
    pub head: usize,
    pub headers: usize,
    /// How often either side is to be heard when nothing else is said, where both agree; what is usual in each protocol when
    /// `None`, and never when zero.
    pub heart_beat: Option<Duration>,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            message: 100 << 20,
            head: 64 << 10,
            headers: 1000,
            heart_beat: None,
        }
    }
}

/// One client's session in one protocol. Whoever carries it out calls what has a body here, and [`Dialect::encode`]; the rest
/// is what makes it this protocol.
pub trait Dialect: Sized {
    /// What a client says.
    type Item;
    /// Why it cannot be understood.
    type Error;
    /// What a client is told.
    type Frame;

    /// Whether what comes next in some bytes brings messages, which wait while memory is full.
    const PUBLISHES: fn(&[u8]) -> bool;

    fn new(line: Line<Self::Frame>, bounds: Bounds) -> Self;

    fn line(&self) -> &Line<Self::Frame>;

    fn line_mut(&mut self) -> &mut Line<Self::Frame>;

    /// Takes one item out of `bytes`; `None` when the rest of it has not come.
    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Self::Item>, Self::Error>;

    fn encode(&self, frame: &Self::Frame, out: &mut BytesMut);

    /// Whether it is the client's turn to say something, until the end.
    fn listens(&self) -> bool;

    fn item(&mut self, item: Self::Item, now: Mono);

    /// Some bytes have come, a whole item or not. Protocols in which any byte is a sign of life hear of it.
    fn came(&mut self, _now: Mono) {}

    fn garbled(&mut self, error: Self::Error, now: Mono);

    fn broker(&mut self, output: broker::Output, now: Mono);

    fn hear(&mut self, heard: Heard, now: Mono);

    fn due(&mut self, timer: Timer, now: Mono);

    fn open(id: SessionId, bounds: Bounds, origin: Origin, now: Mono) -> Self {
        Self::new(Line::new(id, origin, now), bounds)
    }

    fn wants_items(&self) -> bool {
        !self.line().is_closed() && self.listens()
    }

    /// What has come of messages that are not whole, in bytes, beside what is still to be read.
    fn begun(&self) -> usize {
        0
    }

    /// There is nothing else to say: what was collected can be said.
    fn round_off(&mut self) {}

    /// Takes what is whole out of `bytes`. False when the rest has not come.
    fn read(&mut self, bytes: &mut BytesMut, now: Mono) -> bool {
        match self.decode(bytes) {
            Ok(Some(item)) => self.handle(Input::Item(item), now),
            Ok(None) => return false,
            Err(error) => {
                // Nobody knows where the next item begins.
                bytes.clear();
                self.handle(Input::Garbled(error), now);
            }
        }
        true
    }

    fn handle(&mut self, input: Input<Self::Item, Self::Error>, now: Mono) {
        if self.line().is_closed() {
            return;
        }
        match input {
            Input::Item(item) => {
                self.line_mut().heard(now);
                self.item(item, now);
            }
            Input::Garbled(error) => self.garbled(error, now),
            Input::Broker(output) => self.broker(output, now),
            Input::Heard(Heard::Unread) => self.line_mut().heard(now),
            Input::Heard(heard) => self.hear(heard, now),
        }
    }

    fn poll_output(&mut self) -> Option<Output<Self::Frame>> {
        if self.line().is_quiet() {
            self.round_off();
        }
        self.line_mut().poll_output()
    }

    fn poll_deadline(&self) -> Option<Mono> {
        self.line().timers.next()
    }

    fn on_deadline(&mut self, now: Mono) {
        while let Some(timer) = self.line_mut().timers.take_due(now) {
            self.due(timer, now);
        }
    }
}
