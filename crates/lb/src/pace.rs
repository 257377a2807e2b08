//! How many clients may come in a second: to the process and to each frontend.
//!
//! As with HAProxy, whoever comes too early waits in the kernel's backlog. Where nothing is limited, nothing is counted:
//! that would have all workers write to one place with every connection.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tandem_time::Mono;

use crate::tunable::Tunable;

/// The limits on those who come to one place.
#[derive(Debug, Default)]
pub(crate) struct Paces {
    /// Everybody who was accepted.
    pub(crate) connections: Pace,
    /// Those whom no rule refused at the door.
    pub(crate) sessions: Pace,
    /// Those who begin to speak TLS.
    pub(crate) tls: Pace,
}

/// A limit, and what counts against it.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// 0 is no limit.
    pub(crate) most: Tunable,
    window: Mutex<Window>,
}

/// This second's, and as much of the last one's as a sliding second still covers.
#[derive(Debug, Default)]
struct Window {
    second: u64,
    this: u32,
    last: u32,
}

impl Paces {
    /// How long to wait before it is worth while to look again; `None` when the next one may come.
    pub(crate) fn wait(&self, now: Mono, speaks_tls: bool) -> Option<Duration> {
        let secured = if speaks_tls { self.tls.wait(now) } else { None };
        self.connections.wait(now).max(self.sessions.wait(now)).max(secured)
    }
}

impl Pace {
    pub(crate) fn count(&self, now: Mono) {
        if self.most.now() != 0 {
            self.window(|window| window.at(now).this += 1);
        }
    }

    /// Counts one more, unless it is too early for that: two who ask at once do not both get the last place.
    pub(crate) fn take(&self, now: Mono) -> bool {
        let most = self.most.now();
        most == 0
            || self.window(|window| {
                let is_open = window.at(now).used(now) < most;
                window.this += u32::from(is_open);
                is_open
            })
    }

    /// Nobody has come to use what was taken at this moment.
    pub(crate) fn give_back(&self, taken: Mono) {
        if self.most.now() != 0 {
            self.window(|window| {
                if window.second == second(taken) {
                    window.this = window.this.saturating_sub(1);
                }
            });
        }
    }

    pub(crate) fn wait(&self, now: Mono) -> Option<Duration> {
        let most = self.most.now();
        let is_open = most == 0 || self.window(|window| window.at(now).used(now)) < most;
        (!is_open).then(|| (Duration::from_secs(1) / most).clamp(SHORTEST_WAIT, LONGEST_WAIT))
    }

    fn window<T>(&self, look: impl FnOnce(&mut Window) -> T) -> T {
        look(&mut self.window.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Window {
    /// Whose clock is behind another's counts in the other's second.
    fn at(&mut self, now: Mono) -> &mut Window {
        let passed = second(now).saturating_sub(self.second);
        if passed > 0 {
            let last = if passed == 1 { self.this } else { 0 };
            *self = Window {
                second: second(now),
                this: 0,
                last,
            };
        }
        self
    }

    /// Rounded up: half of one is one.
    fn used(&self, now: Mono) -> u32 {
        let left = 1000 - now.as_millis() % 1000;
        let last = (u64::from(self.last) * left).div_ceil(1000);
        self.this.saturating_add(u32::try_from(last).unwrap_or(u32::MAX))
    }
}

fn second(at: Mono) -> u64 {
    at.as_millis() / 1000
}

/// Below this, waking up would cost more than the wait is worth.
const SHORTEST_WAIT: Duration = Duration::from_millis(5);

/// Somebody may raise the limit meanwhile.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Mono {
        Mono::ZERO + Duration::from_millis(millis)
    }

    /// How many come when always somebody waits, by this moment and from `from` on.
    fn let_in(paces: &Paces, from: u64, to: u64) -> u32 {
        let mut came = 0;
        for millis in from..to {
            while paces.wait(at(millis), false).is_none() {
                came += u32::from(paces.connections.take(at(millis)));
            }
        }
        came
    }

    #[test]
    fn so_many_in_a_second_and_no_more() {
        let paces = Paces::default();
        paces.connections.most.set(10);
        assert_eq!(let_in(&paces, 1000, 1001), 10);
        assert_eq!(let_in(&paces, 1001, 2000), 0);
        // A slot opens with each tenth of a second that the burst lies back.
        let later = let_in(&paces, 2000, 5000);
        assert!((27..=33).contains(&later), "{later}");
    }

    #[test]
    fn nobody_waits_where_there_is_no_limit() {
        let paces = Paces::default();
        paces.sessions.count(at(1));
        assert_eq!(paces.wait(at(1), false), None);
        paces.sessions.most.set(1);
        assert_eq!(
            paces.wait(at(1), false),
            None,
            "what came before the limit does not count"
        );
        paces.sessions.count(at(1));
        assert_eq!(paces.wait(at(1), false), Some(LONGEST_WAIT));
        paces.sessions.most.set(0);
        assert_eq!(paces.wait(at(1), false), None);
    }

    #[test]
    fn no_more_than_so_many_however_many_ask_at_once() {
        for now in (0..50).map(|second| at(1000 * second)) {
            let paces = Paces::default();
            paces.tls.most.set(2);
            paces.tls.count(at(0));
            let ask = || {
                (0..100)
                    .filter(|_| paces.tls.take(now + Duration::from_secs(2)))
                    .count()
            };
            let taken: usize = std::thread::scope(|scope| {
                let asking: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
                asking.into_iter().map(|one| one.join().unwrap_or_default()).sum()
            });
            assert_eq!(taken, 2);
        }
    }

    #[test]
    fn the_turn_of_a_second_opens_nothing_at_once() {
        let pace = Pace::default();
        pace.most.set(2);
        assert!(pace.take(at(999)) && pace.take(at(999)) && !pace.take(at(1000)));
        assert!(!pace.take(at(1499)) && pace.take(at(1500)) && !pace.take(at(1999)));
    }

    #[test]
    fn what_nobody_uses_is_there_for_the_next() {
        let pace = Pace::default();
        pace.most.set(1);
        assert!(pace.take(at(1)) && !pace.take(at(2)));
        pace.give_back(at(1));
        assert!(pace.take(at(3)));
        assert!(!pace.take(at(1000)));
        pace.give_back(at(3));
        assert!(!pace.take(at(1001)), "that second is over");
    }

    #[test]
    fn whoever_speaks_tls_has_a_pace_of_his_own() {
        let paces = Paces::default();
        paces.tls.most.set(1);
        paces.tls.count(at(1));
        assert_eq!(paces.wait(at(1), false), None);
        assert!(paces.wait(at(1), true).is_some());
    }
}
