//! The only place that asks what time it is; everything below is told.
//!
//! [`Clock`] turns `Instant` into [`Mono`] and back, [`Wall`] is the calendar's time for log lines.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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

    pub fn now(&self) -> Mono {
        self.shown + self.start.elapsed()
    }

    /// When to wake up: for timers of the runtime. [`Mono::FAR`] becomes a time that never comes while a process lives.
    pub fn instant(&self, at: Mono) -> Instant {
        const NEVER: Duration = Duration::from_secs(30 * 365 * 86_400);
        self.start + at.since(self.shown).min(NEVER)
    }
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
