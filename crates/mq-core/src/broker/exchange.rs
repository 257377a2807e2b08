//! Exchanges: from a name and a key to queues. A layer in front of the addresses; what it finds are queues.

use std::collections::{BTreeMap, BTreeSet};

use bytes::BytesMut;
use tandem_mq_wire::amqp091::Field;

use crate::tree::Tree;
use crate::{BindingRecord, Destination, ExchangeRecord, Message, Pattern, QueueId, Value};

/// How an exchange chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeKind {
    /// The key is that of the binding.
    Direct,
    /// Everybody.
    Fanout,
    /// The key matches the binding's pattern.
    Topic,
    /// The message's properties are those of the binding.
    Headers,
}

impl ExchangeKind {
    pub fn parse(text: &str) -> Option<ExchangeKind> {
        Some(match text {
            "direct" => ExchangeKind::Direct,
            "fanout" => ExchangeKind::Fanout,
            "topic" => ExchangeKind::Topic,
            "headers" => ExchangeKind::Headers,
            _ => return None,
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            ExchangeKind::Direct => "direct",
            ExchangeKind::Fanout => "fanout",
            ExchangeKind::Topic => "topic",
            ExchangeKind::Headers => "headers",
        }
    }
}

/// Where a message to a topic of the other protocols goes, too, and from where it comes.
pub(super) const TOPICS: &str = "amq.topic";

/// What is there from the beginning. The one without a name is none: its key is the name of a queue.
const BUILT_IN: [(&str, ExchangeKind); 5] = [
    ("amq.direct", ExchangeKind::Direct),
    ("amq.fanout", ExchangeKind::Fanout),
    (TOPICS, ExchangeKind::Topic),
    ("amq.headers", ExchangeKind::Headers),
    ("amq.match", ExchangeKind::Headers),
];

#[derive(Debug)]
struct Exchange {
    record: ExchangeRecord,
    bindings: BTreeSet<u64>,
    /// Of a direct one.
    by_key: BTreeMap<Box<str>, BTreeSet<u64>>,
    /// Of a topic.
    by_pattern: Tree<u64>,
}

/// All exchanges and bindings of a node.
#[derive(Debug)]
pub(super) struct Exchanges {
    exchanges: BTreeMap<Box<str>, Exchange>,
    bindings: BTreeMap<u64, BindingRecord>,
    /// The same, by all that makes them different.
    numbers: BTreeMap<Box<[u8]>, u64>,
    next: u64,
    to_queue: BTreeMap<QueueId, BTreeSet<u64>>,
    to_exchange: BTreeMap<Box<str>, BTreeSet<u64>>,
}

impl Default for Exchanges {
    fn default() -> Self {
        let mut all = Exchanges {
            exchanges: BTreeMap::new(),
            bindings: BTreeMap::new(),
            numbers: BTreeMap::new(),
            next: 0,
            to_queue: BTreeMap::new(),
            to_exchange: BTreeMap::new(),
        };
        for (name, kind) in BUILT_IN {
            all.make(ExchangeRecord {
                name: name.into(),
                kind,
                durable: true,
                auto_delete: false,
                internal: false,
                arguments: Vec::new(),
            });
        }
        all
    }
}

impl Exchanges {
    pub(super) fn find(&self, name: &str) -> Option<&ExchangeRecord> {
        self.exchanges.get(name).map(|exchange| &exchange.record)
    }

    pub(super) fn is_used(&self, name: &str) -> bool {
        self.exchanges
            .get(name)
            .is_some_and(|exchange| !exchange.bindings.is_empty())
    }

    /// Whether it goes with its last binding, and has none.
    pub(super) fn ends(&self, name: &str) -> bool {
        self.find(name).is_some_and(|record| record.auto_delete) && !self.is_used(name)
    }

    pub(super) fn count(&self) -> usize {
        self.exchanges.len()
    }

    pub(super) fn bindings(&self) -> usize {
        self.bindings.len()
    }

    pub(super) fn make(&mut self, record: ExchangeRecord) {
        self.exchanges.entry(record.name.clone()).or_insert(Exchange {
            record,
            bindings: BTreeSet::new(),
            by_key: BTreeMap::new(),
            by_pattern: Tree::default(),
        });
    }

    /// It and all bindings from and to it; what went is the answer.
    pub(super) fn remove(&mut self, name: &str) -> Vec<BindingRecord> {
        let from_it = self.exchanges.get(name).map(|exchange| &exchange.bindings);
        let ids = from_it.into_iter().chain(self.to_exchange.get(name)).flatten();
        // One from it to itself is both.
        let ids: BTreeSet<u64> = ids.copied().collect();
        let gone: Vec<BindingRecord> = ids.iter().filter_map(|id| self.bindings.get(id).cloned()).collect();
        for binding in &gone {
            self.unbind(binding);
        }
        self.exchanges.remove(name);
        gone
    }

    /// False when it is there already, or the exchange is not.
    pub(super) fn bind(&mut self, binding: BindingRecord) -> bool {
        let Some(exchange) = self.exchanges.get_mut(&binding.source) else {
            return false;
        };
        let spelled = spelled(&binding);
        if self.numbers.contains_key(&spelled) {
            return false;
        }
        self.next += 1;
        let id = self.next;
        self.numbers.insert(spelled, id);
        exchange.bindings.insert(id);
        match exchange.record.kind {
            ExchangeKind::Direct => drop(exchange.by_key.entry(binding.key.clone()).or_default().insert(id)),
            ExchangeKind::Topic => exchange.by_pattern.insert(&Pattern::binding(&binding.key), id),
            ExchangeKind::Fanout | ExchangeKind::Headers => {}
        }
        match &binding.destination {
            Destination::Queue(queue) => drop(self.to_queue.entry(*queue).or_default().insert(id)),
            Destination::Exchange(name) => drop(self.to_exchange.entry(name.clone()).or_default().insert(id)),
        }
        self.bindings.insert(id, binding);
        true
    }

    /// False when there is none.
    pub(super) fn unbind(&mut self, binding: &BindingRecord) -> bool {
        let Some(exchange) = self.exchanges.get_mut(&binding.source) else {
            return false;
        };
        let Some(id) = self.numbers.remove(&spelled(binding)) else {
            return false;
        };
        exchange.bindings.remove(&id);
        match exchange.record.kind {
            ExchangeKind::Direct => remove_from(&mut exchange.by_key, &binding.key, id),
            ExchangeKind::Topic => exchange.by_pattern.remove(&Pattern::binding(&binding.key), id),
            ExchangeKind::Fanout | ExchangeKind::Headers => {}
        }
        match &binding.destination {
            Destination::Queue(queue) => remove_from(&mut self.to_queue, queue, id),
            Destination::Exchange(name) => remove_from(&mut self.to_exchange, name, id),
        }
        self.bindings.remove(&id);
        true
    }

    pub(super) fn leads_to(&self, queue: QueueId) -> bool {
        self.to_queue.get(&queue).is_some_and(|bindings| !bindings.is_empty())
    }

    /// All bindings to a queue.
    pub(super) fn to_queue(&self, queue: QueueId) -> Vec<BindingRecord> {
        let ids = self.to_queue.get(&queue).into_iter().flatten();
        ids.filter_map(|id| self.bindings.get(id).cloned()).collect()
    }

    /// The queues that a message goes to; each once, however many ways lead there.
    pub(super) fn route(&self, from: &str, key: &str, message: &Message) -> BTreeSet<QueueId> {
        let mut queues = BTreeSet::new();
        let mut seen = BTreeSet::from([from]);
        let mut open = vec![from];
        while let Some(name) = open.pop() {
            let Some(exchange) = self.exchanges.get(name) else {
                continue;
            };
            let mut found = false;
            for binding in self.matching(exchange, key, message) {
                found = true;
                match &binding.destination {
                    Destination::Queue(queue) => drop(queues.insert(*queue)),
                    Destination::Exchange(next) => {
                        if seen.insert(next) {
                            open.push(next);
                        }
                    }
                }
            }
            // Whom nobody wants goes to the alternate exchange.
            if !found
                && let Some(next) = exchange.record.alternate()
                && seen.insert(next)
            {
                open.push(next);
            }
        }
        queues
    }

    fn matching<'a>(&'a self, exchange: &'a Exchange, key: &str, message: &Message) -> Vec<&'a BindingRecord> {
        let known = |id: &u64| self.bindings.get(id);
        match exchange.record.kind {
            ExchangeKind::Direct => exchange
                .by_key
                .get(key)
                .into_iter()
                .flatten()
                .filter_map(known)
                .collect(),
            ExchangeKind::Fanout => exchange.bindings.iter().filter_map(known).collect(),
            ExchangeKind::Topic => exchange.by_pattern.all_matching(key).iter().filter_map(known).collect(),
            ExchangeKind::Headers => {
                let all = exchange.bindings.iter().filter_map(known);
                all.filter(|binding| has_headers(binding, message)).collect()
            }
        }
    }
}

/// `x-match` says whether all count or any; names that begin with `x-` count only with `-with-x`. A value that is not there
/// counts by its name alone.
fn has_headers(binding: &BindingRecord, message: &Message) -> bool {
    let mode = binding.arguments.iter().find(|(name, _)| &**name == "x-match");
    let mode = match mode {
        Some((_, Value::Text(mode))) => &**mode,
        _ => "all",
    };
    let counts = |name: &str| name != "x-match" && (mode.ends_with("-with-x") || !name.starts_with("x-"));
    let mut wanted = binding.arguments.iter().filter(|(name, _)| counts(name));
    let has = |(name, value): &(Box<str>, Value)| {
        let found = message.properties.iter().find(|(known, _)| known == name);
        let by_name = matches!(value, Value::Other(spelled) if **spelled == *b"V");
        found.is_some_and(|(_, found)| by_name || found == value)
    };
    match mode.starts_with("any") {
        true => wanted.any(has),
        false => wanted.all(has),
    }
}

fn remove_from<K: Ord>(sets: &mut BTreeMap<K, BTreeSet<u64>>, key: &K, id: u64) {
    if let Some(ids) = sets.get_mut(key) {
        ids.remove(&id);
        if ids.is_empty() {
            sets.remove(key);
        }
    }
}

/// A binding as bytes: the same for the same, also where an argument is no number, which is not even like itself.
fn spelled(binding: &BindingRecord) -> Box<[u8]> {
    let mut out = BytesMut::new();
    let text = |text: &str, out: &mut BytesMut| Field::Text(text.into()).write(out);
    text(&binding.source, &mut out);
    match &binding.destination {
        Destination::Queue(queue) => out.extend_from_slice(&queue.0.to_be_bytes()),
        Destination::Exchange(name) => text(name, &mut out),
    }
    text(&binding.key, &mut out);
    for (name, value) in &binding.arguments {
        text(name, &mut out);
        Field::from(value).write(&mut out);
    }
    out.to_vec().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(source: &str, key: &str, queue: u64) -> BindingRecord {
        BindingRecord {
            source: source.into(),
            destination: Destination::Queue(QueueId(queue)),
            key: key.into(),
            arguments: Vec::new(),
        }
    }

    fn routed(all: &Exchanges, name: &str, key: &str) -> Vec<u64> {
        all.route(name, key, &Message::default())
            .iter()
            .map(|id| id.0)
            .collect()
    }

    #[test]
    fn each_kind_chooses_in_its_way() {
        let mut all = Exchanges::default();
        for (name, key, queue) in [
            ("amq.direct", "a", 1),
            ("amq.direct", "b", 2),
            ("amq.fanout", "x", 3),
            ("amq.topic", "a.*", 4),
            ("amq.topic", "#.c", 5),
            ("amq.topic", "#", 6),
        ] {
            assert!(all.bind(binding(name, key, queue)));
            assert!(!all.bind(binding(name, key, queue)), "twice");
        }
        for (name, key, queues) in [
            ("amq.direct", "a", vec![1]),
            ("amq.direct", "c", vec![]),
            ("amq.fanout", "whatever", vec![3]),
            ("amq.topic", "a.c", vec![4, 5, 6]),
            ("amq.topic", "$a", vec![6]),
            ("amq.topic", "", vec![6]),
            ("nowhere", "", vec![]),
        ] {
            assert_eq!(routed(&all, name, key), queues, "{name} {key}");
        }
        assert!(all.unbind(&binding("amq.topic", "#", 6)));
        assert!(!all.unbind(&binding("amq.topic", "#", 6)));
        assert_eq!(routed(&all, "amq.topic", "$a"), Vec::<u64>::new());
    }

    #[test]
    fn headers_match_all_or_any() {
        let with = |pairs: &[(&str, Value)]| -> Vec<(Box<str>, Value)> {
            pairs
                .iter()
                .map(|(name, value)| ((*name).into(), value.clone()))
                .collect()
        };
        let message = Message {
            properties: with(&[("a", Value::Int(1)), ("x-b", Value::Bool(true))]),
            ..Message::default()
        };
        let any = ("x-match", Value::Text("any".into()));
        let any_x = ("x-match", Value::Text("any-with-x".into()));
        for (arguments, matches) in [
            (with(&[]), true),
            (with(&[("a", Value::Int(1))]), true),
            (with(&[("a", Value::Int(2))]), false),
            (with(&[("a", Value::Int(1)), ("c", Value::Int(1))]), false),
            (with(&[any.clone(), ("a", Value::Int(1)), ("c", Value::Int(1))]), true),
            (with(&[any.clone(), ("x-b", Value::Bool(true))]), false),
            (with(&[any_x, ("x-b", Value::Bool(true))]), true),
            (with(&[any]), false),
            (with(&[("a", Value::Other(bytes::Bytes::from_static(b"V")))]), true),
        ] {
            let binding = BindingRecord {
                arguments,
                ..binding("amq.headers", "", 1)
            };
            assert_eq!(has_headers(&binding, &message), matches, "{binding:?}");
        }
    }

    /// Exchanges may lead to each other in a circle.
    #[test]
    fn a_circle_ends() {
        let mut all = Exchanges::default();
        let to = |source: &str, next: &str| BindingRecord {
            destination: Destination::Exchange(next.into()),
            ..binding(source, "", 0)
        };
        all.bind(to("amq.fanout", "amq.topic"));
        all.bind(BindingRecord {
            key: "#".into(),
            ..to("amq.topic", "amq.fanout")
        });
        all.bind(binding("amq.fanout", "", 1));
        assert_eq!(routed(&all, "amq.topic", "k"), [1]);
        assert_eq!(all.remove("amq.fanout").len(), 3);
        assert_eq!(routed(&all, "amq.topic", "k"), Vec::<u64>::new());
    }
}
