//! The only place that asks what time it is; everything below is told.
//!
//! [`Clock`] turns `Instant` into [`Mono`] and back, [`Wall`] is the calendar's time for log lines.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};
use tandem_sys::localtime;
use tandem_time::Mono;

/// Counts from the moment it was started. Copies agree, so every thread may have one.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    /// What it showed then.
    shown: Mono,
}

impl Clock {
    pub fn start() -> Clock {
        Clock::start_at(Mono::ZERO)
    }

    /// For who has to speak of what was before the start.
    pub fn start_at(shown: Mono) -> Clock {
        Clock {
            start: Instant::now(),
            shown,
        }
    }

    /// Goes on from when another process's clock showed 0, so that the times of both mean the same.
    pub fn began(nanos: i64) -> Clock {
        let age = system_nanos().saturating_sub(nanos);
        Clock::start_at(Mono::from_nanos(u64::try_from(age).unwrap_or(0)))
    }

    /// When it showed 0, in nanoseconds of the system's monotonic clock; negative when that was before the system started.
    pub fn beginning(&self) -> i64 {
        let age = i64::try_from(self.now().as_nanos()).unwrap_or(i64::MAX);
        system_nanos().saturating_sub(age)
    }

    pub fn now(&self) -> Mono {
        self.shown + self.start.elapsed()
    }

    /// When to wake up: for timers of the runtime. [`Mono::FAR`] becomes a time that never comes while a process lives.
    pub fn instant(&self, at: Mono) -> Instant {
        const NEVER: Duration = Duration::from_secs(30 * 365 * 86_400);
        self.start + at.since(self.shown).min(NEVER)
    }
}

fn system_nanos() -> i64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC)
        .map(Duration::from)
        .unwrap_or_default();
    i64::try_from(now.as_nanos()).unwrap_or(i64::MAX)
}

/// Microseconds since 1970, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wall {
    micros: i64,
}

impl Wall {
    /// A clock that was set before 1970 reads as 1970.
    pub fn now() -> Wall {
        SystemTime::now().into()
    }

    pub const fn from_micros(micros: i64) -> Wall {
        Wall { micros }
    }

    pub const fn as_micros(self) -> i64 {
        self.micros
    }

    pub const fn as_millis(self) -> i64 {
        self.micros.div_euclid(1_000)
    }

    pub const fn secs(self) -> i64 {
        self.micros.div_euclid(1_000_000)
    }

    pub const fn subsec_micros(self) -> u32 {
        self.micros.rem_euclid(1_000_000) as u32
    }

    /// Seconds that local clocks are ahead of UTC at this moment (it changes with summer time).
    pub fn local_offset(self) -> i32 {
        localtime::utc_offset(self.secs())
    }
}

impl From<SystemTime> for Wall {
    fn from(at: SystemTime) -> Wall {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        Wall {
            micros: i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_clock_goes_on_with_the_same_time() {
        let one = Clock::began(system_nanos() - 3_600_000_000_000);
        let other = Clock::began(one.beginning());
        let (before, between, after) = (one.now(), other.now(), one.now());
        let slack = Duration::from_millis(1);
        assert!(
            before <= between + slack && between <= after + slack,
            "{before} {between} {after}"
        );
        assert!(before >= Mono::from_millis(3_600_000));
    }

    #[test]
    fn mono_and_instant_agree() {
        let clock = Clock::start();
        let at = Mono::from_millis(1_500);
        assert_eq!(
            clock.instant(at).duration_since(clock.instant(Mono::ZERO)),
            Duration::from_millis(1_500)
        );
        assert!(clock.instant(Mono::FAR) > clock.instant(Mono::from_millis(1_000_000_000)));
        assert!(clock.now() <= clock.now());
    }

    #[test]
    fn a_clock_may_have_a_past() {
        let past = Mono::from_millis(1_000_000);
        let clock = Clock::start_at(past);
        assert!(clock.now() >= past);
        assert_eq!(
            clock.instant(past + Duration::from_millis(5)) - clock.instant(past),
            Duration::from_millis(5)
        );
        assert_eq!(clock.instant(Mono::ZERO), clock.instant(past));
    }

    #[test]
    fn parts_of_a_wall_time() {
        let t = Wall::from_micros(1_795_000_000_123_456);
        assert_eq!(
            (t.secs(), t.subsec_micros(), t.as_millis()),
            (1_795_000_000, 123_456, 1_795_000_000_123)
        );
        let before = Wall::from_micros(-1);
        assert_eq!((before.secs(), before.subsec_micros()), (-1, 999_999));
        assert_eq!(Wall::from(UNIX_EPOCH).as_micros(), 0);
    }
}
