//! Slow start: a server that has come back gets its share in steps, so that it is not run over while its caches are cold.
//!
//! The steps and their sizes are HAProxy's (reference 2.1): time counts in whole seconds.

use std::time::Duration;
use tandem_time::Mono;

/// Weight 1 in the units of the balancing table.
const WHOLE: u64 = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ramp {
    began: Mono,
    length: Duration,
    /// What holds until the next step.
    pub(super) step: Step,
    due: Mono,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Sixteenths of the weight, from 1.
    pub(super) parts: u32,
    /// Of the connections that it may have.
    pub(super) percent: u32,
}

impl Ramp {
    /// `None` for a server that is used fully at once.
    pub(super) fn begin(length: Duration, now: Mono) -> Option<Ramp> {
        (!length.is_zero()).then(|| {
            let mut ramp = Ramp {
                began: now,
                length,
                step: Step { parts: 1, percent: 0 },
                due: now,
            };
            ramp.look(now);
            ramp
        })
    }

    pub(super) fn due(&self) -> Mono {
        self.due
    }

    /// Whether it has come to its end.
    pub(super) fn climb(&mut self, now: Mono) -> bool {
        if now.since(self.began) >= self.length {
            return true;
        }
        self.look(now);
        false
    }

    fn look(&mut self, now: Mono) {
        const SHORTEST: Duration = Duration::from_secs(1);
        let elapsed = now.since(self.began).as_secs();
        let length = self.length.as_secs().max(1);
        // At most the whole, since the time is not over.
        self.step = Step {
            parts: ((WHOLE * elapsed + length) / length).min(WHOLE) as u32,
            percent: (100 * elapsed / length).min(100) as u32,
        };
        self.due = (now + (self.length / 20).max(SHORTEST)).min(self.began + self.length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As HAProxy 2.6.12 showed it for weight 10 and six seconds: `throttle` 6, 18, 37, 56, 68, 87.
    #[test]
    fn six_seconds() {
        let at = |seconds| Mono::ZERO + Duration::from_secs(seconds);
        let mut ramp = Ramp::begin(Duration::from_secs(6), at(0)).expect("it takes time");
        let mut seen = vec![(ramp.step.parts, ramp.step.percent)];
        while !ramp.climb(ramp.due()) {
            seen.push((ramp.step.parts, ramp.step.percent));
        }
        assert_eq!(seen, [(1, 0), (3, 16), (6, 33), (9, 50), (11, 66), (14, 83)]);
        assert_eq!(ramp.due(), at(6));
        assert_eq!(Ramp::begin(Duration::ZERO, at(0)), None);
    }
}
