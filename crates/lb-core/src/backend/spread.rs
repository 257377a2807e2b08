//! When the first checks start, so that a process with a thousand servers does not open a thousand connections at once.
//!
//! As HAProxy does it: all checks of all backends stand in one row, in the order of the configuration, and share the
//! shortest interval among them, or their own where that is longer. Intervals below one second do not squeeze the others.

use super::ServerSettings;
use crate::health::{CheckSettings, RiseFall};
use std::time::Duration;
use tandem_time::Seed;

const SHORTEST_THAT_COUNTS: Duration = Duration::from_secs(1);

/// One backend's part of the row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// `spread-checks`: every wait is up to this part longer or shorter.
    pub percent: u32,
    /// Checks before this backend's first.
    pub before: u32,
    /// Checks in all.
    pub total: u32,
    pub shortest: Duration,
    /// `max-spread-checks`: over how long they are spread at most.
    pub within: Option<Duration>,
}

impl Spread {
    /// The parts of all backends of a process, in their order.
    pub fn over<'a>(percent: u32, backends: impl IntoIterator<Item = &'a [ServerSettings]>) -> Vec<Spread> {
        let mut whole = Spread {
            percent,
            ..Spread::default()
        };
        let mut parts = Vec::new();
        for servers in backends {
            parts.push(whole.total);
            for server in servers {
                let Some(check) = &server.check else { continue };
                let wait = first_wait(check, server.disabled);
                whole.total += 1;
                if wait >= SHORTEST_THAT_COUNTS && (whole.shortest.is_zero() || wait < whole.shortest) {
                    whole.shortest = wait;
                }
            }
        }
        parts.into_iter().map(|before| Spread { before, ..whole }).collect()
    }

    /// Of one that serves nobody before its first check.
    pub(super) fn early(&self, position: u32) -> Duration {
        Duration::from_millis(u64::from(self.before + position))
    }

    pub(super) fn delay(&self, position: u32, check: &CheckSettings, disabled: bool, seed: &mut Seed) -> Duration {
        let span = first_wait(check, disabled).max(self.shortest);
        let span = vary(span, self.percent, seed);
        self.within.map_or(span, |most| span.min(most)) * (self.before + position) / self.total.max(1)
    }
}

/// `wait`, up to `percent` longer or shorter.
pub(super) fn vary(wait: Duration, percent: u32, seed: &mut Seed) -> Duration {
    let most = wait * percent.min(100) / 100;
    if most.is_zero() {
        return wait;
    }
    let range = u64::try_from(2 * most.as_nanos()).unwrap_or(u64::MAX);
    wait - most + Duration::from_nanos(seed.below(range.saturating_add(1)))
}

/// The interval of a server as it starts: not fully up yet, or in maintenance.
fn first_wait(check: &CheckSettings, disabled: bool) -> Duration {
    let mut health = RiseFall::new(check.rise, check.fall);
    if disabled {
        health.drop_to_zero();
    }
    check.interval(health.pace(disabled))
}
