//! How long sessions wait, connect and last: averages over the last 1024, without remembering them.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tandem_lb_core::conn::Summary;
use tandem_lb_core::snapshot::Counters;
use tandem_lb_core::stats::{Field, figures};

/// So many sessions weigh in an average (reference 3.6).
const SAMPLES: u64 = 1024;

/// Of the sessions that reached a server.
#[derive(Debug, Default)]
pub(crate) struct Times {
    queue: Time,
    connect: Time,
    total: Time,
}

#[derive(Debug, Default)]
struct Time {
    count: AtomicU64,
    /// The average times the samples that it stands for.
    sum: AtomicU64,
    max: AtomicU64,
}

impl Times {
    pub(crate) fn ended(&self, session: &Summary) {
        let (Some(wait), Some(connect)) = (session.wait, session.connect) else {
            return;
        };
        self.queue.took(wait);
        self.connect.took(connect);
        self.total.took(session.total);
    }

    /// The longest of an earlier process count, and its averages, of as many sessions as it has connected.
    pub(crate) fn resume(&self, before: &Counters) {
        let samples = before.count(Field::Connect).min(SAMPLES);
        for (time, average, max) in [
            (&self.queue, Field::Qtime, Field::QtimeMax),
            (&self.connect, Field::Ctime, Field::CtimeMax),
            (&self.total, Field::Ttime, Field::TtimeMax),
        ] {
            time.max.fetch_max(before.count(max), Relaxed);
            time.count.fetch_add(samples, Relaxed);
            time.sum
                .fetch_add(before.count(average).saturating_mul(samples), Relaxed);
        }
    }

    pub(super) fn forget_maxima(&self) {
        for time in [&self.queue, &self.connect, &self.total] {
            time.max.store(0, Relaxed);
        }
    }

    pub(crate) fn clear(&self) {
        for time in [&self.queue, &self.connect, &self.total] {
            for number in [&time.count, &time.sum, &time.max] {
                number.store(0, Relaxed);
            }
        }
    }

    pub(super) fn queue(&self) -> figures::Time {
        self.queue.figures()
    }

    pub(super) fn connect(&self) -> figures::Time {
        self.connect.figures()
    }

    pub(super) fn total(&self) -> figures::Time {
        self.total.figures()
    }
}

impl Time {
    fn took(&self, time: Duration) {
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let before = self.count.fetch_add(1, Relaxed);
        self.max.fetch_max(ms, Relaxed);
        // The oldest of a full window leaves as the average that it has long become. Two workers that end sessions at the
        // same moment may both find the window not full yet; an average bears that.
        let slide = |sum: u64| {
            let leaves = if before < SAMPLES { 0 } else { sum / SAMPLES };
            Some((sum - leaves).saturating_add(ms))
        };
        // The closure never declines.
        let _slid = self.sum.fetch_update(Relaxed, Relaxed, slide);
    }

    fn figures(&self) -> figures::Time {
        let samples = self.count.load(Relaxed).clamp(1, SAMPLES);
        let clipped = |ms: u64| u32::try_from(ms).unwrap_or(u32::MAX);
        figures::Time {
            average: clipped(self.sum.load(Relaxed) / samples),
            max: clipped(self.max.load(Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(times: impl IntoIterator<Item = u64>) -> (u32, u32) {
        let time = Time::default();
        times.into_iter().for_each(|ms| time.took(Duration::from_millis(ms)));
        let figures = time.figures();
        (figures.average, figures.max)
    }

    #[test]
    fn the_average_of_few_is_exact() {
        assert_eq!(after([]), (0, 0));
        assert_eq!(after([10]), (10, 10));
        assert_eq!(after([10, 20, 60]), (30, 60));
    }

    #[test]
    fn another_process_goes_on_from_the_average() {
        let mut before = Counters::default();
        for (field, count) in [(Field::Connect, 3), (Field::Ttime, 40), (Field::TtimeMax, 90)] {
            before.set(field, count);
        }
        let times = Times::default();
        times.resume(&before);
        assert_eq!((times.total().average, times.total().max), (40, 90));
        times.total.took(Duration::from_millis(80));
        assert_eq!(times.total().average, 50);
    }

    #[test]
    fn old_sessions_fade() {
        let slow_then_fast = std::iter::repeat_n(1000, 1024).chain(std::iter::repeat_n(10, 10_240));
        let (average, max) = after(slow_then_fast);
        assert!((10..=12).contains(&average), "{average}");
        assert_eq!(max, 1000);
    }
}
