//! Queues of one connection alone, for answers: `/temp-queue/x` as RabbitMQ and ActiveMQ have it.
//!
//! The client's word for it is its own; others see the name that we gave, in `reply-to`. Who sends such a header hears the
//! answers without having subscribed (RabbitMQ), or subscribes first or later, by an id of its own (ActiveMQ).

use super::receive::Mistake;
use super::{Ack, Listener, Session};
use crate::Kind;
use crate::broker::{Arrangement, Declared, Input, Subscription, Target};
use crate::destination::TEMPORARY;

/// How a client begins the name of one.
const PREFIX: &str = "/temp-queue/";
/// The client's word for one is kept, and sent back.
const LONGEST: usize = 1024;
/// The most of one client.
const MOST: usize = 1000;

pub(super) fn is_temporary(destination: &str) -> bool {
    destination.starts_with(PREFIX)
}

impl Session {
    /// Where a destination leads, for this client.
    pub(super) fn target(&mut self, destination: &str) -> Result<Target, Mistake> {
        let wrong = |why: &str| ("the destination cannot be used", why.to_owned());
        match destination.strip_prefix(PREFIX) {
            Some("") => Err(wrong("the name of the destination is empty")),
            Some(name) if name.len() > LONGEST => Err(wrong("the name of the destination is longer than 1024 bytes")),
            Some(_) => self.temporary(destination),
            None => crate::destination::target(destination).map_err(wrong),
        }
    }

    /// The queue that the client calls so; it is made when there is none.
    fn temporary(&mut self, destination: &str) -> Result<Target, Mistake> {
        let of = |address: Box<str>| Target {
            address,
            kind: Kind::Anycast,
        };
        if let Some(name) = self.temporaries.get(destination) {
            return Ok(of(name.clone()));
        }
        if self.temporaries.len() >= MOST {
            return Err(("too many temporary queues", format!("one client may have {MOST}")));
        }
        let number = self.line.next();
        let name = self.line.name(TEMPORARY, number);
        self.temporaries.insert(destination.into(), name.clone());
        let declared = Declared {
            exclusive: true,
            ..Declared::default()
        };
        let session = self.line.id;
        let what = Arrangement::Queue {
            name: name.clone(),
            declared,
        };
        self.ask(Input::Arrange { session, what });
        Ok(of(name))
    }

    /// What others are told to answer to. Whoever asks for answers hears them.
    pub(super) fn answers_to(&mut self, wanted: &str) -> Result<Box<str>, Mistake> {
        let to = self.target(wanted)?;
        let listens = |listener: &Listener| &*listener.destination == wanted;
        if !self.listeners.values().any(listens) {
            let options = Subscription {
                credit: self.settings.prefetch,
                is_usual: true,
                ..Subscription::default()
            };
            self.listen(wanted, wanted, Ack::Auto, to.clone(), options);
        }
        Ok(crate::destination::text(to.kind, &to.address).into())
    }

    /// The subscription that was made for it ends when the client makes its own.
    pub(super) fn end_own_listener(&mut self, destination: &str) {
        let own = self.numbers.get(destination).copied();
        if is_temporary(destination)
            && let Some(number) = own
        {
            self.end_listener(number);
        }
    }
}
