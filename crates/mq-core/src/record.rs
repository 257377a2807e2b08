//! What the journal keeps: enough to stand where we stood, in the order in which it happened.

use std::sync::Arc;

use crate::broker::{Declared, ExchangeKind, Expiry, Listening, Will};
use crate::{Kind, Message, MessageId, MessageKey, QueueId, Value, WallMillis};

/// One entry of the journal. A record is there as a whole or not at all.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    QueueMade(QueueRecord),
    QueueGone(QueueId),
    ExchangeMade(ExchangeRecord),
    ExchangeGone(Box<str>),
    Bound(BindingRecord),
    Unbound(BindingRecord),
    /// A policy, or another one of the same name.
    PolicyMade(PolicyRecord),
    PolicyGone(Box<str>),
    /// A message, and the queues that hold it.
    Put {
        id: MessageId,
        queues: Vec<QueueId>,
        message: Arc<Message>,
    },
    /// A queue is done with a message.
    Gone {
        queue: QueueId,
        id: MessageId,
    },
    /// A queue's message was tried so often in vain, and is left alone until then.
    Tried {
        queue: QueueId,
        id: MessageId,
        attempts: u32,
        until: WallMillis,
    },
    /// Ids of messages that came to an address.
    Doubles(DoublesRecord),
    /// What belongs together: a transaction.
    All(Vec<Record>),
    /// Numbers below these have been given away.
    Numbers {
        message: MessageId,
        queue: QueueId,
    },
    /// A named client, as it is now; what else is known of it stays.
    Client(ClientRecord),
    /// The client and everything of it.
    ClientGone(Box<str>),
    Listens {
        client: Box<str>,
        filter: Box<str>,
        queue: QueueId,
        options: Listening,
    },
    ListensNot {
        client: Box<str>,
        filter: Box<str>,
    },
    Packet {
        client: Box<str>,
        packet: u16,
        step: PacketStep,
    },
}

impl Record {
    /// About what it costs until the journal has it.
    pub(crate) fn weight(&self) -> usize {
        let more = match self {
            Record::Put { message, .. } => message.weight(),
            Record::Doubles(doubles) => doubles.address.len() + size_of_val(&*doubles.keys),
            Record::All(records) => records.iter().map(Record::weight).sum(),
            _ => 0,
        };
        size_of::<Record>() + more
    }

    /// Whether the journal can hold it: what belongs together does not hold what belongs together.
    pub fn is_flat(&self) -> bool {
        match self {
            Record::All(records) => records.iter().all(|record| !matches!(record, Record::All(_))),
            _ => true,
        }
    }
}

/// What became of a message that goes over the wire exactly once. Its number means something else in each direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketStep {
    /// The client's message has arrived, so another one of this number is the same.
    Received,
    /// The client knows that; the number is free.
    Finished,
    /// We say this message by this number.
    Named { queue: QueueId, id: MessageId },
    /// The client has it, and need not remember the number any more.
    Released,
    /// It does not; the number is free.
    Freed,
}

/// Of an address so many ids are known, these among them, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoublesRecord {
    pub address: Box<str>,
    pub most: u32,
    pub keys: Vec<MessageKey>,
}

/// A durable queue.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueRecord {
    pub id: QueueId,
    pub name: Box<str>,
    pub address: Box<str>,
    pub kind: Kind,
    /// The selector of a topic's subscription.
    pub filter: Option<Box<str>>,
    /// What the client said that declared it.
    pub declared: Option<Declared>,
}

/// An exchange.
#[derive(Clone, Debug, PartialEq)]
pub struct ExchangeRecord {
    pub name: Box<str>,
    pub kind: ExchangeKind,
    pub durable: bool,
    /// Gone when its last binding is.
    pub auto_delete: bool,
    /// Only other exchanges send to it.
    pub internal: bool,
    pub arguments: Vec<(Box<str>, Value)>,
}

impl ExchangeRecord {
    /// Where messages go that nothing is bound for.
    pub(crate) fn alternate(&self) -> Option<&str> {
        self.arguments.iter().find_map(|(name, value)| match value {
            Value::Text(to) if &**name == "alternate-exchange" => Some(&**to),
            _ => None,
        })
    }
}

/// What an operator decides for the addresses that a pattern stands for. What is not said is as usual.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyRecord {
    pub name: Box<str>,
    pub pattern: Box<str>,
    /// The highest one that matches counts alone.
    pub priority: u32,
    /// After so many failed attempts a message is dead; 0 is for ever.
    pub max_attempts: Option<u32>,
    /// Where the dead go; nowhere when it is empty.
    pub dead_letter: Option<Box<str>>,
    /// The same for those that waited for too long.
    pub expiry: Option<Box<str>>,
    /// How long a message may wait, in milliseconds.
    pub ttl: Option<u64>,
    pub max_length: Option<u64>,
    pub max_bytes: Option<u64>,
    /// How long a message that was tried in vain is left alone, in milliseconds; 0 is not at all.
    pub redelivery_delay: Option<u64>,
    /// In thousandths: so many times longer with each attempt more.
    pub redelivery_multiplier: Option<u32>,
    pub max_redelivery_delay: Option<u64>,
    /// A message takes the place of the one that waits and has the same in this property; of none when it is empty.
    pub last_value_key: Option<Box<str>>,
    /// How many groups of messages are told from each other; 0 is none.
    pub group_buckets: Option<u32>,
    /// How many messages a consumer is sent ahead that does not say it.
    pub prefetch: Option<u32>,
    /// How many ids of messages are known of an address, so that none of them counts twice; 0 is none.
    pub id_cache_size: Option<u32>,
}

impl PolicyRecord {
    /// Whether it says only what the first program knew that had policies.
    pub fn is_plain(&self) -> bool {
        let redelivery = [self.redelivery_delay, self.max_redelivery_delay];
        let numbers = [
            self.redelivery_multiplier,
            self.group_buckets,
            self.prefetch,
            self.id_cache_size,
        ];
        let is_said = redelivery.iter().any(Option::is_some) || numbers.iter().any(Option::is_some);
        !is_said && self.last_value_key.is_none()
    }
}

/// A way from an exchange.
#[derive(Clone, Debug, PartialEq)]
pub struct BindingRecord {
    pub source: Box<str>,
    pub destination: Destination,
    pub key: Box<str>,
    pub arguments: Vec<(Box<str>, Value)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    Queue(QueueId),
    Exchange(Box<str>),
}

/// A client that outlives its connection, or whose will does.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientRecord {
    pub name: Box<str>,
    pub expiry: Expiry,
    /// When its connection ended; `None` while it is there.
    pub left: Option<WallMillis>,
    pub will: Option<Will>,
}
