//! What an operator decides, for all addresses or for those that match a pattern.

use crate::Pattern;
use crate::queue::Most;

#[derive(Clone, Debug)]
pub struct Settings {
    pub default: Policy,
    /// The first that matches counts.
    pub policies: Vec<(Pattern, Policy)>,
    /// Producers are held back above this, in bytes.
    pub memory: usize,
    /// The most messages that wait in one subscription of a named client; then the oldest goes. 0 is no limit.
    pub subscription_depth: usize,
    /// What the clock said when [`tandem_time::Mono`] was zero, in milliseconds since 1970.
    pub began: u64,
}

/// How messages of an address are treated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// After so many failed attempts a message is dead. 0 is for ever.
    pub max_attempts: u32,
    /// Where the dead go; nowhere when `None`.
    pub dead_letter: Option<Box<str>>,
    pub expiry: Option<Box<str>>,
}

impl Default for Policy {
    /// Artemis's defaults, so that nothing is lost by surprise.
    fn default() -> Self {
        Policy {
            max_attempts: 10,
            dead_letter: Some("DLQ".into()),
            expiry: Some("ExpiryQueue".into()),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            default: Policy::default(),
            policies: Vec::new(),
            memory: 256 << 20,
            subscription_depth: 100_000,
            began: 0,
        }
    }
}

impl Settings {
    /// What may wait in one subscription of a named client: no more than a quarter of the memory, so that one client that
    /// stays away does not hold the others back.
    pub(super) fn most_of_client(&self) -> Most {
        Most {
            messages: self.subscription_depth,
            bytes: self.memory / 4,
        }
    }

    pub(super) fn policy(&self, address: &str) -> &Policy {
        let matching = self.policies.iter().find(|(pattern, _)| pattern.matches(address));
        matching.map_or(&self.default, |(_, policy)| policy)
    }
}
