//! How urgent the threads are whose lateness would look like a failure: the router's own, its errands, BFD.

use std::io;
use std::time::Duration;

use tandem_sys::realtime;
use tandem_vrrp_config::Plan;

/// Above everything that is ordinary, below what keeps the machine itself alive.
const USUAL_PRIORITY: u8 = 50;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Urgency {
    /// SCHED_RR
    realtime: u8,
    /// What counts where that is not permitted.
    nice: Option<i8>,
    rise: Option<Rise>,
}

/// `max_auto_priority`: one more each time a timer was that late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rise {
    to: u8,
    after: Duration,
}

impl Urgency {
    pub(crate) fn of(plan: &Plan) -> Urgency {
        let settings = &plan.global.scheduling;
        let to = u8::try_from(settings.auto.max).ok().filter(|to| *to > 0);
        Urgency {
            realtime: settings.rt_priority.unwrap_or(USUAL_PRIORITY),
            nice: settings.priority,
            rise: to.map(|to| Rise {
                to,
                after: settings.auto.delay,
            }),
        }
    }

    /// Of the calling thread. That real time may be refused is for the caller to say.
    pub(crate) fn take(self) -> io::Result<()> {
        let nice = self.nice.map_or(Ok(()), realtime::nice_this_thread);
        realtime::prioritise_this_thread(self.realtime).and(nice)
    }

    /// A timer was late: the calling thread is more urgent from now on, if it may be. Returns how urgent.
    pub(crate) fn was_late(&mut self, late: Duration) -> Option<u8> {
        let rise = self.rise.filter(|rise| late >= rise.after && self.realtime < rise.to)?;
        self.realtime = (self.realtime + 1).min(rise.to);
        self.take().ok()?;
        Some(self.realtime)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rises_as_far_as_it_may() {
        let mut urgency = Urgency {
            realtime: 50,
            nice: None,
            rise: Some(Rise {
                to: 51,
                after: Duration::from_millis(100),
            }),
        };
        urgency.was_late(Duration::from_millis(99));
        assert_eq!(urgency.realtime, 50);
        urgency.was_late(Duration::from_millis(100));
        assert_eq!(urgency.realtime, 51);
        assert_eq!(urgency.was_late(Duration::from_secs(1)), None, "that is the most");
        urgency.rise = None;
        assert_eq!(urgency.was_late(Duration::from_secs(1)), None);
    }
}
