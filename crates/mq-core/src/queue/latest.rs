//! Of the messages of a queue that say the same key, the newest: it takes the place of the one that waits.
//!
//! An older one may be in somebody's hands. That one is not taken away, but when it comes back it is out of date.

use std::collections::BTreeMap;

use super::{Entry, Place, Queue};
use crate::{Message, MessageId};

/// A longer one would cost as much as the message, and is none.
const LONGEST_KEY: usize = 1024;

/// By their keys. Only those are known that came while the policy was what it is.
#[derive(Debug, Default)]
pub(super) struct Latest(BTreeMap<Box<str>, Newest>);

#[derive(Debug)]
struct Newest {
    id: MessageId,
    /// Where it waits, if it does.
    place: Option<Place>,
    /// How many of the key are in somebody's hands.
    out: usize,
}

impl Latest {
    fn newest(&mut self, key: Box<str>, id: MessageId) -> &mut Newest {
        let (place, out) = (None, 0);
        self.0.entry(key).or_insert(Newest { id, place, out })
    }

    fn tidy(&mut self, key: &str) {
        if self
            .0
            .get(key)
            .is_some_and(|newest| newest.place.is_none() && newest.out == 0)
        {
            self.0.remove(key);
        }
    }

    /// It waits there.
    fn insert(&mut self, key: Box<str>, id: MessageId, place: Place) {
        let newest = self.newest(key, id);
        if newest.id <= id {
            (newest.id, newest.place) = (id, Some(place));
        }
    }

    /// It waits no more.
    fn remove(&mut self, key: &str, id: MessageId) {
        if let Some(newest) = self.0.get_mut(key).filter(|newest| newest.id == id) {
            newest.place = None;
            self.tidy(key);
        }
    }

    fn went_out(&mut self, key: Box<str>, id: MessageId) {
        let newest = self.newest(key, id);
        newest.id = newest.id.max(id);
        newest.out += 1;
    }

    /// Whether there has been a newer one meanwhile.
    fn came_in(&mut self, key: &str, id: MessageId) -> bool {
        let Some(newest) = self.0.get_mut(key) else {
            return false;
        };
        newest.out = newest.out.saturating_sub(1);
        let is_outdated = newest.id > id;
        self.tidy(key);
        is_outdated
    }

    /// Nothing waits any more.
    pub(super) fn take_all(&mut self) {
        self.0.retain(|_, newest| {
            newest.place = None;
            newest.out > 0
        });
    }
}

impl Queue {
    fn key_of(&self, message: &Message) -> Option<Box<str>> {
        let name = self
            .policy
            .last_value_key
            .as_deref()
            .filter(|_| !self.rules.of_client)?;
        let key = message.property(name)?.to_text();
        Some(key).filter(|key| key.len() <= LONGEST_KEY)
    }

    /// The one that goes when this comes.
    pub(crate) fn replaced_by(&self, message: &Message) -> Option<Place> {
        self.latest.0.get(&self.key_of(message)?)?.place
    }

    pub(super) fn index(&mut self, place: Place, entry: &Entry) {
        if let Some(key) = self.key_of(&entry.message) {
            self.latest.insert(key, entry.id, place);
        }
    }

    pub(super) fn index_not(&mut self, entry: &Entry) {
        if let Some(key) = self.key_of(&entry.message) {
            self.latest.remove(&key, entry.id);
        }
    }

    pub(super) fn index_out(&mut self, entry: &Entry) {
        if let Some(key) = self.key_of(&entry.message) {
            self.latest.went_out(key, entry.id);
        }
    }

    pub(super) fn index_in(&mut self, entry: &Entry) -> bool {
        let key = self.key_of(&entry.message);
        key.is_some_and(|key| self.latest.came_in(&key, entry.id))
    }

    /// Looks at all that wait, whatever was known of them: which have been replaced.
    pub(crate) fn outdated(&mut self) -> Vec<Place> {
        if self.policy.last_value_key.is_none() {
            return Vec::new();
        }
        let (mut latest, mut outdated) = (Latest::default(), Vec::new());
        for (place, entry) in self.waiting.after(None) {
            let Some(key) = self.key_of(&entry.message) else {
                continue;
            };
            match latest.0.get(&key) {
                Some(newest) if newest.id > entry.id => outdated.push(place),
                known => {
                    outdated.extend(known.and_then(|older| older.place));
                    latest.insert(key, entry.id, place);
                }
            }
        }
        self.latest = latest;
        outdated
    }
}
