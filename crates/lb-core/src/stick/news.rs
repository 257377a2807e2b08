//! What peers are told of a table, and what they say of it.

use std::time::Duration;

use tandem_time::Mono;

use super::journal::Journal;
use super::since::is_said;
use super::slots::Place;
use super::{Dumped, Key, Raw, StickTable, Value};

/// From where on somebody wants to know what has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since {
    /// Behind the change of this number; 0 is from the beginning.
    pub number: u64,
    /// Also what peers have said, not only what has changed here.
    pub with_learned: bool,
}

/// Some entries that have changed, each with the number of its change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub entries: Vec<(u64, Dumped)>,
    /// All up to this number have been looked at.
    pub upto: u64,
}

/// What a peer says of an entry.
#[derive(Clone, Copy, Debug)]
pub struct Learned<'a> {
    pub key: &'a Key<'static>,
    /// How much time it has left, where that is said.
    pub left: Option<Duration>,
    pub values: &'a [Value],
}

impl StickTable {
    /// What has changed, with no more than so many changes looked at.
    pub fn changes(&mut self, since: Since, most: usize, now: Mono) -> Changes {
        let Some(journal) = &mut self.journal else {
            return Changes::default();
        };
        let (places, upto) = journal.after(since.number, most, since.with_learned);
        let alive = places.into_iter().filter(|(_, place)| !self.expired(*place, now));
        Changes {
            entries: alive.map(|(number, place)| (number, self.dumped(place, now))).collect(),
            upto,
        }
    }

    /// Peers are told of this entry again, whatever the process before this one has told them.
    pub fn tell_again(&mut self, key: &Key<'_>, now: Mono) {
        let Some(place) = self.find(key, now) else { return };
        if let Some(journal) = &mut self.journal {
            journal.note(place, self.slots.len());
        }
    }

    /// The number of the last change that was made here, and of the last of all.
    pub fn last_change(&self) -> (u64, u64) {
        self.journal
            .as_ref()
            .map_or((0, 0), |journal| (journal.last_own(), journal.last()))
    }

    /// Whether something has changed here since this was asked last.
    pub fn take_news(&mut self) -> bool {
        self.journal.as_mut().is_some_and(Journal::take_news)
    }

    /// What a peer says of an entry, which overwrites what is known of it; values that this table does not store in the
    /// same way are passed over. Where it has not heard of a change that was made here behind the number `unless`, it
    /// will: nothing is overwritten then. False when there is no room for it.
    pub fn learn(&mut self, learned: &Learned<'_>, unless: Option<u64>, now: Mono) -> bool {
        let Learned { key, left, values } = *learned;
        let Some(place) = self.place_for(key, now).0 else {
            return false;
        };
        let journal = self.journal.as_ref().zip(unless);
        if journal.is_some_and(|(journal, number)| journal.is_own_after(place, number)) {
            return true;
        }
        let now = self.advance(now);
        for value in values {
            self.learn_value(place, value, now);
        }
        let expires = self.lifetime_of(left, now);
        self.slots.renew(place, expires);
        self.note_learned(place);
        true
    }

    /// What a peer says of an entry of another table, as if it were said here (`write-to`). Only what is no count: here
    /// others count.
    pub fn adopt(&mut self, learned: &Learned<'_>, now: Mono) {
        let Some(place) = self.place_for(learned.key, now).0 else {
            return;
        };
        let now = self.advance(now);
        for value in learned.values.iter().filter(|value| is_said(value.data)) {
            self.learn_value(place, value, now);
        }
        self.touch(place, now);
    }

    fn learn_value(&mut self, place: Place, value: &Value, now: Mono) {
        match &value.raw {
            Raw::Name(Some(name)) if !self.names.takes(name) => {
                let raw = Raw::Name(None);
                self.restore_value(place, &Value { raw, ..*value }, now);
            }
            _ => self.restore_value(place, value, now),
        }
    }

    /// What is there already may be asked for, and nobody is told of it unasked.
    pub(super) fn share(&mut self) {
        self.journal = self.settings.is_shared.then(Journal::default);
        self.slots
            .places()
            .into_iter()
            .for_each(|place| self.note_learned(place));
    }

    pub(super) fn note_learned(&mut self, place: Place) {
        if let Some(journal) = &mut self.journal {
            journal.note_learned(place, self.slots.len());
        }
    }
}
