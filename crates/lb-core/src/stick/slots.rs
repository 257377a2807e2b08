//! The entries themselves: pieces of memory that are never moved, a free list through the holes, and the order of expiry
//! through the rest.
//!
//! Links are 32-bit places rather than pointers: 24 bytes an entry beside its key and its words, and nothing to get wrong
//! but an index. A table grows by whole pieces, so no store ever copies what is there.

use tandem_time::Mono;

/// The place of an entry, for whoever holds the table or has a hold on the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place(pub(super) u32);

/// The end of every list.
pub(super) const NONE: u32 = u32::MAX;
/// The most entries that there are places for.
pub(super) const MOST: u32 = u32::MAX - 1;

const PIECE: usize = 1024;
/// A place in the order of expiry is looked for that far; others wait for the table meanwhile.
const FARTHEST: u32 = 4096;

#[derive(Clone, Debug)]
pub(super) struct Head {
    /// When it expires; never before it is let go by all who hold it.
    pub(super) expires: Mono,
    /// The next entry of the same bucket; of a hole, the next hole.
    pub(super) chain: u32,
    /// How many hold it. Who is held is not in the order of expiry.
    pub(super) holders: u32,
    older: u32,
    newer: u32,
}

#[derive(Clone, Debug)]
struct Piece {
    heads: Box<[Head]>,
    keys: Box<[u8]>,
    words: Box<[u32]>,
}

#[derive(Clone, Debug)]
pub(super) struct Slots {
    pieces: Vec<Piece>,
    /// Bytes of a key, and words of a block.
    width: usize,
    words: usize,
    /// Entries in each piece.
    each: usize,
    /// Places that were ever used; they come first.
    used: u32,
    free: u32,
    oldest: u32,
    newest: u32,
    len: u32,
    /// Where the last entry went that was put in between others.
    finger: u32,
}

impl Slots {
    /// `most` entries will come at the most, so there is no use in a larger piece.
    pub(super) fn new(width: usize, words: usize, most: u32) -> Slots {
        Slots {
            pieces: Vec::new(),
            width,
            words,
            each: PIECE.min(most as usize).max(1),
            used: 0,
            free: NONE,
            oldest: NONE,
            newest: NONE,
            len: 0,
            finger: NONE,
        }
    }

    pub(super) const fn len(&self) -> u32 {
        self.len
    }

    pub(super) fn at(&self, place: Place) -> &Head {
        let (piece, within) = self.locate(place);
        &self.pieces[piece].heads[within]
    }

    pub(super) fn at_mut(&mut self, place: Place) -> &mut Head {
        let (piece, within) = self.locate(place);
        &mut self.pieces[piece].heads[within]
    }

    pub(super) fn key(&self, place: Place) -> &[u8] {
        let (piece, within) = self.locate(place);
        &self.pieces[piece].keys[within * self.width..][..self.width]
    }

    pub(super) fn words(&self, place: Place) -> &[u32] {
        let (piece, within) = self.locate(place);
        &self.pieces[piece].words[within * self.words..][..self.words]
    }

    pub(super) fn words_mut(&mut self, place: Place) -> &mut [u32] {
        let (piece, within) = self.locate(place);
        &mut self.pieces[piece].words[within * self.words..][..self.words]
    }

    pub(super) fn oldest(&self) -> Option<Place> {
        Some(Place(self.oldest)).filter(|place| place.0 != NONE)
    }

    /// Adds an entry with all its words 0, in the order of expiry. The caller keeps the number of entries below [`MOST`].
    pub(super) fn add(&mut self, key: &[u8], expires: Mono) -> Place {
        let place = Place(self.free);
        let place = if place.0 == NONE {
            self.fresh()
        } else {
            self.free = self.at(place).chain;
            place
        };
        *self.at_mut(place) = Head {
            expires,
            chain: NONE,
            holders: 0,
            older: NONE,
            newer: NONE,
        };
        let (piece, within) = self.locate(place);
        let kept = &mut self.pieces[piece].keys[within * self.width..][..self.width];
        // A text that is shorter than the longest ends with the first zero.
        let (filled, rest) = kept.split_at_mut(key.len().min(self.width));
        filled.copy_from_slice(&key[..filled.len()]);
        rest.fill(0);
        self.words_mut(place).fill(0);
        self.len += 1;
        self.link(place);
        place
    }

    /// Takes an entry away that nobody holds.
    pub(super) fn remove(&mut self, place: Place) {
        self.unlink(place);
        let free = self.free;
        let head = self.at_mut(place);
        head.chain = free;
        // No entry is older than itself, so this marks a hole.
        head.older = place.0;
        self.free = place.0;
        self.len -= 1;
    }

    /// From now on it expires then.
    pub(super) fn renew(&mut self, place: Place, expires: Mono) {
        if self.at(place).holders > 0 {
            self.at_mut(place).expires = expires;
            return;
        }
        self.unlink(place);
        self.at_mut(place).expires = expires;
        self.link(place);
    }

    /// Somebody holds it, so it does not expire.
    pub(super) fn hold(&mut self, place: Place) {
        if self.at(place).holders == 0 {
            self.unlink(place);
        }
        self.at_mut(place).holders += 1;
    }

    /// One less holds it.
    pub(super) fn let_go(&mut self, place: Place) {
        let head = self.at_mut(place);
        if head.holders == 0 {
            return;
        }
        head.holders -= 1;
        if head.holders == 0 {
            self.link(place);
        }
    }

    /// Every entry has another time from now on, in the same order.
    pub(super) fn renew_all(&mut self, expires: impl Fn(Mono) -> Mono) {
        for place in self.places() {
            let head = self.at_mut(place);
            head.expires = expires(head.expires);
        }
    }

    /// Every entry, held or not, in no order that means anything.
    pub(super) fn places(&self) -> Vec<Place> {
        self.page(0, NONE).0.collect()
    }

    /// The entries at these places, and where the next such page begins. An entry that lives through a whole walk is met
    /// once, whatever is done to the others meanwhile.
    pub(super) fn page(&self, from: u32, most: u32) -> (impl Iterator<Item = Place>, Option<u32>) {
        let next = from.saturating_add(most).min(self.used);
        let there = (from.min(self.used)..next).map(Place);
        let there = there.filter(|&place| self.at(place).older != place.0);
        (there, Some(next).filter(|&next| next < self.used))
    }

    /// Gives every entry another block of words, which `fill` makes of the one that it had.
    pub(super) fn relayout(&mut self, words: usize, fill: impl Fn(&[u32], &mut [u32])) {
        let before = std::mem::replace(&mut self.words, words);
        for piece in &mut self.pieces {
            let mut fresh = vec![0; words * piece.heads.len()].into_boxed_slice();
            for within in 0..piece.heads.len() {
                fill(
                    &piece.words[within * before..][..before],
                    &mut fresh[within * words..][..words],
                );
            }
            piece.words = fresh;
        }
    }

    fn locate(&self, place: Place) -> (usize, usize) {
        let place = place.0 as usize;
        (place / self.each, place % self.each)
    }

    fn fresh(&mut self) -> Place {
        let place = Place(self.used);
        if self.locate(place).0 == self.pieces.len() {
            let hole = Head {
                expires: Mono::ZERO,
                chain: NONE,
                holders: 0,
                older: NONE,
                newer: NONE,
            };
            self.pieces.push(Piece {
                heads: vec![hole; self.each].into(),
                keys: vec![0; self.each * self.width].into(),
                words: vec![0; self.each * self.words].into(),
            });
        }
        self.used += 1;
        place
    }

    /// Puts an entry behind all that expire before it or with it. Nearly all come last; those that a peer tells of come in
    /// the order of their expiry, so the next one goes near the last one. One whose place is too far from all that are
    /// known goes where the walk ends, and expires with its neighbour.
    fn link(&mut self, place: Place) {
        let expires = self.at(place).expires;
        let is_before = |slots: &Slots, other: u32| other == NONE || slots.at(Place(other)).expires <= expires;
        let mut before = self.newest;
        if !is_before(self, before) {
            before = self.nearest(expires);
            let mut left = FARTHEST;
            while left > 0 && !is_before(self, before) {
                before = self.at(Place(before)).older;
                left -= 1;
            }
            while left > 0 && self.behind(before) != NONE && is_before(self, self.behind(before)) {
                before = self.behind(before);
                left -= 1;
            }
            if !is_before(self, before) {
                self.at_mut(place).expires = self.at(Place(before)).expires;
            } else if self.behind(before) != NONE && is_before(self, self.behind(before)) {
                self.at_mut(place).expires = self.at(Place(self.behind(before))).expires;
            }
            self.finger = place.0;
        }
        let after = match before {
            NONE => std::mem::replace(&mut self.oldest, place.0),
            before => std::mem::replace(&mut self.at_mut(Place(before)).newer, place.0),
        };
        match after {
            NONE => self.newest = place.0,
            after => self.at_mut(Place(after)).older = place.0,
        }
        let head = self.at_mut(place);
        head.older = before;
        head.newer = after;
    }

    /// The entry next in the order; of [`NONE`], the first.
    fn behind(&self, at: u32) -> u32 {
        match at {
            NONE => self.oldest,
            at => self.at(Place(at)).newer,
        }
    }

    /// Of the entries that are known, the one that expires nearest to then.
    fn nearest(&self, expires: Mono) -> u32 {
        let known = [self.finger, self.newest, self.oldest].into_iter();
        let known = known.filter(|place| *place != NONE);
        let far = |place: &u32| {
            let at = self.at(Place(*place)).expires;
            at.since(expires).max(expires.since(at))
        };
        known.min_by_key(far).unwrap_or(NONE)
    }

    fn unlink(&mut self, place: Place) {
        let Head { older, newer, .. } = *self.at(place);
        if self.finger == place.0 {
            self.finger = older;
        }
        match older {
            NONE => self.oldest = newer,
            older => self.at_mut(Place(older)).newer = newer,
        }
        match newer {
            NONE => self.newest = older,
            newer => self.at_mut(Place(newer)).older = older,
        }
        let head = self.at_mut(place);
        head.older = NONE;
        head.newer = NONE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With four to eight bytes an entry for the buckets, this keeps a million of them within 64 MB.
    #[test]
    fn a_plain_entry_is_small() {
        // A number and a name of a server, by an IPv6 address.
        assert_eq!(size_of::<Head>() + 16 + 2 * 4, 48);
    }

    #[test]
    fn the_order_of_expiry_is_kept() {
        let mut slots = Slots::new(4, 1, 100);
        let at = Mono::from_millis;
        let order = |slots: &Slots| {
            let first = slots.oldest();
            let next = |place: &Place| Some(Place(slots.at(*place).newer)).filter(|p| p.0 != NONE);
            std::iter::successors(first, next).map(|p| p.0).collect::<Vec<_>>()
        };
        for (n, ms) in [10, 30, 20, 25, 5].into_iter().enumerate() {
            assert_eq!(slots.add(&[0; 4], at(ms)).0, n as u32);
        }
        assert_eq!(order(&slots), [4, 0, 2, 3, 1]);
        slots.hold(Place(2));
        slots.hold(Place(2));
        assert_eq!(order(&slots), [4, 0, 3, 1]);
        slots.renew(Place(2), at(7));
        slots.let_go(Place(2));
        slots.let_go(Place(2));
        assert_eq!(order(&slots), [4, 2, 0, 3, 1]);
        slots.remove(Place(4));
        slots.renew(Place(0), at(40));
        assert_eq!(order(&slots), [2, 3, 1, 0]);
        assert_eq!(slots.places().len(), 4);
    }

    #[test]
    fn nobody_walks_far() {
        const MANY: u32 = 100_000;
        let at = |ms: u32| Mono::from_millis(ms.into());
        let mut slots = Slots::new(4, 1, MANY);
        for n in 0..MANY {
            slots.add(&n.to_be_bytes(), at(1_000 + n));
        }
        // From one end to the middle and back, as a peer may say it; without a bound this takes minutes.
        for n in 0..2_000 {
            slots.renew(
                Place(n),
                at(if n % 2 == 0 { 1_000 + MANY / 2 } else { 1_001 + MANY / 4 }),
            );
        }
        let next = |place: &Place| Some(Place(slots.at(*place).newer)).filter(|p| p.0 != NONE);
        let order: Vec<Mono> = std::iter::successors(slots.oldest(), next)
            .map(|place| slots.at(place).expires)
            .collect();
        assert_eq!(order.len(), MANY as usize);
        assert!(order.is_sorted());
        // Those at the ends find their places.
        slots.renew(Place(50_000), at(10));
        assert_eq!(slots.oldest(), Some(Place(50_000)));
        slots.renew(Place(50_000), at(MANY));
        assert_eq!(slots.at(Place(50_000)).expires, at(MANY));
    }
}
