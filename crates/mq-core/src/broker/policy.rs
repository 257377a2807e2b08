//! What an operator decides for the addresses that match a pattern: in the configuration, or while the node runs. Each queue
//! has one policy, and knows it: messages do not look for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::route::check_name;
use super::{Arranged, Broker, Refusal, Thing};
use crate::destination::is_ours;
use crate::{MOST_IDS, Pattern, PolicyRecord, Record, SessionId};

/// More would make each new queue slow.
pub const MOST_POLICIES: usize = 100;
/// No message is left alone for longer, in milliseconds: 366 days.
const LONGEST_DELAY: u64 = 366 * 24 * 3600 * 1000;
/// More would be as much as nobody needs, in each queue that has groups.
const MOST_BUCKETS: u32 = 65_536;
/// From one attempt to the next, in thousandths: 1 to 1000 times.
const MULTIPLIERS: std::ops::RangeInclusive<u32> = 1000..=1_000_000;

/// How messages of an address are treated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// After so many failed attempts a message is dead. 0 is for ever.
    pub max_attempts: u32,
    /// Where the dead go; nowhere when `None`.
    pub dead_letter: Option<Box<str>>,
    pub expiry: Option<Box<str>>,
    /// How long a message may wait, in milliseconds.
    pub ttl: Option<u64>,
    /// The oldest go when more waits.
    pub max_length: Option<usize>,
    /// The same in bytes of the bodies.
    pub max_bytes: Option<usize>,
    pub redelivery: Redelivery,
    /// A message takes the place of the one that waits and has the same in this property.
    pub last_value_key: Option<Box<str>>,
    /// How many groups are told from each other; 0 is none.
    pub group_buckets: u32,
    /// How many messages a consumer is sent ahead that does not say it.
    pub prefetch: Option<u32>,
    /// How many ids of messages are known of an address; 0 is none.
    pub id_cache_size: u32,
}

/// For how long a message that was tried in vain is left alone, in Artemis's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redelivery {
    /// After the first attempt, in milliseconds; 0 is not at all.
    pub delay: u64,
    /// After each attempt more so many times longer, in thousandths.
    pub multiplier: u32,
    /// But never longer; ten times the first one without it.
    pub max_delay: Option<u64>,
}

impl Default for Redelivery {
    fn default() -> Self {
        Redelivery {
            delay: 0,
            multiplier: 1000,
            max_delay: None,
        }
    }
}

impl Redelivery {
    pub(crate) fn after(&self, attempts: u32) -> Option<Duration> {
        if self.delay == 0 {
            return None;
        }
        let most = self
            .max_delay
            .unwrap_or(self.delay.saturating_mul(10))
            .min(LONGEST_DELAY);
        let exponent = i32::try_from(attempts.saturating_sub(1)).unwrap_or(i32::MAX);
        let times = (f64::from(self.multiplier) / 1000.0).powi(exponent);
        // Milliseconds up to a year are exact, and what is too much for a number is too much here.
        let delay = (self.delay as f64 * times).min(most as f64);
        Some(Duration::from_millis(delay as u64))
    }
}

impl Default for Policy {
    /// Artemis's defaults, so that nothing is lost by surprise.
    fn default() -> Self {
        Policy {
            max_attempts: 10,
            dead_letter: Some("DLQ".into()),
            expiry: Some("ExpiryQueue".into()),
            ttl: None,
            max_length: None,
            max_bytes: None,
            redelivery: Redelivery::default(),
            last_value_key: None,
            group_buckets: 1024,
            prefetch: None,
            id_cache_size: 0,
        }
    }
}

/// One of them, for those who look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyView {
    pub record: PolicyRecord,
    /// The configuration has it, and only that changes it.
    pub is_fixed: bool,
}

#[derive(Debug)]
pub(super) struct Policies {
    default: Arc<Policy>,
    known: BTreeMap<Box<str>, PolicyView>,
    /// The first that matches counts.
    ranked: Vec<(Pattern, Arc<Policy>)>,
    /// They are not what they were in the beginning.
    changed: bool,
}

impl Policies {
    pub(super) fn new(default: Policy, fixed: &[PolicyRecord]) -> Policies {
        let view = |record: &PolicyRecord| PolicyView {
            record: record.clone(),
            is_fixed: true,
        };
        let known = fixed.iter().map(|record| (record.name.clone(), view(record)));
        let mut policies = Policies {
            default: Arc::new(default),
            known: known.collect(),
            ranked: Vec::new(),
            changed: false,
        };
        policies.rank();
        policies
    }

    pub(super) fn have_changed(&self) -> bool {
        self.changed
    }

    pub(super) fn of(&self, address: &str) -> Arc<Policy> {
        let matching = self.ranked.iter().find(|(pattern, _)| pattern.matches(address));
        matching.map_or(&self.default, |(_, policy)| policy).clone()
    }

    /// The pattern of the one that has this name.
    pub(super) fn pattern_of(&self, name: &str) -> Option<Pattern> {
        self.known.get(name).map(|view| Pattern::new(&view.record.pattern))
    }

    /// Those of the configuration first, so that nobody outdoes it from the console; then the highest priority, and the names
    /// decide among equals.
    fn rank(&mut self) {
        let mut views: Vec<&PolicyView> = self.known.values().collect();
        views.sort_by_key(|view| std::cmp::Reverse((view.is_fixed, view.record.priority)));
        let policy = |view: &PolicyView| (Pattern::new(&view.record.pattern), Arc::new(self.policy(&view.record)));
        self.ranked = views.into_iter().map(policy).collect();
    }

    /// What it does not say is as usual.
    fn policy(&self, record: &PolicyRecord) -> Policy {
        let usual = &*self.default;
        let place = |said: &Option<Box<str>>, usual: &Option<Box<str>>| match said {
            None => usual.clone(),
            Some(place) => Some(place.clone()).filter(|place| !place.is_empty()),
        };
        Policy {
            max_attempts: record.max_attempts.unwrap_or(usual.max_attempts),
            dead_letter: place(&record.dead_letter, &usual.dead_letter),
            expiry: place(&record.expiry, &usual.expiry),
            ttl: record.ttl.or(usual.ttl),
            max_length: record.max_length.map(size).or(usual.max_length),
            max_bytes: record.max_bytes.map(size).or(usual.max_bytes),
            redelivery: redelivery(record).unwrap_or(usual.redelivery),
            last_value_key: place(&record.last_value_key, &usual.last_value_key),
            group_buckets: record.group_buckets.unwrap_or(usual.group_buckets),
            prefetch: record.prefetch.or(usual.prefetch),
            id_cache_size: record.id_cache_size.unwrap_or(usual.id_cache_size),
        }
    }
}

/// What is said of it, as a whole: there is no multiplier and no maximum without a delay.
fn redelivery(record: &PolicyRecord) -> Option<Redelivery> {
    Some(Redelivery {
        delay: record.redelivery_delay?,
        multiplier: record.redelivery_multiplier.unwrap_or(Redelivery::default().multiplier),
        max_delay: record.max_redelivery_delay,
    })
}

fn check_redelivery(record: &PolicyRecord) -> Result<(), Refusal> {
    let wrong = |why| Err(Refusal::Policy(why));
    let delays = [record.redelivery_delay, record.max_redelivery_delay];
    match (record.redelivery_delay, record.redelivery_multiplier) {
        (None, Some(_)) => wrong("redelivery-delay-multiplier is nothing without redelivery-delay"),
        (None, _) if record.max_redelivery_delay.is_some() => {
            wrong("max-redelivery-delay is nothing without redelivery-delay")
        }
        (_, Some(times)) if !MULTIPLIERS.contains(&times) => wrong("redelivery-delay-multiplier is from 1 to 1000"),
        _ if delays.into_iter().flatten().any(|delay| delay > LONGEST_DELAY) => {
            wrong("no message is left alone for longer than 366 days")
        }
        _ => Ok(()),
    }
}

/// Whether it can be one: what it leads away must come to where something keeps it.
pub fn check_policy(record: &PolicyRecord) -> Result<(), Refusal> {
    check_name(&record.name)?;
    check_name(&record.pattern)?;
    check_redelivery(record)?;
    if record.group_buckets.is_some_and(|buckets| buckets > MOST_BUCKETS) {
        return Err(Refusal::Policy("group-buckets is at most 65536"));
    }
    if record.id_cache_size.is_some_and(|size| size as usize > MOST_IDS) {
        return Err(Refusal::Policy("id-cache-size is at most 100000"));
    }
    if record.prefetch == Some(0) {
        return Err(Refusal::Policy("prefetch is at least 1"));
    }
    let key = record.last_value_key.as_deref().filter(|key| !key.is_empty());
    key.map(check_name).transpose()?;
    let places = [&record.dead_letter, &record.expiry];
    for place in places.into_iter().flatten().filter(|place| !place.is_empty()) {
        check_name(place)?;
        if is_ours(place) {
            let name = place.chars().take(64).collect();
            return Err(Refusal::Name(
                name,
                "such a queue is gone with its connection, and makes nothing of what comes then",
            ));
        }
    }
    Ok(())
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl Broker {
    /// In the order of their names.
    pub fn policies(&self) -> Vec<PolicyView> {
        self.policies.known.values().cloned().collect()
    }

    /// A new one, or another one of the same name.
    pub(super) fn set_policy(&mut self, session: SessionId, record: PolicyRecord) -> Result<Arranged, Refusal> {
        check_policy(&record)?;
        self.changeable(&record.name)?;
        let is_new = !self.policies.known.contains_key(&record.name);
        if is_new && self.policies.known.len() >= MOST_POLICIES {
            return Err(Refusal::TooMany(Thing::Policy));
        }
        self.take_policy(record.clone());
        self.write(Record::PolicyMade(record), Some(session));
        Ok(Arranged::Done)
    }

    pub(super) fn drop_policy(&mut self, session: SessionId, name: &str) -> Result<Arranged, Refusal> {
        self.changeable(name)?;
        if !self.leave_policy(name) {
            return Err(Refusal::Missing(Thing::Policy, name.into()));
        }
        self.write(Record::PolicyGone(name.into()), Some(session));
        Ok(Arranged::Done)
    }

    fn changeable(&self, name: &str) -> Result<(), Refusal> {
        match self.policies.known.get(name).is_some_and(|view| view.is_fixed) {
            true => Err(Refusal::Name(
                name.chars().take(64).collect(),
                "the configuration has a policy of that name, and only that can change it",
            )),
            false => Ok(()),
        }
    }

    /// The configuration's counts where the journal has one of the same name.
    pub(super) fn take_policy(&mut self, record: PolicyRecord) {
        let known = self.policies.known.get(&record.name);
        if known.is_some_and(|view| view.is_fixed || view.record == record) {
            return;
        }
        let new = Pattern::new(&record.pattern);
        let view = PolicyView {
            record,
            is_fixed: false,
        };
        let before = self.policies.known.insert(view.record.name.clone(), view);
        let before = before.map(|view| Pattern::new(&view.record.pattern));
        self.policies.rank();
        self.follow(&[Some(new), before]);
    }

    pub(super) fn leave_policy(&mut self, name: &str) -> bool {
        if self.policies.known.get(name).is_none_or(|view| view.is_fixed) {
            return false;
        }
        let gone = self.policies.known.remove(name);
        self.policies.rank();
        self.follow(&[gone.map(|view| Pattern::new(&view.record.pattern))]);
        true
    }

    /// Queues that these patterns are about find their policy again.
    fn follow(&mut self, changed: &[Option<Pattern>]) {
        self.policies.changed = true;
        let policies = &self.policies;
        for queue in self.queues.values_mut() {
            let concerns = |pattern: &Pattern| pattern.matches(&queue.address);
            if changed.iter().flatten().any(concerns) {
                queue.follow(policies.of(&queue.address));
            }
        }
    }
}
