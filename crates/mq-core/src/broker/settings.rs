//! What an operator decides, for all addresses or for those that match a pattern.

use std::time::Duration;

use super::Policy;
use crate::PolicyRecord;
use crate::queue::Most;

/// How others are kept from waiting for one who is slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slow {
    /// The oldest messages go.
    Drop,
    /// Its subscription ends.
    Disconnect,
}

#[derive(Clone, Debug)]
pub struct Settings {
    pub default: Policy,
    /// Those that only the configuration changes.
    pub policies: Vec<PolicyRecord>,
    /// Producers are held back above this, in bytes.
    pub memory: usize,
    /// The most messages that wait in one subscription of a named client; then the oldest goes. 0 is no limit.
    pub subscription_depth: usize,
    /// What happens to one who listens to a topic only while it is there, and takes less than is sent; whoever sends waits for
    /// it when `None`.
    pub slow: Option<Slow>,
    /// A queue that nobody has declared goes when it has been empty and unused for so long.
    pub queue_idle: Option<Duration>,
    /// What the clock said when [`tandem_time::Mono`] was zero, in milliseconds since 1970.
    pub began: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            default: Policy::default(),
            policies: Vec::new(),
            memory: 256 << 20,
            subscription_depth: 100_000,
            slow: Some(Slow::Drop),
            queue_idle: None,
            began: 0,
        }
    }
}

impl Settings {
    /// What may wait for the disk: little enough that whoever is confirmed does not wait long behind it.
    pub(super) fn most_unstored(&self) -> usize {
        (self.memory / 4).clamp(1 << 20, 64 << 20)
    }

    /// What may wait in one subscription of a named client: no more than a quarter of the memory, so that one client that
    /// stays away does not hold the others back.
    pub(super) fn most_of_client(&self) -> Most {
        Most {
            messages: self.subscription_depth,
            bytes: self.memory / 4,
        }
    }
}
