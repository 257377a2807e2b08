//! How much in the last second, and the most in any second: read off a counter that only grows.
//!
//! The counter is looked at a few times a second, and once more whenever somebody asks; nothing is added to the path
//! where it is counted.

use std::collections::VecDeque;
use std::time::Duration;
use tandem_time::Mono;

const WINDOW: Duration = Duration::from_secs(1);
/// Looks that are remembered; what is asked in between is answered and forgotten.
const LOOKS: usize = 8;

#[derive(Clone, Debug, Default)]
pub struct Meter {
    looks: VecDeque<(Mono, u64)>,
    max: u64,
    /// What the counter stood at before the first look.
    began_at: u64,
}

impl Meter {
    /// The counter begins with what an earlier process counted, and so does the most in a second.
    pub fn resume(&mut self, total: u64, max: u64) {
        self.began_at = total;
        self.max = self.max.max(max);
    }

    /// Looks at the counter. To be called a few times a second.
    pub fn look(&mut self, total: u64, now: Mono) {
        self.max = self.max.max(self.rate(total, now));
        self.looks.push_back((now, total));
        // One look that is older than the window stays: the window begins there.
        while self.looks.len() > LOOKS || self.looks.get(1).is_some_and(|(at, _)| now.since(*at) >= WINDOW) {
            self.looks.pop_front();
        }
    }

    /// How much came in the last second, when the counter stands at `total`.
    pub fn rate(&self, total: u64, now: Mono) -> u64 {
        let old = self.looks.iter().rev().find(|(at, _)| now.since(*at) >= WINDOW);
        match old {
            // A look of long ago says how much came since then: a second's share of that is the best guess.
            Some((at, then)) => {
                let passed = now.since(*at).max(WINDOW).as_nanos();
                let came = u128::from(total.saturating_sub(*then));
                u64::try_from(came * WINDOW.as_nanos() / passed).unwrap_or(u64::MAX)
            }
            // All that was ever counted came since the first look, or just before it.
            None => total.saturating_sub(self.began_at),
        }
    }

    /// The most in any second so far.
    pub fn max(&self, total: u64, now: Mono) -> u64 {
        self.max.max(self.rate(total, now))
    }

    /// The most is counted anew (`clear counters`).
    pub fn forget_max(&mut self) {
        self.max = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Mono {
        Mono::from_millis(ms)
    }

    #[test]
    fn a_burst_counts_for_a_second() {
        let mut m = Meter::default();
        assert_eq!(m.rate(3, at(10)), 3);
        for tick in 0..4 {
            m.look(0, at(tick * 250));
        }
        m.look(7, at(1000));
        assert_eq!(m.rate(7, at(1000)), 7);
        m.look(7, at(1250));
        m.look(7, at(1500));
        m.look(7, at(1750));
        assert_eq!(m.rate(7, at(1999)), 5, "between two looks a second's share is guessed");
        m.look(7, at(2000));
        assert_eq!((m.rate(7, at(2000)), m.max(7, at(2000))), (0, 7));
        m.forget_max();
        assert_eq!(m.max(7, at(2000)), 0);
    }

    #[test]
    fn a_steady_stream_reads_as_it_is() {
        let mut m = Meter::default();
        for tick in 0..100 {
            m.look(tick * 25, at(tick * 250));
        }
        assert_eq!(m.rate(99 * 25, at(99 * 250)), 100);
        assert_eq!(m.max(99 * 25, at(99 * 250)), 100);
    }

    #[test]
    fn what_came_before_the_first_look_counts_for_its_second() {
        let mut m = Meter::default();
        m.look(3, at(2));
        m.look(8, at(250));
        assert_eq!(m.rate(8, at(900)), 8);
        assert_eq!(m.rate(8, at(1002)), 5);
        assert_eq!(m.max(8, at(1002)), 8);
    }

    #[test]
    fn what_an_earlier_process_counted_is_no_burst() {
        let mut m = Meter::default();
        m.resume(1_000_000, 7);
        m.look(1_000_000, at(0));
        assert_eq!((m.rate(1_000_003, at(10)), m.max(1_000_003, at(10))), (3, 7));
        m.look(1_000_003, at(250));
        assert_eq!(m.rate(1_000_003, at(1_100)), 2);
    }

    #[test]
    fn a_long_sleep_is_no_burst() {
        let mut m = Meter::default();
        m.look(0, at(0));
        assert_eq!(m.rate(100, at(10_000)), 10);
        assert!(m.looks.len() <= LOOKS);
    }
}
