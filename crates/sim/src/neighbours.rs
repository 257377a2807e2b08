//! A client's ARP cache and the switch's table in one: for each address, the node that announced it last.

use std::collections::BTreeMap;

use crate::NodeId;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeighbourCache<A> {
    entries: BTreeMap<A, NodeId>,
}

impl<A: Copy + Ord> NeighbourCache<A> {
    pub const fn new() -> NeighbourCache<A> {
        NeighbourCache {
            entries: BTreeMap::new(),
        }
    }

    pub fn learn(&mut self, address: A, node: NodeId) {
        self.entries.insert(address, node);
    }

    /// Where traffic for this address goes.
    pub fn find(&self, address: A) -> Option<NodeId> {
        self.entries.get(&address).copied()
    }
}

impl<A> Default for NeighbourCache<A> {
    fn default() -> NeighbourCache<A> {
        NeighbourCache {
            entries: BTreeMap::new(),
        }
    }
}
