//! What the two processes say to each other.

use super::fields::{Reader, Writer};
use super::{Frame, Malformed, Record};

/// Raised when something changes that the other side must know to be safe; new fields do not need it.
pub const VERSION: u64 = 1;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    Hello(Hello),
    Begin {
        /// Listeners that the new process was given and does not serve.
        unwanted: Vec<String>,
    },
    /// A piece of the state.
    State(Vec<u8>),
    /// That was all of the state: connections may come from here on.
    Ready {
        /// The number that a connection was given last: those of the new process go on from here.
        last: u64,
        /// The names under which the service manager keeps listeners for the old process.
        kept: Vec<String>,
    },
    Connection {
        /// The connection's number in the old process.
        number: u64,
        record: Box<Record>,
    },
    Taken {
        number: u64,
    },
    Refused {
        number: u64,
        why: String,
    },
    /// A piece of the counters.
    Counters(Vec<u8>),
    /// That was everything.
    Ended,
    Done,
}

/// The old process introduces itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    pub version: u64,
    pub pid: u64,
    /// When its clock began, in nanoseconds of the system's monotonic clock, which both share; negative when that was
    /// before the system started.
    pub clock_began: i64,
    pub adopted: Vec<Adopted>,
    /// Frontends that an operator has shut down.
    pub closed: Vec<String>,
}

/// A listener that was once passed under a number, which only the configuration and the old process know: the new one
/// finds it by where it listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adopted {
    pub descriptor: i32,
    pub at: String,
}

mod kind {
    pub(super) const HELLO: u8 = 1;
    pub(super) const BEGIN: u8 = 2;
    pub(super) const STATE: u8 = 3;
    pub(super) const READY: u8 = 4;
    pub(super) const CONNECTION: u8 = 5;
    pub(super) const TAKEN: u8 = 6;
    pub(super) const REFUSED: u8 = 7;
    pub(super) const COUNTERS: u8 = 8;
    pub(super) const ENDED: u8 = 9;
    pub(super) const DONE: u8 = 10;
}

mod tag {
    pub(super) const VERSION: u8 = 1;
    pub(super) const PID: u8 = 2;
    pub(super) const CLOCK: u8 = 3;
    pub(super) const LAST: u8 = 4;
    pub(super) const NUMBER: u8 = 6;
    pub(super) const WHY: u8 = 7;
    pub(super) const RECORD: u8 = 8;
    pub(super) const ADOPTED: u8 = 9;
    pub(super) const CLOSED: u8 = 10;
    pub(super) const UNWANTED: u8 = 11;
    pub(super) const KEPT: u8 = 12;
}

impl Message {
    /// `descriptors` go with it.
    pub fn to_frame(&self, descriptors: u8) -> Frame {
        let mut fields = Writer::default();
        let (kind, body) = match self {
            Message::Hello(hello) => {
                fields.number(tag::VERSION, hello.version);
                fields.number(tag::PID, hello.pid);
                fields.number(tag::CLOCK, hello.clock_began.cast_unsigned());
                for Adopted { descriptor, at } in &hello.adopted {
                    fields.text(tag::ADOPTED, &format!("{descriptor} {at}"));
                }
                fields.texts(tag::CLOSED, &hello.closed);
                (kind::HELLO, fields.into_bytes())
            }
            Message::Begin { unwanted } => {
                fields.texts(tag::UNWANTED, unwanted);
                (kind::BEGIN, fields.into_bytes())
            }
            Message::State(piece) => (kind::STATE, piece.clone()),
            Message::Ready { last, kept } => {
                fields.number(tag::LAST, *last).texts(tag::KEPT, kept);
                (kind::READY, fields.into_bytes())
            }
            Message::Connection { number, record } => {
                fields.number(tag::NUMBER, *number);
                fields.bytes(tag::RECORD, &record.to_bytes());
                (kind::CONNECTION, fields.into_bytes())
            }
            Message::Taken { number } => {
                fields.number(tag::NUMBER, *number);
                (kind::TAKEN, fields.into_bytes())
            }
            Message::Refused { number, why } => {
                fields.number(tag::NUMBER, *number).text(tag::WHY, why);
                (kind::REFUSED, fields.into_bytes())
            }
            Message::Counters(piece) => (kind::COUNTERS, piece.clone()),
            Message::Ended => (kind::ENDED, Vec::new()),
            Message::Done => (kind::DONE, Vec::new()),
        };
        Frame {
            kind,
            descriptors,
            body,
        }
    }

    pub fn of_frame(frame: Frame) -> Result<Message, Malformed> {
        let fields = || Reader::new(&frame.body);
        Ok(match frame.kind {
            kind::HELLO => Message::Hello(Hello::read(fields()?)?),
            kind::BEGIN => Message::Begin {
                unwanted: fields()?.texts(tag::UNWANTED)?,
            },
            kind::STATE => Message::State(frame.body),
            kind::READY => Message::Ready {
                last: fields()?.number(tag::LAST)?,
                kept: fields()?.texts(tag::KEPT)?,
            },
            kind::CONNECTION => {
                let fields = fields()?;
                let record = fields.find(tag::RECORD).ok_or(Malformed::Missing(tag::RECORD))?;
                Message::Connection {
                    number: fields.number(tag::NUMBER)?,
                    record: Box::new(Record::of_bytes(record)?),
                }
            }
            kind::TAKEN => Message::Taken {
                number: fields()?.number(tag::NUMBER)?,
            },
            kind::REFUSED => Message::Refused {
                number: fields()?.number(tag::NUMBER)?,
                why: fields()?.some_text(tag::WHY)?.unwrap_or_default().to_owned(),
            },
            kind::COUNTERS => Message::Counters(frame.body),
            kind::ENDED => Message::Ended,
            kind::DONE => Message::Done,
            other => return Err(Malformed::UnknownMessage(other)),
        })
    }
}

impl Hello {
    fn read(fields: Reader<'_>) -> Result<Hello, Malformed> {
        Ok(Hello {
            version: fields.number(tag::VERSION)?,
            pid: fields.number(tag::PID)?,
            clock_began: fields.number(tag::CLOCK)?.cast_signed(),
            adopted: fields
                .texts(tag::ADOPTED)?
                .iter()
                .map(|text| Adopted::read(text))
                .collect::<Result<_, _>>()?,
            closed: fields.texts(tag::CLOSED)?,
        })
    }
}

impl Adopted {
    fn read(text: &str) -> Result<Adopted, Malformed> {
        let parts = text.split_once(' ');
        let parts = parts.and_then(|(number, at)| Some((number.parse().ok()?, at.to_owned())));
        let (descriptor, at) = parts.ok_or(Malformed::Value(tag::ADOPTED))?;
        Ok(Adopted { descriptor, at })
    }
}
