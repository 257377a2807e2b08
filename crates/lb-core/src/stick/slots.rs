//! The entries themselves: one growing array, a free list through the holes, and the order of use through the rest.
//!
//! Links are 32-bit places rather than pointers: 48 bytes an entry, and nothing to get wrong but an index.

use tandem_time::Mono;

use super::Key;
use crate::ServerId;

/// The place of an entry. [`NONE`] is the end of every list.
pub(super) type Place = u32;
pub(super) const NONE: Place = u32::MAX;

#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) key: Key,
    pub(super) server: ServerId,
    pub(super) used: Mono,
    /// The next entry of the same bucket; of a hole, the next hole.
    pub(super) chain: Place,
    older: Place,
    newer: Place,
}

#[derive(Clone, Debug)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    free: Place,
    oldest: Place,
    newest: Place,
    len: u32,
}

impl Slots {
    pub(super) const fn new() -> Slots {
        Slots {
            slots: Vec::new(),
            free: NONE,
            oldest: NONE,
            newest: NONE,
            len: 0,
        }
    }

    pub(super) const fn len(&self) -> u32 {
        self.len
    }

    pub(super) fn at(&self, place: Place) -> &Slot {
        &self.slots[place as usize]
    }

    pub(super) fn at_mut(&mut self, place: Place) -> &mut Slot {
        &mut self.slots[place as usize]
    }

    pub(super) fn oldest(&self) -> Option<Place> {
        Some(self.oldest).filter(|&place| place != NONE)
    }

    /// Adds an entry as the newest. The caller keeps the number of entries below [`NONE`].
    pub(super) fn add(&mut self, key: Key, server: ServerId, used: Mono) -> Place {
        let slot = Slot {
            key,
            server,
            used,
            chain: NONE,
            older: NONE,
            newer: NONE,
        };
        let place = self.free;
        let place = if place == NONE {
            self.slots.push(slot);
            (self.slots.len() - 1) as Place
        } else {
            self.free = self.at(place).chain;
            *self.at_mut(place) = slot;
            place
        };
        self.len += 1;
        self.link_newest(place);
        place
    }

    pub(super) fn remove(&mut self, place: Place) {
        self.unlink(place);
        let free = self.free;
        let slot = self.at_mut(place);
        slot.chain = free;
        // No entry is older than itself, so this marks a hole.
        slot.older = place;
        self.free = place;
        self.len -= 1;
    }

    /// Moves the entry to the newest end.
    pub(super) fn refresh(&mut self, place: Place, now: Mono) {
        self.at_mut(place).used = now;
        self.unlink(place);
        self.link_newest(place);
    }

    /// All places from the oldest to the newest.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        std::iter::successors(self.oldest(), |&place| {
            Some(self.at(place).newer).filter(|&next| next != NONE)
        })
    }

    /// The entries at these places of the array, and where the next such page begins. An entry that lives through a whole
    /// walk is met once, whatever is done to the others meanwhile.
    pub(super) fn page(&self, from: Place, most: u32) -> (impl Iterator<Item = Place>, Option<Place>) {
        let end = u32::try_from(self.slots.len()).unwrap_or(NONE);
        let next = from.saturating_add(most).min(end);
        let there = (from.min(end)..next).filter(|&place| self.at(place).older != place);
        (there, Some(next).filter(|&next| next < end))
    }

    fn link_newest(&mut self, place: Place) {
        let before = self.newest;
        let slot = self.at_mut(place);
        slot.older = before;
        slot.newer = NONE;
        self.newest = place;
        match before {
            NONE => self.oldest = place,
            before => self.at_mut(before).newer = place,
        }
    }

    fn unlink(&mut self, place: Place) {
        let Slot { older, newer, .. } = *self.at(place);
        match older {
            NONE => self.oldest = newer,
            older => self.at_mut(older).newer = newer,
        }
        match newer {
            NONE => self.newest = older,
            newer => self.at_mut(newer).older = older,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With four to eight bytes an entry for the buckets, this keeps a million of them within 64 MB.
    #[test]
    fn a_million_entries_are_small() {
        const MILLION: u32 = 1_000_000;
        let mut slots = Slots::new();
        for n in 0..MILLION {
            slots.add(
                Key::V6(std::net::Ipv4Addr::from(n).to_ipv6_mapped()),
                ServerId(1),
                Mono::ZERO,
            );
        }
        let bytes = slots.slots.capacity() * size_of::<Slot>() / MILLION as usize;
        assert!(bytes <= 56, "{bytes} bytes an entry");
    }
}
