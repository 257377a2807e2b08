//! Ending what is left at a pace: who hurries everybody out at once makes every client come back at once.

use std::time::Duration;

use tandem_time::Mono;

/// A time over which connections are closed, evenly.
///
/// What counts is how many may be left at a moment; connections that end by themselves need not be closed. So nobody is
/// closed who would have gone in time, and there are never more closed in a second than an even share of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    began: Mono,
    over: Duration,
    /// How many there were.
    total: usize,
}

impl Pace {
    pub fn new(began: Mono, over: Duration, total: usize) -> Pace {
        Pace { began, over, total }
    }

    pub fn total(&self) -> usize {
        self.total
    }

    /// When nobody may be left.
    pub fn ends(&self) -> Mono {
        self.began + self.over
    }

    /// How many of those that are left have to go now.
    pub fn excess(&self, left: usize, now: Mono) -> usize {
        left.saturating_sub(self.allowed(now))
    }

    /// When the next one has to go, if nobody leaves before; `None` when nobody is left.
    pub fn next(&self, left: usize) -> Option<Mono> {
        let fewer = left.checked_sub(1)?;
        // The first moment at which no more than `fewer` are allowed.
        let gone = self.total.saturating_sub(fewer) as u128;
        let nanos = self
            .over
            .as_nanos()
            .saturating_mul(gone)
            .div_ceil(self.total.max(1) as u128);
        Some(self.began + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }

    fn allowed(&self, now: Mono) -> usize {
        let over = self.over.as_nanos();
        let elapsed = now.since(self.began).as_nanos();
        if elapsed >= over {
            return 0;
        }
        let gone = (self.total as u128).saturating_mul(elapsed) / over;
        self.total - usize::try_from(gone).unwrap_or(self.total).min(self.total)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(ms: u64) -> Mono {
        Mono::from_millis(ms)
    }

    #[test]
    fn an_even_share_in_each_moment() {
        let pace = Pace::new(at(1000), Duration::from_secs(10), 100);
        let table = [
            (1000, 100, 0),
            (1099, 100, 0),
            (1100, 100, 1),
            (2000, 100, 10),
            (6000, 60, 10),
        ];
        for (now, left, excess) in table {
            assert_eq!(pace.excess(left, at(now)), excess, "at {now} with {left}");
        }
        // Who has left by himself is not followed by another.
        assert_eq!(pace.excess(40, at(6000)), 0);
        assert_eq!(pace.excess(3, at(11_000)), 3);
        assert_eq!(pace.excess(3, at(99_000)), 3);
        assert_eq!((pace.ends(), pace.total()), (at(11_000), 100));
    }

    #[test]
    fn the_next_one_is_known() {
        let pace = Pace::new(at(0), Duration::from_secs(10), 100);
        assert_eq!(pace.next(100), Some(at(100)));
        assert_eq!(pace.next(50), Some(at(5100)));
        assert_eq!(pace.next(1), Some(at(10_000)));
        assert_eq!(pace.next(0), None);
        // More than there were may be left, when somebody was still on the way in.
        assert_eq!(pace.next(150), Some(at(0)));
        assert_eq!(pace.excess(150, at(0)), 50);
    }

    #[test]
    fn no_time_is_at_once() {
        let pace = Pace::new(at(5), Duration::ZERO, 7);
        assert_eq!((pace.excess(7, at(5)), pace.next(7)), (7, Some(at(5))));
        assert_eq!(Pace::new(at(5), Duration::ZERO, 0).excess(0, at(5)), 0);
    }

    proptest! {
        #[test]
        fn whoever_wakes_when_told_closes_one_and_is_never_late(total in 1usize..5000, over in 0u64..1_000_000) {
            let pace = Pace::new(at(7), Duration::from_millis(over), total);
            let mut left = total;
            let mut rounds = 0;
            while let Some(next) = pace.next(left) {
                prop_assert!(next <= pace.ends());
                let excess = pace.excess(left, next);
                prop_assert!(excess >= 1 && excess <= left);
                left -= excess;
                rounds += 1;
            }
            prop_assert!(rounds <= total);
        }
    }
}
