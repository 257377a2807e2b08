//! From a key to its place: buckets of chains that run through the entries.
//!
//! Clients choose their addresses, so the hash is keyed by a secret: without it nobody can aim at one bucket.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::Key;
use super::slots::{NONE, Place, Slots};

#[derive(Clone, Debug)]
pub(super) struct Index {
    /// The first entry of each bucket; a power of two of them.
    buckets: Vec<Place>,
    secret: [u64; 2],
}

const SMALLEST: usize = 64;

impl Index {
    pub(super) fn new(secret: [u64; 2]) -> Index {
        Index {
            buckets: vec![NONE; SMALLEST],
            secret,
        }
    }

    pub(super) fn find(&self, slots: &Slots, key: &Key) -> Option<Place> {
        let mut place = self.buckets[self.bucket(key)];
        while place != NONE {
            let slot = slots.at(place);
            if slot.key == *key {
                return Some(place);
            }
            place = slot.chain;
        }
        None
    }

    /// Adds an entry whose key is not there yet.
    pub(super) fn add(&mut self, slots: &mut Slots, place: Place) {
        if slots.len() as usize > self.buckets.len() {
            return self.grow(slots);
        }
        self.link(slots, place);
    }

    pub(super) fn remove(&mut self, slots: &mut Slots, place: Place) {
        let next = slots.at(place).chain;
        let bucket = self.bucket(&slots.at(place).key);
        let mut at = self.buckets[bucket];
        if at == place {
            self.buckets[bucket] = next;
            return;
        }
        while at != NONE {
            let chain = slots.at(at).chain;
            if chain == place {
                slots.at_mut(at).chain = next;
                return;
            }
            at = chain;
        }
    }

    /// Twice the buckets, and every entry into its own again.
    fn grow(&mut self, slots: &mut Slots) {
        self.buckets = vec![NONE; self.buckets.len() * 2];
        let places: Vec<Place> = slots.places().collect();
        for place in places {
            self.link(slots, place);
        }
    }

    fn link(&mut self, slots: &mut Slots, place: Place) {
        let bucket = self.bucket(&slots.at(place).key);
        slots.at_mut(place).chain = self.buckets[bucket];
        self.buckets[bucket] = place;
    }

    fn bucket(&self, key: &Key) -> usize {
        // SipHash; hashing the secret first keys its state.
        let mut hasher = DefaultHasher::new();
        self.secret.hash(&mut hasher);
        key.hash(&mut hasher);
        hasher.finish() as usize & (self.buckets.len() - 1)
    }
}
