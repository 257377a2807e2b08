//! Whether this thread is on time: how late it woke, which is the host's doing, and how long a step took, which is ours and
//! the kernel's. Without it, a router that was silent for a moment cannot say why.

use std::time::Duration;

use tandem_time::Mono;

/// Those who read along need to be told only so often.
const QUIET: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pace {
    /// The longest step.
    pub(crate) longest: Duration,
    /// The most that a timer was late.
    pub(crate) latest: Duration,
    /// How often its processor stood still and it was woken on another.
    pub(crate) roused: u64,
    said: Option<Mono>,
}

/// Why adverts came late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lateness {
    Woke(Duration),
    Worked(Duration, &'static str),
}

impl Pace {
    /// Awake at `now`, though the timer was to ring at `due`.
    pub(super) fn woke(&mut self, due: Option<Mono>, now: Mono, patience: Duration) -> Option<Lateness> {
        let late = due.map_or(Duration::ZERO, |due| now.since(due));
        self.latest = self.latest.max(late);
        (late > patience && self.may_say(now)).then_some(Lateness::Woke(late))
    }

    /// All that followed from waking at `since` is done.
    pub(super) fn worked(
        &mut self,
        what: &'static str,
        since: Mono,
        now: Mono,
        patience: Duration,
    ) -> Option<Lateness> {
        let took = now.since(since);
        self.longest = self.longest.max(took);
        (took > patience && self.may_say(now)).then_some(Lateness::Worked(took, what))
    }

    pub(super) fn clear(&mut self) {
        let said = self.said;
        *self = Self {
            said,
            ..Self::default()
        };
    }

    fn may_say(&mut self, now: Mono) -> bool {
        let quiet = self.said.is_some_and(|said| now.since(said) < QUIET);
        if !quiet {
            self.said = Some(now);
        }
        !quiet
    }
}

impl std::fmt::Display for Lateness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let millis = |d: &Duration| d.as_secs_f64() * 1000.0;
        match self {
            Self::Woke(late) => write!(
                f,
                "A thread timer expired {:.6} seconds ago: the host let the router sleep too long, so adverts were late; it is \
                 too busy, or the router lacks real-time priority",
                late.as_secs_f64()
            ),
            Self::Worked(took, what) => write!(
                f,
                "{what} kept the router busy for {:.1} ms, longer than an advert may wait",
                millis(took)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_millis(10);

    fn at(millis: u64) -> Mono {
        Mono::from_millis(millis)
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_worst_stays_until_it_is_cleared() {
        let mut pace = Pace::default();
        assert_eq!(pace.woke(None, at(5), PATIENCE), None);
        assert_eq!(
            pace.woke(Some(at(9)), at(5), PATIENCE),
            None,
            "something else woke it first"
        );
        assert_eq!(pace.woke(Some(at(10)), at(17), PATIENCE), None);
        assert_eq!(pace.worked("an order", at(17), at(20), PATIENCE), None);
        assert_eq!(pace.woke(Some(at(30)), at(31), PATIENCE), None);
        assert_eq!((pace.latest, pace.longest), (ms(7), ms(3)));
        pace.clear();
        assert_eq!(pace, Pace::default());
    }

    #[test]
    fn what_is_too_late_is_said_now_and_then() {
        let mut pace = Pace::default();
        assert_eq!(pace.woke(Some(at(0)), at(20), PATIENCE), Some(Lateness::Woke(ms(20))));
        assert_eq!(pace.worked("a packet", at(20), at(50), PATIENCE), None, "just said");
        let woke = Lateness::Woke(ms(20)).to_string();
        assert!(
            woke.starts_with("A thread timer expired 0.020000 seconds ago"),
            "{woke}"
        );
        pace.clear();
        let later = at(20) + QUIET;
        let said = pace
            .worked("a packet", later, later + ms(11), PATIENCE)
            .map(|l| l.to_string());
        assert_eq!(
            said.as_deref(),
            Some("a packet kept the router busy for 11.0 ms, longer than an advert may wait")
        );
        assert_eq!(pace.longest, ms(11));
    }
}
