//! A point in time as nanoseconds since the process (or the simulation) began.
//!
//! `std::time::Instant` cannot be written to a file nor start at zero; this can be both, which is what makes recorded
//! runs and virtual clocks simple. A runtime converts once, at its edge.

use std::fmt;
use std::num::NonZeroU64;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

/// Nanoseconds since start. Never goes back.
///
/// One more than that is kept, so that there is never a zero and an `Option` of it needs no room of its own: a
/// connection keeps many that may not have come yet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mono(NonZeroU64);

impl Mono {
    pub const ZERO: Mono = Mono(NonZeroU64::MIN);
    /// Later than any time a program will see (584 years).
    pub const FAR: Mono = Mono(NonZeroU64::MAX);

    pub const fn from_nanos(nanos: u64) -> Mono {
        Mono::ZERO.after(nanos)
    }

    pub const fn from_millis(millis: u64) -> Mono {
        Mono::from_nanos(millis.saturating_mul(1_000_000))
    }

    pub const fn as_nanos(self) -> u64 {
        self.0.get() - 1
    }

    pub const fn as_millis(self) -> u64 {
        self.as_nanos() / 1_000_000
    }

    /// The moment so long ago; the start when that is longer ago than the start.
    pub const fn before(self, ago: Duration) -> Mono {
        let nanos = ago.as_nanos();
        if nanos >= self.as_nanos() as u128 {
            return Mono::ZERO;
        }
        Mono::from_nanos(self.as_nanos() - nanos as u64)
    }

    /// The time from `earlier` to `self`; zero when `earlier` is later.
    pub const fn since(self, earlier: Mono) -> Duration {
        Duration::from_nanos(self.0.get().saturating_sub(earlier.0.get()))
    }

    const fn after(self, nanos: u64) -> Mono {
        Mono(self.0.saturating_add(nanos))
    }
}

impl Default for Mono {
    fn default() -> Mono {
        Mono::ZERO
    }
}

impl Add<Duration> for Mono {
    type Output = Mono;

    fn add(self, d: Duration) -> Mono {
        self.after(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl AddAssign<Duration> for Mono {
    fn add_assign(&mut self, d: Duration) {
        *self = *self + d;
    }
}

impl Sub<Mono> for Mono {
    type Output = Duration;

    fn sub(self, earlier: Mono) -> Duration {
        self.since(earlier)
    }
}

impl fmt::Display for Mono {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.as_nanos();
        write!(f, "{}.{:06}s", nanos / 1_000_000_000, nanos % 1_000_000_000 / 1_000)
    }
}

impl fmt::Debug for Mono {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Mono").field(&self.as_nanos()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_before_is_no_time_ago() {
        assert_eq!(Mono::from_millis(1).since(Mono::from_millis(2)), Duration::ZERO);
        assert_eq!(Mono::from_millis(2) - Mono::from_millis(1), Duration::from_millis(1));
    }

    #[test]
    fn before_the_start_is_the_start() {
        assert_eq!(
            Mono::from_millis(3).before(Duration::from_millis(1)),
            Mono::from_millis(2)
        );
        assert_eq!(Mono::from_millis(3).before(Duration::MAX), Mono::ZERO);
    }

    #[test]
    fn far_stays_far() {
        assert_eq!(Mono::FAR + Duration::from_secs(1), Mono::FAR);
        assert_eq!(Mono::ZERO + Duration::MAX, Mono::FAR);
    }

    #[test]
    fn a_moment_that_may_not_have_come_needs_no_more_room() {
        assert_eq!(size_of::<Option<Mono>>(), size_of::<u64>());
        assert_eq!(Mono::default().as_nanos(), 0);
        assert_eq!(Mono::from_nanos(u64::MAX), Mono::FAR);
        assert_eq!(format!("{:?}", Mono::from_nanos(7)), "Mono(7)");
    }

    #[test]
    fn prints_microseconds() {
        assert_eq!(Mono::from_nanos(1_002_003_004).to_string(), "1.002003s");
    }
}
