//! The messages that wait in a queue, in the order in which they are handed out.
//!
//! Those that rest are apart, so that nobody who looks for the next one has to pass them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use tandem_time::Mono;

use super::{Entry, Place};
use crate::{MessageId, Retain};

#[derive(Debug, Default)]
pub(super) struct Waiting {
    ready: BTreeMap<Place, Entry>,
    /// Tried in vain, and left alone for a while.
    resting: BTreeMap<Place, Entry>,
    /// Until when each of these.
    rests: BTreeSet<(Mono, Place)>,
    /// What an address has kept for who comes later.
    kept: BTreeSet<Place>,
    /// What all of them weigh.
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
        match entry.rests {
            Some(until) => {
                self.rests.insert((until, place));
                self.resting.insert(place, entry);
            }
            None => drop(self.ready.insert(place, entry)),
        }
    }

    pub(super) fn remove(&mut self, place: Place) -> Option<Entry> {
        let mut entry = self.ready.remove(&place).or_else(|| self.resting.remove(&place))?;
        if let Some(until) = entry.rests.take() {
            self.rests.remove(&(until, place));
        }
        self.kept.remove(&place);
        self.weight -= entry.message.weight();
        self.bodies -= entry.message.body.len();
        Some(entry)
    }

    pub(super) fn take_all(&mut self) -> BTreeMap<Place, Entry> {
        let all = std::mem::take(self);
        let mut ready = all.ready;
        // One by one: few of very many rest.
        ready.extend(all.resting);
        ready
    }

    /// All that rest, with until when.
    pub(super) fn take_resting(&mut self) -> Vec<(Place, Entry)> {
        let places: Vec<(Mono, Place)> = self.rests.iter().copied().collect();
        let take = |(until, place): (Mono, Place)| {
            let entry = self.remove(place)?;
            let rests = Some(until);
            Some((place, Entry { rests, ..entry }))
        };
        places.into_iter().filter_map(take).collect()
    }

    /// The first of those that have rested by now.
    pub(super) fn rouse(&mut self, now: Mono) -> Option<Place> {
        let (_, place) = self.rests.first().copied().filter(|(until, _)| *until <= now)?;
        let entry = self.remove(place)?;
        self.insert(place, entry);
        Some(place)
    }

    pub(super) fn rests_until(&self) -> Option<Mono> {
        self.rests.first().map(|(until, _)| *until)
    }

    pub(super) fn len(&self) -> usize {
        self.ready.len() + self.resting.len()
    }

    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    pub(super) fn bodies(&self) -> usize {
        self.bodies
    }

    pub(super) fn get(&self, place: Place) -> Option<&Entry> {
        self.ready.get(&place).or_else(|| self.resting.get(&place))
    }

    /// Where a message waits. Its priority is not said, but there are only ten.
    pub(super) fn find(&self, id: MessageId) -> Option<Place> {
        Place::all(id).find(|place| self.get(*place).is_some())
    }

    pub(super) fn first(&self) -> Option<Place> {
        let firsts = [self.ready.keys().next(), self.resting.keys().next()];
        firsts.into_iter().flatten().min().copied()
    }

    /// What can be handed out next, after a place.
    pub(super) fn next(&self, after: Option<Place>) -> Option<(Place, &Entry)> {
        let (place, entry) = self.ready.range(behind(after)).next()?;
        Some((*place, entry))
    }

    /// Those after a place, the next first.
    pub(super) fn after(&self, after: Option<Place>) -> impl Iterator<Item = (Place, &Entry)> {
        merged(self.ready.range(behind(after)), self.resting.range(behind(after)))
    }

    /// Those that came no later than this one, the next first.
    pub(super) fn upto(&self, last: MessageId) -> impl Iterator<Item = Place> {
        Place::all(last).flat_map(move |last| {
            let of_rank = last.first_of_rank()..=last;
            let both = merged(self.ready.range(of_rank.clone()), self.resting.range(of_rank));
            both.map(|(place, _)| place)
        })
    }

    /// What they weigh stays what it is, and when they have rested.
    pub(super) fn entries(&mut self) -> impl Iterator<Item = (&Place, &mut Entry)> {
        self.ready.iter_mut().chain(&mut self.resting)
    }

    pub(super) fn kept(&self) -> impl Iterator<Item = &Entry> {
        self.kept.iter().filter_map(|place| self.get(*place))
    }
}

fn behind(place: Option<Place>) -> (Bound<Place>, Bound<Place>) {
    (place.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)
}

/// In one order. No place is in both.
fn merged<'a>(
    one: impl Iterator<Item = (&'a Place, &'a Entry)>,
    other: impl Iterator<Item = (&'a Place, &'a Entry)>,
) -> impl Iterator<Item = (Place, &'a Entry)> {
    let (mut one, mut other) = (one.peekable(), other.peekable());
    std::iter::from_fn(move || {
        let is_of_one = match (one.peek(), other.peek()) {
            (Some((this, _)), Some((that, _))) => this < that,
            (this, _) => this.is_some(),
        };
        let (place, entry) = if is_of_one { one.next() } else { other.next() }?;
        Some((*place, entry))
    })
}
