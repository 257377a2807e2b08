//! The ids that clients have given to messages not long ago: whoever is not sure that a message has arrived sends it again by
//! the same id, and it counts once.
//!
//! Of each address the last so many are known, and of all together the last so many. An id is kept as a number of 128 bits, so
//! that clients cannot make one cost more than another.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::{DoublesRecord, Value};

/// So many ids are known of all addresses together: they are in each segment of the journal, at its beginning.
pub const MOST_IDS: usize = 100_000;

/// What clients say an id is.
pub(crate) const PROPERTY: &str = "_AMQ_DUPL_ID";

/// An id, as short as all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MessageKey(pub u128);

impl MessageKey {
    /// FNV-1a. Who finds another id with the same number spares the broker one of his own messages.
    pub(crate) fn of(id: &Value) -> MessageKey {
        MessageKey(match id {
            Value::Bytes(bytes) | Value::Other(bytes) | Value::Typed(bytes) => hash(bytes),
            text => hash(text.to_text().as_bytes()),
        })
    }

    /// An address in a scope, as short as all others, too.
    pub(crate) fn of_address(scope: &str, name: &str) -> Box<str> {
        format!("{scope}{:032x}", hash(name.as_bytes())).into()
    }
}

fn hash(bytes: &[u8]) -> u128 {
    bytes
        .iter()
        .fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash: u128, byte| {
            (hash ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
        })
}

/// Those of all addresses.
#[derive(Clone, Debug, Default)]
pub struct Doubles {
    by_address: BTreeMap<Arc<str>, Window>,
    /// Of each that came its address, the oldest first; some of them have gone since.
    order: VecDeque<Arc<str>>,
}

#[derive(Clone, Debug, Default)]
struct Window {
    /// The oldest first.
    order: VecDeque<MessageKey>,
    known: BTreeSet<MessageKey>,
    /// How many that `Doubles` still counts have gone.
    gone: usize,
    most: u32,
}

impl Window {
    fn pop(&mut self) {
        if let Some(oldest) = self.order.pop_front() {
            self.known.remove(&oldest);
        }
    }
}

impl Doubles {
    pub(crate) fn knows(&self, address: &str, key: MessageKey) -> bool {
        self.by_address
            .get(address)
            .is_some_and(|window| window.known.contains(&key))
    }

    /// Of this address so many are known from now on, these among them.
    pub fn note(&mut self, record: &DoublesRecord) {
        let address: Arc<str> = match self.by_address.get_key_value(&*record.address) {
            Some((known, _)) => known.clone(),
            None => (&*record.address).into(),
        };
        let window = self.by_address.entry(address.clone()).or_default();
        window.most = record.most;
        for key in &record.keys {
            if window.known.insert(*key) {
                window.order.push_back(*key);
                self.order.push_back(address.clone());
            }
        }
        while window.order.len() > window.most as usize {
            window.pop();
            window.gone += 1;
        }
        while self.order.len() > MOST_IDS {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some(address) = self.order.pop_front() else { return };
        let Some(window) = self.by_address.get_mut(&address) else {
            return;
        };
        match window.gone.checked_sub(1) {
            Some(left) => window.gone = left,
            None => window.pop(),
        }
        if window.order.is_empty() && window.gone == 0 {
            self.by_address.remove(&address);
        }
    }

    pub fn len(&self) -> usize {
        self.by_address.values().map(|window| window.order.len()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.by_address.is_empty()
    }

    /// All of it, for whoever begins anew.
    pub fn records(&self) -> impl Iterator<Item = DoublesRecord> {
        let known = self.by_address.iter().filter(|(_, window)| !window.order.is_empty());
        known.map(|(address, window)| DoublesRecord {
            address: (**address).into(),
            most: window.most,
            keys: window.order.iter().copied().collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(doubles: &mut Doubles, address: &str, most: u32, ids: std::ops::Range<u128>) {
        doubles.note(&DoublesRecord {
            address: address.into(),
            most,
            keys: ids.map(MessageKey).collect(),
        });
    }

    fn known(doubles: &Doubles, address: &str, ids: std::ops::Range<u128>) -> usize {
        ids.filter(|id| doubles.knows(address, MessageKey(*id))).count()
    }

    #[test]
    fn the_last_so_many_of_an_address_are_known() {
        let mut doubles = Doubles::default();
        note(&mut doubles, "a", 3, 0..5);
        assert_eq!((known(&doubles, "a", 0..2), known(&doubles, "a", 2..5)), (0, 3));
        assert_eq!(known(&doubles, "b", 0..5), 0, "another address is another thing");
        // The same once more changes nothing, and a smaller window counts at once.
        note(&mut doubles, "a", 3, 3..5);
        assert_eq!(known(&doubles, "a", 2..5), 3);
        note(&mut doubles, "a", 1, 9..10);
        assert_eq!((doubles.len(), known(&doubles, "a", 9..10)), (1, 1));
    }

    #[test]
    fn the_last_so_many_of_all_are_known_and_no_more_is_kept() {
        let mut doubles = Doubles::default();
        let most = MOST_IDS as u128;
        note(&mut doubles, "old", u32::MAX, 0..10);
        for id in 0..most - 5 {
            note(&mut doubles, "busy", 20, id..id + 1);
        }
        assert_eq!((known(&doubles, "old", 0..5), known(&doubles, "old", 5..10)), (0, 5));
        assert_eq!(doubles.order.len(), MOST_IDS);
        note(&mut doubles, "new", u32::MAX, 0..most);
        assert_eq!((doubles.len(), doubles.by_address.len()), (MOST_IDS, 1));
    }

    #[test]
    fn what_is_written_of_it_makes_the_same_again() {
        let mut doubles = Doubles::default();
        for (address, ids) in [("a", 0..30), ("b", 5..9), ("a", 40..45)] {
            note(&mut doubles, address, 20, ids);
        }
        let mut again = Doubles::default();
        doubles.records().for_each(|record| again.note(&record));
        assert_eq!(
            again.records().collect::<Vec<_>>(),
            doubles.records().collect::<Vec<_>>()
        );
    }

    #[test]
    fn texts_and_bytes_are_ids_and_others_are_others() {
        let key = MessageKey::of;
        assert_eq!(key(&Value::Text("7".into())), key(&Value::Int(7)));
        assert_eq!(key(&Value::Text("a".into())), key(&Value::Bytes("a".into())));
        assert_ne!(
            key(&Value::Bytes(vec![0xff].into())),
            key(&Value::Bytes(vec![0xfe].into()))
        );
        assert_ne!(key(&Value::Text("ab".into())), key(&Value::Text("ba".into())));
    }
}
