//! Which entries have changed, in the order in which they did, for peers that are told of changes.
//!
//! A change gets a number. One that nobody has been told of yet keeps it when its entry changes again: everybody will be
//! told of the latest anyway, and so an entry that changes all the time costs its table nothing but a comparison. What a
//! peer said itself is noted too, since somebody may ask for everything, but nobody is told of it unasked.

use std::collections::VecDeque;

use super::slots::Place;

#[derive(Clone, Debug, Default)]
pub(super) struct Journal {
    order: VecDeque<Noted>,
    /// The number that counts for each place; 0 is none.
    latest: Vec<Number>,
    last: u64,
    last_own: u64,
    /// Somebody has been told of all up to here.
    told: u64,
    /// Something was noted of which nobody has been woken yet.
    is_news: bool,
}

#[derive(Clone, Copy, Debug)]
struct Noted {
    number: Number,
    place: u32,
}

/// A number from 1 on, and whether the change was made here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Number(u64);

impl Number {
    const fn new(number: u64, is_own: bool) -> Number {
        Number(number << 1 | is_own as u64)
    }

    const fn value(self) -> u64 {
        self.0 >> 1
    }

    const fn is_own(self) -> bool {
        self.0 & 1 == 1
    }
}

/// Places whose notes are out of date are kept up to so many more than there are entries.
const SLACK: usize = 1024;

impl Journal {
    /// It has changed here. `entries` is how many there are in the table.
    pub(super) fn note(&mut self, place: Place, entries: u32) {
        let latest = self.latest(place);
        if latest.is_own() && latest.value() > self.told {
            return;
        }
        self.add(place, true, entries);
        self.last_own = self.last;
        self.is_news = true;
    }

    /// A peer has said it. What it does not know yet of ours it is told nevertheless.
    pub(super) fn note_learned(&mut self, place: Place, entries: u32) {
        if !self.latest(place).is_own() {
            self.add(place, false, entries);
        }
    }

    pub(super) fn forget(&mut self, place: Place) {
        if let Some(latest) = self.latest.get_mut(place.0 as usize) {
            *latest = Number::default();
        }
    }

    /// Whether it has changed here after this number, and nobody has said anything of it since.
    pub(super) fn is_own_after(&self, place: Place, number: u64) -> bool {
        let latest = self.latest(place);
        latest.is_own() && latest.value() > number
    }

    /// The number of the last change that was made here.
    pub(super) const fn last_own(&self) -> u64 {
        self.last_own
    }

    /// The number of the last note.
    pub(super) const fn last(&self) -> u64 {
        self.last
    }

    /// Whether something is new since this was asked last.
    pub(super) const fn take_news(&mut self) -> bool {
        std::mem::replace(&mut self.is_news, false)
    }

    /// Looks through so many notes behind a number. The places with their numbers, and up to which number that was.
    pub(super) fn after(&mut self, number: u64, most: usize, with_learned: bool) -> (Vec<(u64, Place)>, u64) {
        let first = self.order.partition_point(|noted| noted.number.value() <= number);
        let (mut found, mut upto) = (Vec::new(), self.last);
        let mut looked = 0;
        for noted in self.order.range(first..) {
            if looked == most {
                break;
            }
            looked += 1;
            upto = noted.number.value();
            let is_latest = self.latest.get(noted.place as usize) == Some(&noted.number);
            if is_latest && (with_learned || noted.number.is_own()) {
                found.push((upto, Place(noted.place)));
            }
        }
        if first + looked == self.order.len() {
            upto = self.last;
        }
        self.told = self.told.max(upto);
        (found, upto)
    }

    fn latest(&self, place: Place) -> Number {
        self.latest.get(place.0 as usize).copied().unwrap_or_default()
    }

    fn add(&mut self, place: Place, is_own: bool, entries: u32) {
        self.last += 1;
        let number = Number::new(self.last, is_own);
        let at = place.0 as usize;
        if self.latest.len() <= at {
            self.latest.resize(at + 1, Number::default());
        }
        self.latest[at] = number;
        self.order.push_back(Noted { number, place: place.0 });
        if self.order.len() > 2 * entries as usize + SLACK {
            let latest = &self.latest;
            self.order
                .retain(|noted| latest.get(noted.place as usize) == Some(&noted.number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(journal: &mut Journal, after: u64, all: bool) -> Vec<u32> {
        journal
            .after(after, usize::MAX, all)
            .0
            .iter()
            .map(|(_, place)| place.0)
            .collect()
    }

    #[test]
    fn in_the_order_of_change() {
        let mut journal = Journal::default();
        for place in [0, 1, 2, 0] {
            journal.note(Place(place), 3);
        }
        assert_eq!(places(&mut journal, 0, false), [0, 1, 2], "of 0 nobody was told before");
        journal.note(Place(1), 3);
        journal.note(Place(1), 3);
        assert_eq!(places(&mut journal, 3, false), [1]);
        assert_eq!(places(&mut journal, 0, false), [0, 2, 1]);
        assert!(journal.take_news() && !journal.take_news());
        journal.forget(Place(2));
        assert_eq!(places(&mut journal, 0, false), [0, 1]);
    }

    #[test]
    fn what_peers_said() {
        let mut journal = Journal::default();
        journal.note_learned(Place(0), 2);
        assert!(!journal.take_news());
        assert_eq!(journal.last_own(), 0);
        assert_eq!(places(&mut journal, 0, false), [] as [u32; 0]);
        assert_eq!(places(&mut journal, 0, true), [0]);
        journal.note(Place(0), 2);
        assert_eq!(places(&mut journal, 0, false), [0]);
        journal.note_learned(Place(0), 2);
        assert_eq!(places(&mut journal, 0, false), [0], "others have to be told still");
    }

    #[test]
    fn it_does_not_grow_for_ever() {
        let mut journal = Journal::default();
        for round in 0..10_000 {
            journal.note(Place(round % 7), 7);
            let last = journal.last();
            journal.after(last - 1, 1, false);
        }
        assert!(journal.order.len() <= 14 + SLACK);
        assert_eq!(places(&mut journal, 0, false).len(), 7);
        assert_eq!(journal.last(), 10_000);
    }

    #[test]
    fn a_bite_at_a_time() {
        let mut journal = Journal::default();
        (0..5).for_each(|place| journal.note(Place(place), 5));
        let (first, upto) = journal.after(0, 2, false);
        assert_eq!((first.len(), upto), (2, 2));
        let (rest, upto) = journal.after(upto, 9, false);
        assert_eq!((rest.len(), upto), (3, 5));
    }
}
