//! Which seeds a simulation runs: a range, or the one that failed.

use std::ops::Range;

/// `TANDEM_SEED=n` replays one seed; `TANDEM_SEEDS=n` runs that many instead of the usual number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeds(Range<u64>);

impl Seeds {
    pub fn from_env(usual: u64) -> Seeds {
        let number = |name: &str| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
        match (number("TANDEM_SEED"), number("TANDEM_SEEDS")) {
            (Some(one), _) => Seeds(one..one.saturating_add(1)),
            (None, Some(many)) => Seeds(0..many),
            (None, None) => Seeds(0..usual),
        }
    }

    /// One seed is replayed, so say everything.
    pub fn is_replay(&self) -> bool {
        self.0.end - self.0.start == 1
    }
}

impl IntoIterator for Seeds {
    type Item = u64;
    type IntoIter = Range<u64>;

    fn into_iter(self) -> Range<u64> {
        self.0
    }
}
