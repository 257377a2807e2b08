//! Sessions that are counted in an entry for as long as they live: whoever holds an entry keeps it from expiring, and lets
//! go exactly once.

use tandem_time::Mono;

use super::slots::Place;
use super::{DataType, Key, StickTable};

impl StickTable {
    /// A connection that begins to be counted there; `None` when the table has no room for its key.
    pub fn track(&mut self, key: &Key<'_>, now: Mono) -> Option<Place> {
        let place = self.hold(key, now)?;
        self.count(place, DataType::ConnCnt, 0, 1, now);
        self.touch(place, now);
        Some(place)
    }

    /// One that was counted when it began, elsewhere, and is led here from now on.
    pub fn hold(&mut self, key: &Key<'_>, now: Mono) -> Option<Place> {
        let place = self.obtain(key, now)?;
        self.slots.hold(place);
        self.count(place, DataType::ConnCur, 0, 1, now);
        Some(place)
    }

    /// The connection has become a session.
    pub fn began(&mut self, place: Place, now: Mono) {
        if self.count(place, DataType::SessCnt, 0, 1, now).is_some() {
            self.touch(place, now);
        }
    }

    /// It has carried so much more.
    pub fn carried(&mut self, place: Place, from_client: u64, to_client: u64, now: Mono) {
        let came = self.count(place, DataType::BytesInCnt, 0, from_client, now);
        let went = self.count(place, DataType::BytesOutCnt, 0, to_client, now);
        if came.or(went).is_some() {
            self.touch(place, now);
        }
    }

    /// Whether anybody asks how much sessions carry.
    pub fn counts_bytes(&self) -> bool {
        use DataType::{BytesInCnt, BytesInRate, BytesOutCnt, BytesOutRate};
        let all = [BytesInCnt, BytesInRate, BytesOutCnt, BytesOutRate];
        all.into_iter().any(|data| self.layout.column(data).is_some())
    }

    /// The session has ended, or is led elsewhere from now on. To be called once for each time that the entry was taken.
    pub fn release(&mut self, place: Place, now: Mono) {
        if self
            .value(place, DataType::ConnCur, 0, now)
            .is_some_and(|current| current > 0)
        {
            // One less, in numbers that wrap around.
            self.count(place, DataType::ConnCur, 0, u64::MAX, now);
        }
        // While it is held it stands nowhere in the order of expiry, so it gets its place once, near the end.
        self.touch(place, now);
        self.slots.let_go(place);
    }

    /// How many sessions hold the entry.
    pub fn holders(&self, place: Place) -> u32 {
        self.slots.at(place).holders
    }

    /// The key of an entry that somebody holds.
    pub fn key_at(&self, place: Place) -> Key<'_> {
        Key::of_bytes(self.settings.key, self.slots.key(place))
    }
}
