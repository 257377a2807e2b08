//! How much a queue may hold and for how long: by what it was declared with, by its policy, by whose it is.

use super::Queue;
use crate::Message;
use crate::broker::Overflow;

/// The oldest go when more waits; 0 is never.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Most {
    pub(crate) messages: usize,
    /// One that is larger than this alone may wait.
    pub(crate) bytes: usize,
}

/// What is different about a queue that is a named client's subscription.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    /// It is one. Its messages are not counted as tried in vain, expire silently, and wait for nobody who is away unless
    /// they are durable.
    pub(crate) of_client: bool,
    /// More than one client takes from it.
    pub(crate) shared: bool,
    /// How many clients do.
    pub(crate) members: usize,
    /// Does not take what this client sends.
    pub(crate) not_from: Option<Box<str>>,
    pub(crate) most: Most,
}

impl Rules {
    pub(crate) fn of_client(client: &str, no_local: bool, shared: bool, most: Most) -> Rules {
        Rules {
            of_client: true,
            shared,
            members: 0,
            not_from: no_local.then(|| client.into()),
            most,
        }
    }
}

/// What is about to come to a queue that may be full then.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Filling {
    messages: usize,
    bytes: usize,
}

impl Filling {
    /// One more, if there is room for it.
    pub(crate) fn takes(&mut self, queue: &Queue, message: &Message) -> bool {
        if queue.is_full(self) {
            return false;
        }
        self.messages += 1;
        self.bytes += message.body.len();
        true
    }
}

impl Queue {
    /// How many messages may wait, and how many bytes of bodies: by what the queue was declared with and by its policy.
    fn limits(&self) -> (Option<usize>, Option<usize>) {
        let own = self.terms.as_ref().map(|terms| &terms.arguments);
        // What a client that is away may keep is said elsewhere.
        let policy = Some(&self.policy).filter(|_| !self.rules.of_client);
        let least = |one: Option<usize>, other: Option<usize>| one.into_iter().chain(other).min();
        (
            least(
                own.and_then(|own| own.max_length),
                policy.and_then(|policy| policy.max_length),
            ),
            least(
                own.and_then(|own| own.max_bytes),
                policy.and_then(|policy| policy.max_bytes),
            ),
        )
    }

    /// How long a message may wait, in milliseconds.
    pub(crate) fn ttl(&self) -> Option<u64> {
        let own = self.terms.as_ref().and_then(|terms| terms.arguments.ttl);
        let policy = self.policy.ttl.filter(|_| !self.rules.of_client);
        own.into_iter().chain(policy).min()
    }

    /// Whether this may be handed out as well, when those who pass by have so much `room` left together.
    pub(crate) fn is_handed(&self, message: &Message, room: usize) -> bool {
        !self.is_passing() || self.out == 0 || self.out + message.weight() <= room
    }

    /// Whether one who passes by holds more than its share: as much as is left for all of these. So one alone has half of
    /// that, and however many there are, something is left.
    pub(crate) fn is_too_slow(&self, room: usize) -> bool {
        self.is_passing() && self.depth() > 1 && self.out + self.weight() > room
    }

    /// Whether there are more than may be.
    pub(crate) fn is_over(&self) -> bool {
        let (max_length, max_bytes) = self.limits();
        let (depth, bodies) = (self.depth(), self.waiting.bodies());
        let over = max_length.is_some_and(|most| depth > most) || max_bytes.is_some_and(|most| bodies > most);
        if over || self.terms.is_some() {
            // What a queue has taken that rejects stays: somebody was told that it is safe.
            return over && self.rejects().is_none();
        }
        let Most { messages, bytes } = self.rules.most;
        messages > 0 && depth > messages || bytes > 0 && self.weight() > bytes && depth > 1
    }

    /// Whether it takes nothing when it is full, and what becomes of that.
    pub(crate) fn rejects(&self) -> Option<Overflow> {
        let overflow = self.terms.as_ref()?.arguments.overflow;
        (overflow != Overflow::DropHead).then_some(overflow)
    }

    /// Whether one more would be too many, when this has come before it.
    pub(crate) fn is_full(&self, after: &Filling) -> bool {
        let (max_length, max_bytes) = self.limits();
        max_length.is_some_and(|most| self.depth() + after.messages >= most)
            || max_bytes.is_some_and(|most| self.waiting.bodies() + after.bytes >= most)
    }

    /// Whether it may have this one as well, and none has to go for it.
    pub(crate) fn has_room_for(&self, message: &Message) -> bool {
        let (max_length, max_bytes) = self.limits();
        max_length.is_none_or(|most| self.depth() < most)
            && max_bytes.is_none_or(|most| self.waiting.bodies() + message.body.len() <= most)
    }
}
