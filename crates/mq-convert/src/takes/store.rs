//! Where messages are, and how many there may be.

use crate::draft::Data;
use crate::unit;
use crate::walk::how_to_fill;
use crate::work::{Outcome, Said, Work};

/// What ActiveMQ's own script gives its Java.
const USUAL_HEAP: i64 = 1 << 30;

/// Where a store of ActiveMQ's or Artemis's is.
pub(crate) fn folder(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    place(work, said, 2)
}

/// Where it would be if the store did not say.
pub(crate) fn broker_folder(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    place(work, said, 1)
}

fn place(work: &mut Work<'_>, said: &Said<'_>, rank: u8) -> Outcome {
    let path = said
        .value
        .strip_prefix("file:")
        .unwrap_or(said.value)
        .trim_end_matches('/');
    let known = work.draft.data.as_ref();
    if known.is_some_and(|known| known.rank >= rank) {
        return Outcome::no_effect("another element says where the store is");
    }
    if let Some(missing) = said.missing {
        work.note(format!(
            "${{{missing}}} has no value here ({}): it is the usual place",
            how_to_fill(missing)
        ));
        return Outcome::kept("data-dir");
    }
    if !path.starts_with('/') {
        work.note("where that is depends on where the broker is started: it is the usual place");
        return Outcome::kept("data-dir");
    }
    // One's own folder: what the broker has there is of another kind.
    let data = Data {
        folder: format!("{path}/tandem-mq"),
        rank,
        entry: said.entry,
    };
    if let Some(before) = work.draft.data.replace(data) {
        let why = "the store says where it is";
        work.amended.push((before.entry, Outcome::no_effect(why)));
    }
    work.note("messages that are there are not read: let consumers take them first");
    Outcome::kept("data-dir")
}

/// Hundredths of what Java may have.
pub(crate) fn heap(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    let Some(hundredths) = said.value.trim().parse::<i64>().ok().filter(|n| (1..=100).contains(n)) else {
        return Outcome::Wrong(format!("{:?} is no number of hundredths from 1 to 100", said.value));
    };
    let variables = ["ACTIVEMQ_OPTS_MEMORY", "ACTIVEMQ_OPTS"];
    let said_there = variables.iter().find_map(|name| most(&(work.world.variable)(name)?));
    let heap = said_there.unwrap_or(USUAL_HEAP);
    let from = match said_there {
        Some(_) => "what -Xmx says in the environment",
        None => "the 1 GiB that ActiveMQ's Java has if nobody says otherwise (ACTIVEMQ_OPTS_MEMORY)",
    };
    work.note(format!("{hundredths} hundredths of {from}"));
    work.draft.memory.set("messages", heap / 100 * hundredths);
    Outcome::kept("[memory] messages")
}

/// `-Xms64M -Xmx1G`
fn most(options: &str) -> Option<i64> {
    let word = options
        .split_whitespace()
        .rev()
        .find_map(|word| word.strip_prefix("-Xmx"))?;
    unit::bytes(word)
}

/// One mistake that guides make.
pub(crate) fn cluster(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    let own = said.element.says("connector-ref").unwrap_or_default();
    let lists = said
        .element
        .children
        .iter()
        .filter(|child| child.name == "static-connectors");
    let mut others = lists.flat_map(|list| &list.children);
    if !own.is_empty() && others.any(|other| other.text == own) {
        work.note(format!(
            "{own} stands for this broker and for one of the others: none is its own neighbour"
        ));
    }
    Outcome::missing("nodes do not pass messages on to each other yet")
}
