//! How messages are treated, by patterns of names.

use toml::Value;

use crate::draft::{Keys, Policy};
use crate::unit::{Read, Unit};
use crate::uri::list;
use crate::work::{NOT_THERE, Outcome, Said, Work};
use crate::xml::Element;

/// Where ActiveMQ has its dead if nobody says otherwise.
pub(crate) const DEAD: &str = "ActiveMQ.DLQ";
const ONE_DEAD_QUEUE: &str =
    "a policy leads to one queue, whatever the queue a message was in: write a [[policy]] for each";
const SLOW: &str = "[memory] slow-subscribers";

/// Words between dots, `#` for any number of them.
pub(crate) fn pattern(text: &str) -> Result<String, String> {
    let words: Vec<&str> = text
        .split('.')
        .map(|word| if word == ">" { "#" } else { word })
        .collect();
    let pattern = words.join(".");
    match pattern {
        _ if pattern.is_empty() => Err("a name is empty".to_owned()),
        _ if pattern.starts_with('^') || pattern.ends_with('$') => Err(format!("{text:?} is a regular expression")),
        _ if pattern.len() > 1024 || pattern.chars().any(char::is_control) => {
            Err("a name has at most 1024 bytes, and no control characters".to_owned())
        }
        _ => Ok(pattern),
    }
}

/// The names that an entry is about, and whether they are those of topics.
pub(crate) fn patterns(work: &Work<'_>, element: &Element) -> Result<(Vec<String>, bool), String> {
    let (text, is_of_topics) = match (element.says("queue"), element.says("topic")) {
        (Some(queue), _) => (queue, false),
        (None, Some(topic)) => (topic, true),
        (None, None) => return Err("it does not say for which queues".to_owned()),
    };
    let text = work.filled(text);
    let names: Result<Vec<String>, String> = list(&text).into_iter().map(pattern).collect();
    match names {
        Ok(names) if names.is_empty() => Err("a name is empty".to_owned()),
        names => names.map(|names| (names, is_of_topics)),
    }
}

pub(crate) fn entry(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    work.policy = None;
    if said.element.says("tempQueue").is_some() || said.element.says("tempTopic").is_some() {
        return Outcome::missing("queues for answers are all alike");
    }
    let (patterns, is_of_topics) = match patterns(work, said.element) {
        Ok(found) => found,
        Err(why) => return Outcome::Wrong(why),
    };
    work.policy = Some(Policy {
        entry: Some(said.entry),
        line: said.element.line,
        patterns,
        is_of_topics,
        ..Policy::default()
    });
    Outcome::kept("[[policy]]")
}

pub(crate) fn entry_ends(work: &mut Work<'_>, _: &Said<'_>) -> Option<Outcome> {
    let mut policy = work.policy.take()?;
    policy.keys.fill(&dead_as_usual());
    work.draft.policies.push(policy);
    None
}

/// Every entry that does not say it.
pub(crate) fn dead_as_usual() -> Keys {
    let mut keys = Keys::default();
    keys.set("dead-letter", DEAD);
    keys.set("expiry", DEAD);
    keys
}

/// Artemis's.
pub(crate) fn setting(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    work.policy = None;
    let text = work.filled(said.element.says("match").unwrap_or_default());
    if text.starts_with("activemq.management") || text.starts_with("mops") {
        return Outcome::no_effect("there is no management by messages");
    }
    match pattern(&text) {
        Ok(pattern) => {
            work.policy = Some(Policy {
                entry: Some(said.entry),
                line: said.element.line,
                patterns: vec![pattern],
                ..Policy::default()
            });
            Outcome::kept("[[policy]]")
        }
        Err(why) => Outcome::Wrong(why),
    }
}

pub(crate) fn setting_ends(work: &mut Work<'_>, _: &Said<'_>) -> Option<Outcome> {
    let policy = work.policy.take()?;
    if policy.keys.is_empty() {
        return Some(Outcome::no_effect("nothing is left of it that a policy could say"));
    }
    work.draft.policies.push(policy);
    None
}

/// One of those that a `<redeliveryPlugin>` has.
pub(crate) fn redelivery(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    let is_default = said.element.says("queue").or(said.element.says("topic")).is_none();
    let found = match is_default {
        true => Ok((vec!["#".to_owned()], false)),
        false => patterns(work, said.element),
    };
    match found {
        Ok((patterns, is_of_topics)) => {
            work.redelivery = Some(Policy {
                entry: Some(said.entry),
                line: said.element.line,
                patterns,
                is_of_topics,
                ..Policy::default()
            });
            Outcome::kept("[[policy]]")
        }
        Err(why) => Outcome::Wrong(why),
    }
}

pub(crate) fn redelivery_ends(work: &mut Work<'_>, said: &Said<'_>) -> Option<Outcome> {
    let mut policy = work.redelivery.take()?;
    // So often and so much later ActiveMQ tries again if nobody says it.
    let mut usual = Keys::default();
    usual.set("max-delivery-attempts", 7);
    let delays = ["redeliveryDelay", "initialRedeliveryDelay"];
    if delays.iter().all(|delay| said.element.says(delay).is_none()) {
        usual.set("redelivery-delay", 1000);
    }
    policy.keys.fill(&usual);
    work.draft.redeliveries.push(policy);
    None
}

/// The delay before it comes again for the first time, where it is the only one that is said.
pub(crate) fn first_delay(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    if said.element.says("redeliveryDelay").is_some() {
        return Outcome::no_effect("redeliveryDelay counts from the first time on");
    }
    redelivers(work, "redelivery-delay", Unit::Delay.read(said.value))
}

/// `useExponentialBackOff` has ActiveMQ's own factor, unless one is said.
pub(crate) fn back_off(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    let grows = said.element.says("useExponentialBackOff");
    if !grows.is_some_and(|grows| grows.eq_ignore_ascii_case("true")) {
        return Outcome::Implied;
    }
    let factor = said.element.says("backOffMultiplier").unwrap_or("5");
    redelivers(work, "redelivery-delay-multiplier", Unit::Factor.read(factor))
}

fn redelivers(work: &mut Work<'_>, key: &'static str, read: Read) -> Outcome {
    match (read, &mut work.redelivery) {
        (Read::Value(value) | Read::Changed(value, _), Some(policy)) => {
            policy.keys.set(key, value);
            Outcome::Kept(format!("[[policy]] {key}"))
        }
        (Read::Usual, _) => Outcome::Implied,
        (Read::Wrong(why), _) => Outcome::Wrong(why),
        (_, None) => Outcome::missing(NOT_THERE),
    }
}

/// That of queues for an entry of queues, that of topics for one of topics.
pub(crate) fn prefetch(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    let is_of_topics = work.policy.as_ref().is_some_and(|policy| policy.is_of_topics);
    match is_of_topics == (said.name == "topicPrefetch") {
        true => limit(work, said, "prefetch", Unit::Ahead),
        false => Outcome::no_effect("the entry is not about those"),
    }
}

pub(crate) fn last_value(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    match (said.is_true(), keys(work)) {
        (false, _) => Outcome::Implied,
        (true, Some(keys)) => {
            if keys.says("last-value-key").is_none() {
                keys.set("last-value-key", "_AMQ_LVQ_NAME");
            }
            Outcome::kept("[[policy]] last-value-key")
        }
        (true, None) => Outcome::missing(NOT_THERE),
    }
}

/// Of all addresses.
pub(crate) fn ids(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    match Unit::Ids.read(said.value) {
        Read::Value(value) | Read::Changed(value, _) => {
            work.draft.ids = Some(value);
            Outcome::kept("[[policy]] id-cache-size")
        }
        Read::Usual => Outcome::Implied,
        Read::Wrong(why) => Outcome::Wrong(why),
    }
}

fn keys<'a>(work: &'a mut Work<'_>) -> Option<&'a mut Keys> {
    work.policy.as_mut().map(|policy| &mut policy.keys)
}

/// What is dead and what is late go to one place.
fn both(work: &mut Work<'_>, place: &str) -> Outcome {
    let Some(keys) = keys(work) else {
        return Outcome::missing(NOT_THERE);
    };
    keys.set("dead-letter", place);
    // That what is late goes nowhere may have been said before.
    if keys.says("expiry") != Some(&Value::from("")) || place.is_empty() {
        keys.set("expiry", place);
    }
    Outcome::kept("[[policy]] dead-letter, expiry")
}

pub(crate) fn shared(work: &mut Work<'_>, _: &Said<'_>) -> Outcome {
    both(work, DEAD)
}

pub(crate) fn dead_queue(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    let name = said.value.strip_prefix("queue://").unwrap_or(said.value);
    match name.is_empty() || name.starts_with('#') {
        true => Outcome::missing("write the queue in it: <queue physicalName=\"NAME\"/>"),
        false => both(work, name),
    }
}

pub(crate) fn individual(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    let part = |name: &str, usual: &str| work.filled(said.element.says(name).unwrap_or(usual));
    let (prefix, suffix) = (part("queuePrefix", "ActiveMQ.DLQ.Queue."), part("queueSuffix", ""));
    let Some(policy) = &work.policy else {
        return Outcome::missing(NOT_THERE);
    };
    match policy.patterns.as_slice() {
        [name] if !policy.is_of_topics && !is_open(name) => {
            let place = format!("{prefix}{name}{suffix}");
            both(work, &place)
        }
        _ => Outcome::Missing(format!("{ONE_DEAD_QUEUE}; they go to {DEAD} here")),
    }
}

fn is_open(pattern: &str) -> bool {
    pattern.split('.').any(|word| matches!(word, "#" | "*"))
}

/// A part of the name that the element has made.
pub(crate) fn said_with_element(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    let place = keys(work)
        .and_then(|keys| keys.says("dead-letter"))
        .and_then(Value::as_str);
    match place.is_some_and(|place| place.contains(said.value)) {
        true => Outcome::kept("[[policy]] dead-letter, expiry"),
        false => Outcome::missing(ONE_DEAD_QUEUE),
    }
}

pub(crate) fn expired(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    match (said.is_true(), keys(work)) {
        (true, _) => Outcome::Implied,
        (false, Some(keys)) => {
            keys.set("expiry", "");
            Outcome::kept("[[policy]] expiry, which leads nowhere")
        }
        (false, None) => Outcome::missing(NOT_THERE),
    }
}

pub(crate) fn discarding(work: &mut Work<'_>, _: &Said<'_>) -> Outcome {
    both(work, "")
}

pub(crate) fn discard_all(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    if !said.is_true() {
        return Outcome::Implied;
    }
    work.draft.discards = true;
    Outcome::kept("[[policy]] dead-letter, expiry, which lead nowhere")
}

pub(crate) fn idle(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    if said.element.says("gcInactiveDestinations") != Some("true") {
        return Outcome::no_effect("gcInactiveDestinations does not say that they go");
    }
    match Unit::Seconds.read(said.value) {
        Read::Value(value) | Read::Changed(value, _) => {
            work.draft.top.set("queue-idle-timeout", value);
            work.note("in seconds, and for all queues alike");
            Outcome::kept("queue-idle-timeout")
        }
        Read::Usual => Outcome::Implied,
        Read::Wrong(why) => Outcome::Wrong(why),
    }
}

/// How much waits for who listens to a topic and does not take it.
pub(crate) fn pending(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    let Ok(limit) = said.value.parse::<i64>() else {
        return Outcome::Wrong(format!("{:?} is no number", said.value));
    };
    if limit < 0 {
        work.draft.memory.set("slow-subscribers", "wait");
        return Outcome::Kept(SLOW.to_owned());
    }
    work.draft.memory.set("slow-subscribers", "drop");
    work.note("the oldest go, when what waits weighs too much: its number is not limited");
    Outcome::Kept(SLOW.to_owned())
}

pub(crate) fn abort(work: &mut Work<'_>, _: &Said<'_>) -> Outcome {
    work.draft.memory.set("slow-subscribers", "disconnect");
    Outcome::Kept(SLOW.to_owned())
}

/// `KILL` or `NOTIFY`.
pub(crate) fn slow(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    match said.value.to_ascii_uppercase().as_str() {
        "KILL" => abort(work, said),
        _ => Outcome::no_effect("what was dropped because somebody is slow is counted: /metrics"),
    }
}

pub(crate) fn expiry_delay(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    work.note("of those with a longer life of their own as well");
    limit(work, said, "message-ttl", Unit::Milliseconds)
}

pub(crate) fn ring(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    limit(work, said, "max-length", Unit::Count)
}

fn limit(work: &mut Work<'_>, said: &Said<'_>, key: &'static str, unit: Unit) -> Outcome {
    match (unit.read(said.value), keys(work)) {
        (Read::Value(value) | Read::Changed(value, _), Some(keys)) => {
            keys.set(key, value);
            Outcome::Kept(format!("[[policy]] {key}"))
        }
        (Read::Usual, _) => {
            work.notes.clear();
            Outcome::Implied
        }
        (Read::Wrong(why), _) => Outcome::Wrong(why),
        (_, None) => Outcome::missing(NOT_THERE),
    }
}

const FULL: &str =
    "producers are held back when all messages together fill the memory, not by address: [memory] messages";

pub(crate) fn full(_: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    match said.value.to_ascii_uppercase().as_str() {
        "DROP" => Outcome::kept("[[policy]] max-length, max-length-bytes: the oldest go, not the newest"),
        "PAGE" | "BLOCK" | "FAIL" => Outcome::missing(FULL),
        _ => Outcome::Wrong(format!("{:?} is none of DROP, PAGE, BLOCK and FAIL", said.value)),
    }
}

pub(crate) fn most_bytes(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    most(work, said, "max-length-bytes", Unit::Bytes)
}

pub(crate) fn most_messages(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    most(work, said, "max-length", Unit::Count)
}

fn most(work: &mut Work<'_>, said: &Said<'_>, key: &'static str, unit: Unit) -> Outcome {
    let policy = said.element.says("address-full-policy").unwrap_or_default();
    match (unit.read(said.value), policy.eq_ignore_ascii_case("DROP")) {
        (Read::Usual, _) => Outcome::Implied,
        (_, true) => limit(work, said, key, unit),
        (_, false) => Outcome::missing(FULL),
    }
}

pub(crate) fn address(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    work.address = work.filled(said.element.says("name").unwrap_or_default());
    Outcome::no_effect("a queue is made by its first use")
}

pub(crate) fn address_ends(work: &mut Work<'_>, _: &Said<'_>) -> Option<Outcome> {
    work.address.clear();
    None
}

pub(crate) fn made_by_use(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    let name = work.filled(said.element.says("name").unwrap_or_default());
    match name == work.address {
        true => Outcome::no_effect("a queue is made by its first use"),
        false => Outcome::missing("a queue is called as its address"),
    }
}
