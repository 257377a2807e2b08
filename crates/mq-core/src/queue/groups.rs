//! Messages that belong together go to one consumer as long as it is there.
//!
//! Clients can make any number of groups, so nobody remembers them one by one: each falls into one of so many buckets, and
//! what falls into the same one goes together. So nothing that belongs together is ever torn apart.

use std::collections::BTreeMap;

use super::Queue;
use crate::message::property;
use crate::{ConsumerId, Message, Value};

/// What a message says of its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    bucket: u32,
    /// It is the last one.
    closes: bool,
}

/// Who has which bucket.
#[derive(Debug, Default)]
pub(super) struct Owners(BTreeMap<u32, ConsumerId>);

impl Owners {
    pub(super) fn of(&self, group: Group) -> Option<ConsumerId> {
        self.0.get(&group.bucket).copied()
    }

    /// A message of the group goes to this one.
    pub(super) fn goes_to(&mut self, group: Group, consumer: ConsumerId) {
        match group.closes {
            true => drop(self.0.remove(&group.bucket)),
            false => drop(self.0.insert(group.bucket, consumer)),
        }
    }

    pub(super) fn left(&mut self, consumer: ConsumerId) {
        self.0.retain(|_, owner| *owner != consumer);
    }
}

impl Queue {
    /// The group of a message, where groups mean something.
    pub(crate) fn group_of(&self, message: &Message) -> Option<Group> {
        let buckets = Some(self.policy.group_buckets).filter(|buckets| *buckets > 0 && !self.rules.of_client)?;
        let names = [property::JMS_GROUP, property::GROUP];
        let name = names.iter().find_map(|name| message.property(name))?;
        let Value::Text(name) = name else { return None };
        let bucket = u32::try_from(hash(name.as_bytes()) % u64::from(buckets)).unwrap_or(0);
        let closes = closes(message);
        (!name.is_empty()).then_some(Group { bucket, closes })
    }
}

/// JMS: a group ends with the number -1, which AMQP 1.0 spells as the highest that it has.
fn closes(message: &Message) -> bool {
    let jms = message.property(property::JMS_GROUP_SEQUENCE);
    let is_last = |number: &Value| number.to_text().trim() == "-1";
    let amqp = message.property(property::GROUP_SEQUENCE);
    let is_highest = |number: &Value| number.to_typed().as_whole() == Some(u32::MAX.into());
    jms.is_some_and(is_last) || amqp.is_some_and(is_highest)
}

/// FNV-1a: the same in each run.
fn hash(text: &[u8]) -> u64 {
    text.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
