//! Numbers that name things, each a type of its own so that one cannot be taken for another.

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub struct $name(pub u64);

            impl $name {
                /// This one, and the next one is ready to be taken.
                #[must_use]
                pub fn take(&mut self) -> $name {
                    let taken = *self;
                    self.0 += 1;
                    taken
                }
            }
        )*
    };
}

ids! {
    /// A message on this node, for as long as the journal lives.
    MessageId,
    /// A queue on this node, for as long as the journal lives.
    QueueId,
    /// A connection (or a channel, or a link's session) that was opened.
    SessionId,
    /// One hand-over of a message to a consumer.
    DeliveryId,
    /// What a session wants to hear of once everything before it is safe.
    Token,
    /// A session's name for a transaction.
    TransactionId,
    /// A place in the journal; the first record has 1.
    Lsn,
}

impl SessionId {
    /// The bits that tell the parts of a connection from each other: channels, where a protocol has those.
    pub const PARTS: u64 = 0xffff;

    pub const fn of_connection(number: u64) -> SessionId {
        SessionId(number << 16)
    }

    /// The connection's own session.
    #[must_use]
    pub const fn connection(self) -> SessionId {
        SessionId(self.0 & !Self::PARTS)
    }

    #[must_use]
    pub fn part(self, number: u16) -> SessionId {
        SessionId(self.connection().0 | u64::from(number))
    }
}

impl QueueId {
    /// Holds what addresses keep for those who come later. It is no queue, but the journal need not know that.
    pub const RETAINED: QueueId = QueueId(0);
    /// The same for what waits for its time, and is for a queue then, or for a topic.
    pub const LATER_TO_QUEUES: QueueId = QueueId(u64::MAX);
    pub const LATER_TO_TOPICS: QueueId = QueueId(u64::MAX - 1);

    pub fn is_later(self) -> bool {
        self == QueueId::LATER_TO_QUEUES || self == QueueId::LATER_TO_TOPICS
    }
}

/// A consumer: the session's own number for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsumerId {
    pub session: SessionId,
    pub number: u64,
}
