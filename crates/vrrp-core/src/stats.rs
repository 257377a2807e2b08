//! Counters of one instance, as the statistics dump, the JSON and the metrics show them.

use std::time::Duration;

use crate::{DropReason, KeepalivedCounter};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    pub adverts_received: u64,
    pub adverts_sent: u64,
    pub became_master: u64,
    pub released_master: u64,
    pub zero_received: u64,
    pub zero_sent: u64,
    /// Accepted adverts whose addresses were not ours.
    pub address_mismatches: u64,
    pub healed: u64,
    /// Announcements of our addresses by somebody else while we are master.
    pub conflicts: u64,
    /// How often both hosts were master without hearing each other.
    pub split_brains: u64,
    /// The longest silence of a master that was still in time, in thousandths of the down interval.
    pub closest_call: u16,
    drops: [u64; DropReason::ALL.len()],
}

impl Default for Stats {
    fn default() -> Stats {
        Stats {
            adverts_received: 0,
            adverts_sent: 0,
            became_master: 0,
            released_master: 0,
            zero_received: 0,
            zero_sent: 0,
            address_mismatches: 0,
            healed: 0,
            conflicts: 0,
            split_brains: 0,
            closest_call: 0,
            drops: [0; DropReason::ALL.len()],
        }
    }
}

impl Stats {
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.drops[reason.place()]
    }

    /// One of Keepalived's counters.
    pub fn keepalived(&self, counter: KeepalivedCounter) -> u64 {
        let own = if counter == KeepalivedCounter::AddressList {
            self.address_mismatches
        } else {
            0
        };
        let belongs = |r: &&DropReason| r.keepalived() == Some(counter);
        own + DropReason::ALL
            .iter()
            .filter(belongs)
            .map(|r| self.dropped(*r))
            .sum::<u64>()
    }

    pub(crate) fn count_drop(&mut self, reason: DropReason) {
        self.drops[reason.place()] += 1;
    }

    pub(crate) fn count_gap(&mut self, gap: Duration, down: Duration) {
        let share = gap.as_micros() * 1000 / down.as_micros().max(1);
        self.closest_call = self.closest_call.max(u16::try_from(share).unwrap_or(u16::MAX));
    }
}
