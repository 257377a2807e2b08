//! The messages that wait in a queue, in the order in which they are handed out.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::{Entry, Place};
use crate::{MessageId, Retain};

#[derive(Debug, Default)]
pub(super) struct Waiting {
    ready: BTreeMap<Place, Entry>,
    /// Those of them that an address has kept for who comes later.
    kept: BTreeSet<Place>,
    /// What these weigh.
    weight: usize,
    /// The same without all that is around the bodies.
    bodies: usize,
}

impl Waiting {
    /// Nothing is at that place.
    pub(super) fn insert(&mut self, place: Place, entry: Entry) {
        self.weight += entry.message.weight();
        self.bodies += entry.message.body.len();
        if entry.message.retain == Retain::Kept {
            self.kept.insert(place);
        }
        self.ready.insert(place, entry);
    }

    pub(super) fn remove(&mut self, place: Place) -> Option<Entry> {
        let entry = self.ready.remove(&place)?;
        self.kept.remove(&place);
        self.weight -= entry.message.weight();
        self.bodies -= entry.message.body.len();
        Some(entry)
    }

    pub(super) fn take_all(&mut self) -> BTreeMap<Place, Entry> {
        std::mem::take(self).ready
    }

    pub(super) fn len(&self) -> usize {
        self.ready.len()
    }

    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    pub(super) fn bodies(&self) -> usize {
        self.bodies
    }

    pub(super) fn get(&self, place: Place) -> Option<&Entry> {
        self.ready.get(&place)
    }

    /// Where a message waits. Its priority is not said, but there are only ten.
    pub(super) fn find(&self, id: MessageId) -> Option<Place> {
        Place::all(id).find(|place| self.get(*place).is_some())
    }

    pub(super) fn first(&self) -> Option<Place> {
        self.ready.keys().next().copied()
    }

    /// What can be handed out next, after a place.
    pub(super) fn next(&self, after: Option<Place>) -> Option<(Place, &Entry)> {
        let (place, entry) = self.ready.range(behind(after)).next()?;
        Some((*place, entry))
    }

    /// Those after a place, the next first.
    pub(super) fn after(&self, after: Option<Place>) -> impl Iterator<Item = (Place, &Entry)> {
        self.ready.range(behind(after)).map(|(place, entry)| (*place, entry))
    }

    /// Those that came no later than this one, the next first.
    pub(super) fn upto(&self, last: MessageId) -> impl Iterator<Item = Place> {
        Place::all(last).flat_map(move |last| {
            let of_rank = self.ready.range(last.first_of_rank()..=last);
            of_rank.map(|(place, _)| *place)
        })
    }

    /// What they weigh stays what it is.
    pub(super) fn entries(&mut self) -> impl Iterator<Item = (&Place, &mut Entry)> {
        self.ready.iter_mut()
    }

    pub(super) fn kept(&self) -> impl Iterator<Item = &Entry> {
        self.kept.iter().filter_map(|place| self.get(*place))
    }
}

fn behind(place: Option<Place>) -> (Bound<Place>, Bound<Place>) {
    (place.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)
}
