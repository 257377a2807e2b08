//! What the broker is told.

use std::sync::Arc;

use tandem_mq_wire::mqtt::RetainHandling;

use super::Arrangement;
use crate::{ConsumerId, DeliveryId, Kind, Lsn, Message, Qos, Rights, Selector, SessionId, Token, TransactionId};

/// One thing that happened. Sessions count what they say: a refusal names the number of what it refuses, and `Opened`, or
/// `Attach` where it opens the session, is number 1.
#[derive(Debug)]
pub enum Input {
    /// What a connection may do from now on; whoever is never admitted may do everything. It is nobody's word: no session
    /// counts it.
    Admit {
        connection: SessionId,
        rights: Arc<Rights>,
    },
    Opened {
        session: SessionId,
    },
    /// Opens a session for a client with a name, whose state may be known from before.
    Attach(Attach),
    /// Everything the session held returns to the queues, or waits for its client; its transactions never were.
    Closed {
        session: SessionId,
    },
    /// The client is about to go as it should. `Closed` follows.
    Leave {
        session: SessionId,
        /// Whether its will counts nevertheless.
        will: bool,
        expiry: Option<Expiry>,
    },
    Send {
        session: SessionId,
        transaction: Option<TransactionId>,
        to: Target,
        message: Message,
        /// The client's number for it: until `Finish` says that it is free, another one of this number is the same message.
        once: Option<u16>,
    },
    /// Messages will follow for there: refused where they would be.
    Aim {
        session: SessionId,
        to: Target,
    },
    /// A message by an exchange.
    Publish {
        session: SessionId,
        transaction: Option<TransactionId>,
        publish: Box<Publish>,
    },
    /// What AMQP 0-9-1 wants to be there, or an operator.
    Arrange {
        session: SessionId,
        what: Arrangement,
    },
    /// The client will not send that one again.
    Finish {
        session: SessionId,
        packet: u16,
    },
    Subscribe {
        consumer: ConsumerId,
        to: Target,
        options: Subscription,
    },
    Unsubscribe {
        consumer: ConsumerId,
    },
    /// A durable subscription is wanted no more.
    Forget {
        session: SessionId,
        name: Box<str>,
    },
    /// A named client's subscription; one by the same filter is changed.
    Listen(Listen),
    Unlisten {
        session: SessionId,
        filter: Box<str>,
    },
    /// So many more messages may be handed to the consumer.
    Credit {
        consumer: ConsumerId,
        more: u32,
    },
    /// No more for now: what is left of its credit is gone, and the answer says how much that was.
    Drain {
        consumer: ConsumerId,
    },
    /// So many more for all consumers of a named client together.
    Window {
        session: SessionId,
        more: u32,
    },
    /// The client is told of this delivery by this number, also when it comes back.
    Name {
        session: SessionId,
        delivery: DeliveryId,
        packet: u16,
        /// It must not come twice.
        once: bool,
    },
    /// The client has the message, and knows it by the number.
    Release {
        session: SessionId,
        packet: u16,
    },
    /// The number means nothing any more.
    Free {
        session: SessionId,
        packet: u16,
    },
    Settle {
        session: SessionId,
        transaction: Option<TransactionId>,
        delivery: DeliveryId,
        outcome: Outcome,
    },
    Begin {
        session: SessionId,
        transaction: TransactionId,
    },
    Commit {
        session: SessionId,
        transaction: TransactionId,
    },
    Abort {
        session: SessionId,
        transaction: TransactionId,
    },
    /// Say this token once everything that the session did until now is safe.
    Sync {
        session: SessionId,
        token: Token,
    },
    /// Whether the disk is as full as it may be, and the largest message that finds room on it. It is nobody's word.
    Disk {
        full: bool,
        room: usize,
    },
    /// The journal is on disk up to here.
    Stored {
        upto: Lsn,
    },
}

impl Input {
    /// Which session says it.
    pub fn session(&self) -> Option<SessionId> {
        Some(match self {
            Input::Opened { session }
            | Input::Closed { session }
            | Input::Leave { session, .. }
            | Input::Send { session, .. }
            | Input::Aim { session, .. }
            | Input::Publish { session, .. }
            | Input::Arrange { session, .. }
            | Input::Finish { session, .. }
            | Input::Forget { session, .. }
            | Input::Unlisten { session, .. }
            | Input::Window { session, .. }
            | Input::Name { session, .. }
            | Input::Release { session, .. }
            | Input::Free { session, .. }
            | Input::Settle { session, .. }
            | Input::Begin { session, .. }
            | Input::Commit { session, .. }
            | Input::Abort { session, .. }
            | Input::Sync { session, .. } => *session,
            Input::Attach(attach) => attach.session,
            Input::Listen(listen) => listen.session,
            Input::Subscribe { consumer, .. }
            | Input::Unsubscribe { consumer }
            | Input::Credit { consumer, .. }
            | Input::Drain { consumer } => consumer.session,
            Input::Stored { .. } | Input::Disk { .. } | Input::Admit { .. } => return None,
        })
    }
}

/// Where a message goes, or where a consumer listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub address: Box<str>,
    pub kind: Kind,
}

/// A message and the exchange that finds its queues. The one without a name finds the queue that is named like the key.
#[derive(Clone, Debug, PartialEq)]
pub struct Publish {
    pub exchange: Box<str>,
    pub key: Box<str>,
    /// It comes back when nothing is bound for it.
    pub mandatory: bool,
    pub message: Message,
}

/// How a consumer wants its messages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subscription {
    /// How many it takes before it has settled the first.
    pub credit: u32,
    /// The client did not say that: if the policy of where it listens does, that counts.
    pub is_usual: bool,
    /// A subscription to a topic that outlives its session, by this name.
    pub durable: Option<Box<str>>,
    /// Looks and takes nothing.
    pub browse: bool,
    /// Takes only these.
    pub selector: Option<Selector>,
    /// From a queue, it is handed everything as long as it is there; the next one that wants that waits for its end, and so do all
    /// others.
    pub exclusive: bool,
}

/// A client that has a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Attach {
    pub session: SessionId,
    pub client: Box<str>,
    /// Nothing from before is wanted.
    pub fresh: bool,
    pub expiry: Expiry,
    pub will: Option<Will>,
}

/// How long a client is remembered after its connection has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    Seconds(u32),
    Never,
}

impl Expiry {
    /// Whether it outlives its connection at all.
    pub fn lasts(self) -> bool {
        self != Expiry::Seconds(0)
    }
}

/// What is sent for a client whose connection ends without a word.
#[derive(Clone, Debug, PartialEq)]
pub struct Will {
    pub address: Box<str>,
    pub message: Message,
    /// In seconds. Whoever comes back before has not died.
    pub delay: u32,
}

/// A named client's subscription to a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    pub session: SessionId,
    /// The consumer's number; that of a subscription which is changed stays.
    pub number: u64,
    /// As the client spells it.
    pub filter: Box<str>,
    /// The same as the broker spells it, without the group.
    pub address: Box<str>,
    /// Each message goes to one of the group.
    pub group: Option<Box<str>>,
    pub options: Listening,
    pub retained: RetainHandling,
}

/// What the broker remembers of a subscription.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listening {
    pub qos: Qos,
    pub no_local: bool,
    pub retain_as_published: bool,
    pub identifier: Option<u32>,
}

/// What a consumer made of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Accepted,
    /// Not tried: it goes back as it was.
    Released,
    /// Tried in vain: it goes back, and counts against the most attempts.
    Failed,
    /// Nobody should try again.
    Rejected,
}
