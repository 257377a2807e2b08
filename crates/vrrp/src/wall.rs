//! Noticing that somebody set the wall clock.

use std::time::{Duration, Instant, SystemTime};

/// Slewing moves a clock by half a millisecond a second at most; this is not slewing.
const A_STEP: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(crate) struct WallWatch {
    at: Instant,
    wall: SystemTime,
}

impl Default for WallWatch {
    fn default() -> WallWatch {
        WallWatch {
            at: Instant::now(),
            wall: SystemTime::now(),
        }
    }
}

impl WallWatch {
    /// Since the last call.
    pub(crate) fn was_stepped(&mut self) -> bool {
        let now = WallWatch::default();
        let before = std::mem::replace(self, now);
        let expected = before.wall + self.at.duration_since(before.at);
        distance(self.wall, expected) > A_STEP
    }
}

fn distance(one: SystemTime, other: SystemTime) -> Duration {
    one.duration_since(other).unwrap_or_else(|earlier| earlier.duration())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_noticed_once() {
        let mut wall = WallWatch::default();
        assert!(!wall.was_stepped());
        wall.wall -= Duration::from_secs(3600);
        assert!(wall.was_stepped());
        assert!(!wall.was_stepped());
        wall.wall += Duration::from_millis(500);
        assert!(wall.was_stepped());
    }
}
