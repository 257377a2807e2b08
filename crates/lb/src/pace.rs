//! How many clients may come in a second: to the process and to each frontend.
//!
//! As with HAProxy, whoever comes too early waits in the kernel's backlog. Where nothing is limited, nothing is counted:
//! that would have all workers write to one place with every connection.

use std::time::Duration;

use tandem_time::Mono;

use crate::counters::Rate;
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
    rate: Rate,
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
            self.rate.one(now);
        }
    }

    fn wait(&self, now: Mono) -> Option<Duration> {
        let most = self.most.now();
        let is_open = most == 0 || self.rate.now(now) < most;
        (!is_open).then(|| (Duration::from_secs(1) / most).clamp(SHORTEST_WAIT, LONGEST_WAIT))
    }
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
                paces.connections.count(at(millis));
                came += 1;
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
        assert!((28..=33).contains(&later), "{later}");
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
    fn whoever_speaks_tls_has_a_pace_of_his_own() {
        let paces = Paces::default();
        paces.tls.most.set(1);
        paces.tls.count(at(1));
        assert_eq!(paces.wait(at(1), false), None);
        assert!(paces.wait(at(1), true).is_some());
    }
}
