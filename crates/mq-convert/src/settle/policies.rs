//! Which policies there are in the end. One alone counts for a name here: that of the highest priority. So the one that says
//! most of the name has the highest, and says all that holds for its names.

use tandem_mq_core::Pattern;
use tandem_mq_core::broker::MOST_POLICIES;
use toml::Value;

use crate::draft::{Draft, Keys, Policy};
use crate::ledger::Ledger;
use crate::takes::policy::dead_as_usual;
use crate::work::Outcome;

pub(super) fn settle(draft: &mut Draft, is_artemis: bool, ledger: &mut Ledger) {
    let mut entries = one_pattern_each(std::mem::take(&mut draft.policies), ledger);
    let redeliveries = one_pattern_each(std::mem::take(&mut draft.redeliveries), ledger);
    if !is_artemis && !entries.iter().any(|policy| pattern(policy) == "#") {
        // What is dead stays where consumers look for it.
        entries.push(Policy {
            patterns: vec!["#".to_owned()],
            keys: dead_as_usual(),
            ..Policy::default()
        });
    }
    if let Some(ids) = draft.ids.take() {
        known_ids(&mut entries, ids);
    }
    let mut all: Vec<Policy> = entries.clone();
    for policy in &redeliveries {
        if !all.iter().any(|known| pattern(known) == pattern(policy)) {
            let keys = Keys::default();
            all.push(Policy { keys, ..policy.clone() });
        }
    }
    all.sort_by_key(|policy| says(pattern(policy)));
    let mut settled: Vec<Policy> = Vec::new();
    for (policy, priority) in all.into_iter().zip(0..) {
        let mut keys = policy.keys.clone();
        match is_artemis {
            // What it does not say it has from those around it, the nearest first.
            true => settled
                .iter()
                .rev()
                .filter(|wide| covers(wide, &policy))
                .for_each(|wide| keys.fill(&wide.keys)),
            false => {
                if keys.is_empty() {
                    nearest(&entries, &policy)
                        .into_iter()
                        .for_each(|wide| keys.fill(&wide.keys));
                }
                nearest(&redeliveries, &policy)
                    .into_iter()
                    .for_each(|wide| keys.fill(&wide.keys));
            }
        }
        if draft.discards {
            keys.set("dead-letter", "");
            keys.set("expiry", "");
        }
        if keys.says("redelivery-delay").is_none() {
            // There is nothing that could grow.
            keys.remove("redelivery-delay-multiplier");
            keys.remove("max-redelivery-delay");
        }
        settled.push(Policy {
            keys,
            priority,
            ..policy
        });
    }
    // Those for the fewest names are the ones that somebody had in mind.
    let too_many = settled.len().saturating_sub(MOST_POLICIES);
    for policy in settled.drain(..too_many) {
        let why = format!("there are at most {MOST_POLICIES} policies");
        policy
            .entry
            .into_iter()
            .for_each(|entry| ledger.amend(entry, Outcome::Missing(why.clone())));
    }
    draft.policies = settled;
}

/// For all names, unless an entry for all says it.
fn known_ids(entries: &mut Vec<Policy>, ids: Value) {
    if !entries.iter().any(|policy| pattern(policy) == "#") {
        entries.push(Policy {
            patterns: vec!["#".to_owned()],
            ..Policy::default()
        });
    }
    let widest = entries.iter_mut().filter(|policy| pattern(policy) == "#");
    for policy in widest.filter(|policy| policy.keys.says("id-cache-size").is_none()) {
        policy.keys.set("id-cache-size", ids.clone());
    }
}

fn pattern(policy: &Policy) -> &str {
    policy.patterns.first().map_or("#", String::as_str)
}

/// An entry for several is several; of two for the same names the one for queues counts, or the later.
fn one_pattern_each(policies: Vec<Policy>, ledger: &mut Ledger) -> Vec<Policy> {
    let mut apart: Vec<Policy> = Vec::new();
    for policy in policies {
        for own in &policy.patterns {
            let new = Policy {
                patterns: vec![own.clone()],
                ..policy.clone()
            };
            let Some(known) = apart.iter_mut().find(|known| pattern(known) == own) else {
                apart.push(new);
                continue;
            };
            let is_alike = known.keys == new.keys;
            let keeps = !known.is_of_topics && new.is_of_topics;
            let (stays, goes) = if keeps { (known.line, &new) } else { (new.line, &*known) };
            if let (false, Some(entry)) = (is_alike, goes.entry) {
                let why = format!(
                    "a policy is for queues and topics of its names: that of line {stays} is for the same names"
                );
                ledger.amend(entry, Outcome::Missing(why));
            }
            if !keeps {
                *known = new;
            }
        }
    }
    apart
}

/// How much of a name a pattern says: more words, fewer holes.
fn says(pattern: &str) -> (usize, bool, usize) {
    let words: Vec<&str> = pattern.split('.').collect();
    let exact = words.iter().filter(|word| !matches!(**word, "*" | "#")).count();
    (exact, !words.contains(&"#"), words.len())
}

fn covers(wide: &Policy, narrow: &Policy) -> bool {
    Pattern::new(pattern(wide)).covers(&Pattern::new(pattern(narrow)))
}

/// The one that would count for all names of the other.
fn nearest<'a>(policies: &'a [Policy], of: &Policy) -> Option<&'a Policy> {
    let around = policies.iter().filter(|policy| covers(policy, of));
    around.max_by_key(|policy| says(pattern(policy)))
}
