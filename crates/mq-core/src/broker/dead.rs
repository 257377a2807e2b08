//! Where messages go that a queue is done with, and what they say of it: from a declared one as RabbitMQ has it, from any
//! other as its policy says.

use std::sync::Arc;

use tandem_mq_wire::amqp091::{Field, Table};
use tandem_time::Mono;

use super::room::{Room, Seen};
use super::{Broker, Target};
use crate::queue::Entry;
use crate::{Kind, Message, QueueId, Routed, SessionId, Value, WallMillis};

/// Why a queue is done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Death {
    Rejected,
    Expired,
    Maxlen,
}

impl Death {
    fn name(self) -> &'static str {
        match self {
            Death::Rejected => "rejected",
            Death::Expired => "expired",
            Death::Maxlen => "maxlen",
        }
    }
}

/// The header that tells the story, the newest death first.
const DEATHS: &str = "x-death";

impl Broker {
    /// To the queue's dead-letter exchange, if it has one. That it is here no more and there is one record.
    pub(super) fn dead_letter(&mut self, by: Option<SessionId>, id: QueueId, entry: &Entry, death: Death, now: Mono) {
        self.together(by, |broker| {
            broker.drop_entry(by, id, entry);
            broker.forward_dead(id, &entry.message, death, Seen::of(entry.recovered), now);
        });
    }

    /// Where the policy of a queue that was not declared leads them: the dead, and what waited too long.
    pub(super) fn move_away(&mut self, by: Option<SessionId>, id: QueueId, entry: &Entry, death: Death, now: Mono) {
        let Some(queue) = self.queues.get(&id) else {
            return self.drop_entry(by, id, entry);
        };
        let to = match death {
            Death::Rejected => queue.policy.dead_letter.clone(),
            Death::Expired | Death::Maxlen => queue.policy.expiry.clone(),
        };
        // An end of its own a message has once; that of a queue it may come to again.
        let (message, been) = moved(
            &entry.message,
            &queue.address,
            death,
            queue.ttl().is_some(),
            self.wall(now),
        );
        self.together(by, |broker| {
            broker.drop_entry(by, id, entry);
            if let Some(to) = to.filter(|to| !been.contains(to) && been.len() <= MOST_DEATHS) {
                let target = Target {
                    address: to,
                    kind: Kind::Anycast,
                };
                let seen = Seen::of(entry.recovered);
                broker.publish(None, &target, message, (Room::Asked, seen), now);
            }
        });
    }

    /// The same for what the queue never took.
    pub(super) fn forward_dead(&mut self, id: QueueId, message: &Message, death: Death, seen: Seen, now: Mono) {
        let Some(queue) = self.queues.get(&id) else { return };
        let Some(terms) = &queue.terms else { return };
        let Some(exchange) = terms.arguments.dead_letter_exchange.clone() else {
            return;
        };
        let origin = match &message.routed {
            Some(routed) => Routed::clone(routed),
            None => Routed {
                exchange: Arc::from(if *message.address == *queue.address {
                    ""
                } else {
                    super::exchange::TOPICS
                }),
                key: message.address.clone(),
            },
        };
        let key: Arc<str> = match &terms.arguments.dead_letter_key {
            Some(key) => Arc::from(&**key),
            None => origin.key.clone(),
        };
        let name = queue.name.clone();
        let wall = self.wall(now);
        let mut dead = message.clone();
        let deaths = deaths(&mut dead.properties);
        let been = match death {
            Death::Rejected => Vec::new(),
            Death::Expired | Death::Maxlen => since_refused(&deaths, &name),
        };
        if been.len() > MOST_DEATHS {
            return;
        }
        if dead
            .properties
            .iter()
            .all(|(known, _)| &**known != "x-first-death-queue")
        {
            for (header, value) in [
                ("x-first-death-exchange", &*origin.exchange),
                ("x-first-death-queue", &*name),
                ("x-first-death-reason", death.name()),
            ] {
                dead.properties.push((header.into(), Value::Text(value.into())));
            }
        }
        let expiration = message.expires.filter(|_| death == Death::Expired);
        let ttl = expiration.map(|at| at.0.saturating_sub(message.sent.0));
        let list = told(deaths, &name, death, wall.0 / 1000, &origin, ttl);
        dead.properties.push((DEATHS.into(), Value::from(Field::List(list))));
        dead.end_not();
        dead.sent = wall;
        let queues = self.reached(&exchange, &key, &mut dead, None);
        let queues: Vec<QueueId> = queues
            .into_iter()
            .filter(|id| self.queues.get(id).is_some_and(|queue| !been.contains(&queue.name)))
            .filter(|id| self.rejects(id, &dead).is_none())
            .collect();
        if !queues.is_empty() {
            self.deliver_to(None, queues, Arc::new(dead), seen, now);
        }
    }
}

/// The same message, without the end it had, and with where it came from; and where it does not go.
///
/// What dies in the dead-letter queue is gone, or it would go round for ever. So it is where queues that let it wait for a
/// time only lead to each other: there it says where it was.
fn moved(
    message: &Message,
    from: &Arc<str>,
    death: Death,
    is_limited: bool,
    wall: WallMillis,
) -> (Message, Vec<Box<str>>) {
    let mut moved = message.clone();
    moved.end_not();
    // How long it may wait where it goes counts from now.
    moved.sent = wall;
    let name = "_AMQ_ORIG_ADDRESS";
    moved.properties.retain(|(known, _)| &**known != name);
    moved.properties.push((name.into(), Value::Text((&**from).into())));
    let deaths = deaths(&mut moved.properties);
    if !is_limited && deaths.is_empty() {
        return (moved, vec![(&**from).into()]);
    }
    let been = match death {
        Death::Rejected => vec![(&**from).into()],
        Death::Expired | Death::Maxlen => since_refused(&deaths, from),
    };
    let origin = Routed {
        exchange: Arc::default(),
        key: from.clone(),
    };
    let list = told(deaths, from, death, wall.0 / 1000, &origin, None);
    moved.properties.push((DEATHS.into(), Value::from(Field::List(list))));
    (moved, been)
}

/// Where it died, here and before, since somebody refused it. It does not go there again: round and round without anybody
/// who refused it would never end. An older refusal, or one that a client made up, changes nothing.
fn since_refused(deaths: &[Table], here: &str) -> Vec<Box<str>> {
    let refused = |table: &&Table| table.find("reason") == Some(&Field::Text("rejected".into()));
    let before = deaths.iter().take_while(|table| !refused(table));
    let queues = before.map(|table| match table.find("queue") {
        Some(Field::Text(queue)) => queue.clone(),
        _ => Box::default(),
    });
    std::iter::once(here.into()).chain(queues).collect()
}

/// What is known of earlier deaths; it is taken out.
fn deaths(properties: &mut Vec<(Box<str>, Value)>) -> Vec<Table> {
    let Some(at) = properties.iter().position(|(name, _)| &**name == DEATHS) else {
        return Vec::new();
    };
    let Field::List(list) = Field::from(&properties.remove(at).1) else {
        return Vec::new();
    };
    let tables = list.into_iter().filter_map(|field| match field {
        Field::Table(table) => Some(table),
        _ => None,
    });
    tables.take(MOST_DEATHS).collect()
}

/// More of these a client has made up, or a message has died in very many places: then it ends.
const MOST_DEATHS: usize = 64;

/// With one death more: one of the same queue and reason counts on, and comes first.
fn told(
    mut deaths: Vec<Table>,
    queue: &str,
    death: Death,
    seconds: u64,
    origin: &Routed,
    ttl: Option<u64>,
) -> Vec<Field> {
    let same = |table: &Table| {
        table.find("queue") == Some(&Field::Text(queue.into()))
            && table.find("reason") == Some(&Field::Text(death.name().into()))
    };
    let before = deaths.iter().position(same).map(|at| deaths.remove(at));
    let count = match before.as_ref().and_then(|table| table.find("count")) {
        Some(Field::Int(count)) => count.saturating_add(1),
        _ => 1,
    };
    let mut table = Table::default()
        .with("count", Field::Int(count))
        .with("reason", Field::Text(death.name().into()))
        .with("queue", Field::Text(queue.into()))
        .with("time", Field::Timestamp(seconds))
        .with("exchange", Field::Text((&*origin.exchange).into()))
        .with("routing-keys", Field::List(vec![Field::Text((&*origin.key).into())]));
    if let Some(ttl) = ttl {
        table = table.with("original-expiration", Field::Text(ttl.to_string().into()));
    }
    std::iter::once(table).chain(deaths).map(Field::Table).collect()
}
