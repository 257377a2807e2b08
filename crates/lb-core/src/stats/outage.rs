//! When a backend had no server left: how often, and for how long.

use std::time::Duration;
use tandem_time::Mono;

#[derive(Clone, Copy, Debug, Default)]
pub struct Outage {
    since: Option<Mono>,
    count: u64,
    ended: Duration,
}

impl Outage {
    /// After so many in earlier processes; one that goes on is among them.
    pub fn resumed(count: u64, total: Duration, is_out: bool, now: Mono) -> Outage {
        Outage {
            since: is_out.then_some(now),
            count,
            ended: total,
        }
    }

    /// Told whenever it may have changed.
    pub fn note(&mut self, is_out: bool, now: Mono) {
        match (self.since, is_out) {
            (None, true) => {
                self.since = Some(now);
                self.count += 1;
            }
            (Some(since), false) => {
                self.ended += now.since(since);
                self.since = None;
            }
            _ => {}
        }
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// All of it, one that goes on included.
    pub fn total(&self, now: Mono) -> Duration {
        self.ended + self.since.map_or(Duration::ZERO, |since| now.since(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_words_change_nothing() {
        let at = Mono::from_millis;
        let mut o = Outage::default();
        for (is_out, now) in [(false, 0), (true, 10), (true, 20), (false, 30), (false, 40), (true, 50)] {
            o.note(is_out, at(now));
        }
        assert_eq!(o.count(), 2);
        assert_eq!(o.total(at(55)), Duration::from_millis(25));
    }
}
