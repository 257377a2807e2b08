//! How much a queue may hold and for how long: by what it was declared with, by its policy, by whose it is.

use super::Queue;
use crate::Message;
use crate::broker::{Arguments, Overflow, Policy};

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

/// What waits, or is about to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filling {
    pub(crate) messages: usize,
    /// Of the bodies.
    pub(crate) bytes: usize,
}

impl Filling {
    pub(crate) fn of(message: &Message) -> Filling {
        Filling {
            messages: 1,
            bytes: message.body.len(),
        }
    }

    pub(crate) fn and(self, more: Filling) -> Filling {
        Filling {
            messages: self.messages + more.messages,
            bytes: self.bytes + more.bytes,
        }
    }
}

/// The most that may wait; `None` is any number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    messages: Option<usize>,
    bytes: Option<usize>,
}

impl Limits {
    pub(crate) fn of(policy: &Policy) -> Limits {
        Limits {
            messages: policy.max_length,
            bytes: policy.max_bytes,
        }
    }

    pub(crate) fn declared(arguments: &Arguments) -> Limits {
        Limits {
            messages: arguments.max_length,
            bytes: arguments.max_bytes,
        }
    }

    /// The lower of both.
    pub(crate) fn and(self, other: Limits) -> Limits {
        let least = |one: Option<usize>, other: Option<usize>| one.into_iter().chain(other).min();
        Limits {
            messages: least(self.messages, other.messages),
            bytes: least(self.bytes, other.bytes),
        }
    }

    pub(crate) fn allow(self, filling: Filling) -> bool {
        self.messages.is_none_or(|most| filling.messages <= most) && self.bytes.is_none_or(|most| filling.bytes <= most)
    }
}

impl Queue {
    /// By what the queue was declared with and by its policy.
    pub(crate) fn limits(&self) -> Limits {
        // What a client that is away may keep is said elsewhere.
        let policy = match self.rules.of_client {
            true => Limits::default(),
            false => Limits::of(&self.policy),
        };
        let own = self.terms.as_ref().map(|terms| Limits::declared(&terms.arguments));
        policy.and(own.unwrap_or_default())
    }

    /// What waits.
    pub(crate) fn filling(&self) -> Filling {
        Filling {
            messages: self.depth(),
            bytes: self.waiting.bodies(),
        }
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
        let over = !self.limits().allow(self.filling());
        if over || self.terms.is_some() {
            // What a queue has taken that rejects stays: somebody was told that it is safe.
            return over && self.rejects().is_none();
        }
        let Most { messages, bytes } = self.rules.most;
        messages > 0 && self.depth() > messages || bytes > 0 && self.weight() > bytes && self.depth() > 1
    }

    /// Whether it takes nothing when it is full, and what becomes of that.
    pub(crate) fn rejects(&self) -> Option<Overflow> {
        let overflow = self.terms.as_ref()?.arguments.overflow;
        (overflow != Overflow::DropHead).then_some(overflow)
    }

    /// Whether it may have this one as well, and none has to go for it.
    pub(crate) fn has_room_for(&self, message: &Message) -> bool {
        self.limits().allow(self.filling().and(Filling::of(message)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_as_much_as_there_may_be_is_not_too_much() {
        let policy = Limits::of(&Policy {
            max_length: Some(3),
            max_bytes: Some(10),
            ..Policy::default()
        });
        let declared = Limits::declared(&Arguments {
            max_length: Some(2),
            ..Arguments::default()
        });
        let filling = |messages, bytes| Filling { messages, bytes };
        for (limits, messages, bytes, allowed) in [
            (Limits::default(), 1000, 1 << 40, true),
            (policy, 3, 10, true),
            (policy, 4, 0, false),
            (policy, 1, 11, false),
            (policy.and(declared), 2, 10, true),
            (policy.and(declared), 3, 1, false),
        ] {
            assert_eq!(
                limits.allow(filling(messages, bytes)),
                allowed,
                "{limits:?} {messages} {bytes}"
            );
        }
        let message = Message {
            body: b"abc".to_vec().into(),
            ..Message::default()
        };
        assert_eq!(filling(1, 2).and(Filling::of(&message)), filling(2, 5));
    }
}
