//! Where messages go that a declared queue is done with, and what they say of it: RabbitMQ's dead letters.

use std::sync::Arc;

use tandem_mq_wire::amqp091::{Field, Table};
use tandem_time::Mono;

use super::Broker;
use super::room::Seen;
use crate::queue::Entry;
use crate::{Message, QueueId, Routed, SessionId, Value};

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
            .filter(|id| self.rejects(id).is_none())
            .collect();
        if !queues.is_empty() {
            self.deliver_to(None, queues, Arc::new(dead), seen, now);
        }
    }
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
