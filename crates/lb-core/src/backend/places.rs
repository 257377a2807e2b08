//! Servers are listed in the order of the configuration, and named by places that never move: this leads from one to the
//! other.
//!
//! A server keeps its place for as long as anybody may name it, whatever is put before it or taken away.

use crate::ServerIdx;

/// Where in a list each place stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Places(Vec<Option<usize>>);

impl Places {
    /// Of a list that names these places, in this order.
    pub(super) fn of(list: impl IntoIterator<Item = ServerIdx>) -> Places {
        let mut places = Vec::new();
        for (position, idx) in list.into_iter().enumerate() {
            if places.len() <= idx.place() {
                places.resize(idx.place() + 1, None);
            }
            places[idx.place()] = Some(position);
        }
        Places(places)
    }

    /// `None` when nobody in the list has that place.
    pub(super) fn position(&self, idx: ServerIdx) -> Option<usize> {
        self.0.get(idx.place()).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_order_and_holes() {
        let places = Places::of([3, 0, 1].map(ServerIdx));
        let positions: Vec<_> = (0..5).map(|n| places.position(ServerIdx(n))).collect();
        assert_eq!(positions, [Some(1), Some(2), None, Some(0), None]);
        assert_eq!(Places::of([]).position(ServerIdx(0)), None);
    }
}
