//! Packets that are for none of our instances: counted, and said once of each sender and VRID.

use std::collections::VecDeque;
use std::net::IpAddr;

use crate::DropReason;

/// A segment has a handful of other routers, each with all its VRIDs at most; what is said longest ago makes room.
const REMEMBERED: usize = 1024;

#[derive(Debug)]
pub(super) struct Strangers {
    drops: [u64; DropReason::ALL.len()],
    said: VecDeque<(IpAddr, Option<u8>, DropReason)>,
}

impl Default for Strangers {
    fn default() -> Strangers {
        Strangers {
            drops: [0; DropReason::ALL.len()],
            said: VecDeque::new(),
        }
    }
}

impl Strangers {
    /// Whether it is to be said.
    pub(super) fn refuse(&mut self, source: IpAddr, vrid: Option<u8>, reason: DropReason) -> bool {
        self.drops[reason.place()] += 1;
        if self.said.contains(&(source, vrid, reason)) {
            return false;
        }
        if self.said.len() == REMEMBERED {
            self.said.pop_front();
        }
        self.said.push_back((source, vrid, reason));
        true
    }

    pub(super) fn dropped(&self, reason: DropReason) -> u64 {
        self.drops[reason.place()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sender_vrid_and_reason_once() {
        let mut strangers = Strangers::default();
        let from = |last: u8| IpAddr::from([10, 9, 0, last]);
        assert!(strangers.refuse(from(1), Some(51), DropReason::UnknownVrid));
        assert!(!strangers.refuse(from(1), Some(51), DropReason::UnknownVrid));
        assert!(strangers.refuse(from(1), None, DropReason::TooShort));
        assert!(strangers.refuse(from(1), Some(52), DropReason::UnknownVrid));
        assert!(strangers.refuse(from(2), Some(51), DropReason::UnknownVrid));
        assert_eq!(strangers.dropped(DropReason::UnknownVrid), 4);
        assert_eq!(strangers.dropped(DropReason::Ttl), 0);
        for (last, vrid) in (3..=8).flat_map(|last| (0..=255).map(move |vrid| (last, vrid))) {
            strangers.refuse(from(last), Some(vrid), DropReason::UnknownVrid);
        }
        assert_eq!(strangers.said.len(), REMEMBERED);
    }
}
