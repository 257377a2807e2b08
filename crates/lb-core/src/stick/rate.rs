//! How much came in the last so many milliseconds, in three words: when the present period began, what it counted, and
//! what the one before it counted.
//!
//! The answer is a window that slides: all of the present period, and the share of the one before that the window still
//! covers. These are the three numbers that HAProxy's peers exchange, so the answers agree.

/// Times are milliseconds that may wrap around.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    pub began: u32,
    pub present: u32,
    pub before: u32,
}

impl Rate {
    pub(super) const fn from_words(words: [u32; 3]) -> Rate {
        let [began, present, before] = words;
        Rate { began, present, before }
    }

    pub(super) const fn words(self) -> [u32; 3] {
        [self.began, self.present, self.before]
    }

    /// Threads look at the clock before they have the table: one may come with a time just before the period began.
    fn age(&self, now: u32) -> u32 {
        const LATE: u32 = 10_000;
        let age = now.wrapping_sub(self.began);
        if age > u32::MAX - LATE { 0 } else { age }
    }

    pub(crate) fn count(&mut self, by: u32, period: u32, now: u32) {
        let age = self.age(now);
        if age >= period {
            let is_next = age < period.saturating_mul(2);
            *self = Rate {
                began: if is_next { self.began.wrapping_add(period) } else { now },
                present: 0,
                before: if is_next { self.present } else { 0 },
            };
        }
        self.present = self.present.wrapping_add(by);
    }

    pub(crate) fn read(&self, period: u32, now: u32) -> u32 {
        let (period, age) = (u64::from(period), u64::from(self.age(now)));
        if period == 0 {
            return 0;
        }
        let (present, before, into) = match age {
            age if age < period => (self.present, self.before, age),
            age if age < 2 * period => (0, self.present, age - period),
            _ => (0, 0, 0),
        };
        let share = u64::from(before) * (period - into) / period;
        u32::try_from(u64::from(present) + share).unwrap_or(u32::MAX)
    }

    /// In how many milliseconds it says no more than so much, if nothing is counted meanwhile.
    pub(crate) fn falls_to(&self, most: u32, period: u32, now: u32) -> u32 {
        if self.read(period, now) <= most {
            return 0;
        }
        // How far into a period the share of the one before it is small enough.
        let until = |room: u32, before: u32| {
            // The largest that still rounds down to the room.
            let share = ((u64::from(room) + 1) * u64::from(period) - 1) / u64::from(before.max(1));
            u64::from(period).saturating_sub(share)
        };
        let (period_long, age) = (u64::from(period), u64::from(self.age(now)));
        let next = period_long + until(most, self.present);
        let at = match most.checked_sub(self.present) {
            Some(room) if age < period_long => until(room, self.before).min(next),
            _ => next,
        };
        u32::try_from(at.saturating_sub(age)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides() {
        let mut rate = Rate::default();
        rate.count(10, 1_000, 0);
        assert_eq!(rate.read(1_000, 999), 10);
        assert_eq!(rate.read(1_000, 1_500), 5, "half of the period before");
        assert_eq!(rate.read(1_000, 1_999), 0);
        rate.count(4, 1_000, 1_500);
        assert_eq!(rate.read(1_000, 1_500), 9);
        assert_eq!(rate.read(1_000, 2_500), 2);
        rate.count(1, 1_000, 9_000);
        assert_eq!((rate.read(1_000, 9_000), rate.before), (1, 0));
    }

    #[test]
    fn when_it_will_have_fallen() {
        let rate = Rate {
            began: 1_000,
            present: 60,
            before: 100,
        };
        for (most, now) in [
            (1_000, 1_100),
            (100, 1_100),
            (60, 1_100),
            (30, 1_500),
            (0, 1_500),
            (10, 2_300),
        ] {
            let wait = rate.falls_to(most, 1_000, now);
            assert!(rate.read(1_000, now + wait) <= most, "{most} at {now}: {wait}");
            assert!(
                wait == 0 || rate.read(1_000, now + wait - 1) > most,
                "{most} at {now}: {wait}"
            );
        }
    }

    #[test]
    fn who_comes_late_takes_nothing_away() {
        let mut rate = Rate::default();
        rate.count(5, 1_000, 7_000);
        rate.count(1, 1_000, 6_998);
        assert_eq!(
            (rate.began, rate.read(1_000, 6_999), rate.read(1_000, 7_001)),
            (7_000, 6, 6)
        );
    }

    #[test]
    fn a_clock_that_wraps_is_a_clock() {
        let mut rate = Rate::default();
        rate.count(1, 1_000, u32::MAX - 10);
        rate.count(1, 1_000, 20);
        assert_eq!(rate.read(1_000, 30), 2);
    }
}
