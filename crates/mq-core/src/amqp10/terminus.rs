//! Where links come from and lead to, as clients spell it (3.5).

use tandem_mq_wire::amqp10::{Coordinator, Fields, Released, Source, State as Outcome, Symbol, Value};

use super::mistake::Mistake;
use super::settle::outcome;
use crate::broker::Target;
use crate::{Kind, Selector, destination};

/// What may become of a delivery here (3.4).
const OUTCOMES: [&str; 4] = [
    "amqp:accepted:list",
    "amqp:rejected:list",
    "amqp:released:list",
    "amqp:modified:list",
];

/// A filter that is a text like that of JMS: its descriptor's name and number.
const SELECTOR: (&str, u64) = ("apache.org:selector-filter:string", 0x0000_468c_0000_0004);

fn says(capabilities: &[Symbol], name: &str) -> bool {
    capabilities.iter().any(|known| &*known.0 == name)
}

/// `/topic/a`, `topic://a`, or a name and the capability `topic`; what says nothing is a queue.
pub(super) fn target(address: &str, capabilities: &[Symbol]) -> Result<Target, Mistake> {
    let named = |kind, name: &str| Target {
        address: name.into(),
        kind,
    };
    if let Some(name) = address.strip_prefix("topic://") {
        return Ok(named(Kind::Multicast, name));
    }
    if let Some(name) = address.strip_prefix("queue://") {
        return Ok(named(Kind::Anycast, name));
    }
    if !address.starts_with('/') && says(capabilities, "topic") {
        return Ok(named(Kind::Multicast, address));
    }
    destination::target(address).map_err(Mistake::invalid)
}

/// Whether a subscription outlives its link.
pub(super) fn lasts(source: &Source) -> bool {
    let never = source
        .expiry_policy
        .as_ref()
        .is_some_and(|policy| &*policy.0 == "never");
    never || source.durable.unwrap_or(0) > 0
}

/// Whether what is sent stays for others (3.5.7).
pub(super) fn browses(wanted: &Source) -> bool {
    wanted.distribution_mode.as_ref().is_some_and(|mode| &*mode.0 == "copy")
}

/// What is true of a queue that was made for a link: it is gone with that (3.5.10).
pub(super) fn made() -> Fields {
    let delete_on_close = (Value::Ulong(0x2b), Value::List(Vec::new()));
    vec![(
        Value::symbol("lifetime-policy"),
        Value::Described(Box::new(delete_on_close)),
    )]
}

/// What transactions can do here (4.5.9), whatever was wanted.
pub(super) fn coordinator() -> Coordinator {
    Coordinator {
        capabilities: vec!["amqp:local-transactions".into(), "amqp:multi-txns-per-ssn".into()],
    }
}

/// Whether a client with these outcomes understands that something is rejected. Some that do say none.
pub(super) fn rejects(outcomes: &[Symbol]) -> bool {
    outcomes.is_empty() || says(outcomes, OUTCOMES[1])
}

/// What is there of what was wanted.
pub(super) fn source(wanted: &Source) -> Source {
    let known = |(name, _): &&(Value, Value)| is_selector(name);
    let default = wanted.default_outcome.clone().filter(|said| outcome(said).is_some());
    let filters = wanted.filter.iter().filter(|(_, filter)| text_of(filter).is_some());
    Source {
        address: wanted.address.clone(),
        dynamic: wanted.dynamic,
        distribution_mode: Some(Symbol::from(if browses(wanted) { "copy" } else { "move" })),
        filter: filters
            .filter(|pair| known(pair) || described(&pair.1))
            .cloned()
            .collect(),
        default_outcome: Some(default.unwrap_or(Outcome::Released(Released {}))),
        outcomes: OUTCOMES.iter().map(|name| Symbol::from(*name)).collect(),
        capabilities: wanted.capabilities.clone(),
        ..Source::default()
    }
}

fn is_selector(name: &Value) -> bool {
    match name {
        Value::Symbol(name) => &*name.0 == SELECTOR.0,
        Value::Ulong(number) => *number == SELECTOR.1,
        _ => false,
    }
}

fn described(filter: &Value) -> bool {
    matches!(filter, Value::Described(pair) if is_selector(&pair.0))
}

fn text_of(filter: &Value) -> Option<&str> {
    match filter {
        Value::Described(pair) => pair.1.as_text(),
        other => other.as_text(),
    }
}

/// The one filter that is known here; others are left out of the answer, and the client sees that (3.5.8).
pub(super) fn selector(source: &Source) -> Result<Option<Selector>, Mistake> {
    let ours = |(name, filter): &&(Value, Value)| described(filter) || is_selector(name);
    let Some(text) = source.filter.iter().find(ours).and_then(|(_, filter)| text_of(filter)) else {
        return Ok(None);
    };
    let parsed = Selector::parse(text).map_err(|error| Mistake::invalid(&error.to_string()))?;
    Ok(Some(parsed))
}
