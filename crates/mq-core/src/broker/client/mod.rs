//! Clients that have a name: their subscriptions, what they were told by which number, and their will outlive a connection.
//!
//! ```text
//!   gone ── Attach ──▶ here ── Closed ──▶ away ── expired ──▶ gone
//!                       ▲                  │
//!                       └───── Attach ─────┘
//! ```
//!
//! Each subscription is a queue. What was handed out by a number stays with the client while it is away; all else waits in
//! the queues.

mod attach;
mod listen;
mod packets;
mod replay;
mod retain;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tandem_time::Mono;

pub(super) use retain::Retained;

use super::part::Part;
use super::room::{Room, Seen};
use super::session::Held;
use super::{Broker, Expiry, Listening, Target, Will};
use crate::{ClientRecord, DeliveryId, Kind, MessageId, QueueId, Record, SessionId, WallMillis};

#[derive(Debug)]
pub(super) struct Client {
    pub(super) session: Option<SessionId>,
    expiry: Expiry,
    will: Option<Will>,
    /// From the journal: when it left.
    left: Option<WallMillis>,
    /// While it is away: when its will is sent, and when it is forgotten.
    will_at: Option<Mono>,
    ends_at: Option<Mono>,
    listens: BTreeMap<Box<str>, Listens>,
    received: BTreeSet<u16>,
    sent: BTreeMap<u16, Sent>,
    /// Whether the journal knows of it.
    recorded: bool,
}

#[derive(Clone, Copy, Debug)]
struct Listens {
    queue: QueueId,
    options: Listening,
    shared: bool,
    /// The consumer's number while the client is here.
    number: u64,
}

/// What a number stands for that we gave.
#[derive(Debug)]
enum Sent {
    Message {
        queue: QueueId,
        id: MessageId,
        at: Where,
        recorded: bool,
    },
    /// The client has it.
    Released,
}

/// Where a message is that was named.
#[derive(Debug)]
enum Where {
    InHand(DeliveryId),
    /// The client is away.
    Kept(Box<Held>),
    /// The journal has not come to it yet.
    Unread,
}

impl Client {
    fn new(expiry: Expiry) -> Client {
        Client {
            session: None,
            expiry,
            will: None,
            left: None,
            will_at: None,
            ends_at: None,
            listens: BTreeMap::new(),
            received: BTreeSet::new(),
            sent: BTreeMap::new(),
            recorded: false,
        }
    }

    /// What it does is written down.
    fn lasts(&self) -> bool {
        self.recorded && self.expiry.lasts()
    }

    /// When something is to be done about it.
    fn due(&self) -> Option<Mono> {
        self.will_at.into_iter().chain(self.ends_at).min()
    }
}

/// The word before the filter in a subscription's name: no two clients' names with filters are the same text.
fn queue_name(client: &str, filter: &str) -> String {
    let client = client.replace(';', ";;").replace(':', ";.");
    format!("{client}:{filter}")
}

impl Broker {
    /// The client that a session is for.
    fn client_of(&mut self, session: SessionId) -> Option<(Arc<str>, &mut Client)> {
        let name = self.sessions.get(&session)?.client.clone()?;
        let client = self.clients.get_mut(&*name)?;
        Some((name, client))
    }

    /// What the client that a session is for has sent when it is gone.
    pub(super) fn will_of(&self, session: SessionId) -> Option<&Will> {
        let name = self.sessions.get(&session)?.client.as_deref()?;
        self.clients.get(name)?.will.as_ref()
    }

    fn record_client(&mut self, name: &str, left: Option<WallMillis>, by: Option<SessionId>) {
        let Some(client) = self.clients.get_mut(name) else {
            return;
        };
        if !client.recorded && !client.expiry.lasts() && client.will.is_none() {
            return;
        }
        client.recorded = true;
        let record = ClientRecord {
            name: name.into(),
            expiry: client.expiry,
            left,
            will: client.will.clone(),
        };
        self.write(Record::Client(record), by);
    }

    /// Its connection has ended, and the session is gone already.
    pub(super) fn detach(&mut self, name: &str, now: Mono) {
        let Some(client) = self.clients.get_mut(name) else {
            return;
        };
        client.session = None;
        let ends_at = match client.expiry {
            Expiry::Never => None,
            Expiry::Seconds(seconds) => Some(now + Duration::from_secs(u64::from(seconds))),
        };
        let will_at = client
            .will
            .as_ref()
            .map(|will| now + Duration::from_secs(u64::from(will.delay)));
        client.ends_at = ends_at;
        client.will_at = match ends_at {
            Some(end) => will_at.map(|at| at.min(end)),
            None => will_at,
        };
        if !client.expiry.lasts() {
            return self.end_client(name, now);
        }
        self.record_client(name, Some(self.wall(now)), None);
        self.watch(name);
        self.clients_due(now);
    }

    fn watch(&mut self, name: &str) {
        if let Some(at) = self.clients.get(name).and_then(Client::due) {
            self.clients_due.insert((at, name.into()));
        }
    }

    fn watch_not(&mut self, name: &str) {
        if let Some(at) = self.clients.get(name).and_then(Client::due) {
            self.clients_due.remove(&(at, name.into()));
        }
    }

    /// Sends the wills and forgets the clients whose time has come.
    pub(super) fn clients_due(&mut self, now: Mono) {
        let mut part = Part::default();
        while let Some((at, name)) = self.clients_due.first().filter(|(at, _)| *at <= now).cloned() {
            if !part.takes(self.will_weight(&name)) {
                return;
            }
            self.clients_due.remove(&(at, name.clone()));
            let Some(client) = self.clients.get_mut(&name) else {
                continue;
            };
            if client.ends_at.is_some_and(|end| end <= now) {
                self.end_client(&name, now);
                continue;
            }
            client.will_at = None;
            self.send_will(&name, now);
            self.watch(&name);
        }
    }

    fn will_weight(&self, name: &str) -> usize {
        let will = self.clients.get(name).and_then(|client| client.will.as_ref());
        will.map_or(0, |will| will.message.weight())
    }

    /// A will is sent once.
    fn send_will(&mut self, name: &str, now: Mono) {
        let Some(client) = self.clients.get_mut(name) else {
            return;
        };
        let (Some(will), left) = (client.will.take(), client.session.is_none()) else {
            return;
        };
        let to = Target {
            address: will.address,
            kind: Kind::Multicast,
        };
        let mut message = will.message;
        message.sent = self.wall(now);
        // Its lifetime begins when it is sent.
        message.expires = message.expires.map(|life| WallMillis(message.sent.0 + life.0));
        self.together(None, |broker| {
            broker.publish(None, &to, message, (Room::Asked, Seen::Never), now);
            let left = left.then(|| broker.wall(now));
            broker.record_client(name, left, None);
        });
    }

    /// Nothing is left of it but its will, which is sent.
    fn end_client(&mut self, name: &str, now: Mono) {
        self.watch_not(name);
        self.send_will(name, now);
        let Some(client) = self.clients.remove(name) else {
            return;
        };
        self.together(None, |broker| {
            for listens in client.listens.values() {
                broker.leave_queue(listens);
            }
            for sent in client.sent.into_values() {
                if let Sent::Message {
                    queue,
                    at: Where::Kept(held),
                    ..
                } = sent
                {
                    broker.drop_kept(queue, &held);
                }
            }
            if client.recorded {
                broker.write(Record::ClientGone(name.into()), None);
            }
        });
    }

    /// What the wall shows.
    pub(super) fn wall(&self, now: Mono) -> WallMillis {
        WallMillis(self.settings.began + now.as_millis())
    }
}

#[cfg(test)]
mod tests;
