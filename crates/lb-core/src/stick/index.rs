//! From a key to its place: buckets of chains that run through the entries.
//!
//! Clients choose their addresses, so the hash is keyed by a secret: without it nobody can aim at one bucket. The buckets
//! grow one at a time (linear hashing), so no store pays for all that came before it.

use std::hash::{DefaultHasher, Hasher};

use super::slots::{NONE, Place, Slots};

#[derive(Clone, Debug)]
pub(super) struct Index {
    /// The first entry of each bucket.
    buckets: Vec<u32>,
    /// As many buckets as there were when the last round of splitting began: a power of two.
    round: usize,
    secret: [u64; 2],
}

const SMALLEST: usize = 16;

impl Index {
    pub(super) fn new(secret: [u64; 2]) -> Index {
        Index {
            buckets: vec![NONE; SMALLEST],
            round: SMALLEST,
            secret,
        }
    }

    /// `key` has all the bytes that the table keeps, or is a text that is shorter.
    pub(super) fn find(&self, slots: &Slots, key: &[u8]) -> Option<Place> {
        let mut place = self.buckets[self.bucket(key)];
        while place != NONE {
            if is(slots.key(Place(place)), key) {
                return Some(Place(place));
            }
            place = slots.at(Place(place)).chain;
        }
        None
    }

    /// Adds an entry whose key is not there yet.
    pub(super) fn add(&mut self, slots: &mut Slots, place: Place) {
        if slots.len() as usize > self.buckets.len() {
            self.split(slots);
        }
        self.link(slots, place);
    }

    pub(super) fn remove(&mut self, slots: &mut Slots, place: Place) {
        let next = slots.at(place).chain;
        let bucket = self.bucket(slots.key(place));
        let mut at = self.buckets[bucket];
        if at == place.0 {
            self.buckets[bucket] = next;
            return;
        }
        while at != NONE {
            let chain = slots.at(Place(at)).chain;
            if chain == place.0 {
                slots.at_mut(Place(at)).chain = next;
                return;
            }
            at = chain;
        }
    }

    /// One more bucket, which takes its share of another one.
    fn split(&mut self, slots: &mut Slots) {
        let bucket = self.buckets.len() - self.round;
        let mut place = std::mem::replace(&mut self.buckets[bucket], NONE);
        self.buckets.push(NONE);
        if self.buckets.len() == 2 * self.round {
            self.round *= 2;
        }
        while place != NONE {
            let next = slots.at(Place(place)).chain;
            self.link(slots, Place(place));
            place = next;
        }
    }

    fn link(&mut self, slots: &mut Slots, place: Place) {
        let bucket = self.bucket(slots.key(place));
        slots.at_mut(place).chain = self.buckets[bucket];
        self.buckets[bucket] = place.0;
    }

    fn bucket(&self, key: &[u8]) -> usize {
        // SipHash; hashing the secret first keys its state. What a shorter text is filled up with does not count.
        let end = key.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.secret[0]);
        hasher.write_u64(self.secret[1]);
        hasher.write(&key[..end]);
        let hash = hasher.finish() as usize;
        let bucket = hash & (2 * self.round - 1);
        if bucket < self.buckets.len() {
            bucket
        } else {
            hash & (self.round - 1)
        }
    }
}

/// Whether the bytes that are kept are those of the key.
fn is(kept: &[u8], key: &[u8]) -> bool {
    kept.len() >= key.len() && kept[..key.len()] == *key && kept[key.len()..].iter().all(|b| *b == 0)
}
