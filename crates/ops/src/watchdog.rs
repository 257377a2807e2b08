//! Signs of life for the service manager (`WatchdogSec=`), as often as it asked for them.
//!
//! A timer that rings proves only that timers ring: whoever is called asks the threads that matter first, and says nothing
//! when one of them does not answer. Then the manager ends the process and starts another.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::notify::watchdog_interval;

/// Rings when a sign of life is due; never where nobody waits for one.
#[derive(Debug)]
pub struct Watchdog {
    bell: Option<Interval>,
}

impl Watchdog {
    /// As the service manager said when it started this process. To be called within a runtime.
    pub fn from_environment() -> Watchdog {
        Watchdog::every(watchdog_interval())
    }

    fn every(pause: Option<Duration>) -> Watchdog {
        let bell = pause.map(|pause| {
            let mut bell = interval(pause);
            // Who was late has nothing to catch up on.
            bell.set_missed_tick_behavior(MissedTickBehavior::Delay);
            bell
        });
        Watchdog { bell }
    }

    /// Waits for the next time. Whoever stops waiting misses none.
    pub async fn due(&mut self) {
        match &mut self.bell {
            Some(bell) => drop(bell.tick().await),
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_rings_when_asked_for_and_never_otherwise() {
        const A_MOMENT: Duration = Duration::from_millis(5);
        let mut asked = Watchdog::every(Some(A_MOMENT));
        for _ in 0..3 {
            asked.due().await;
        }
        let mut nobody = Watchdog::every(None);
        assert!(tokio::time::timeout(4 * A_MOMENT, nobody.due()).await.is_err());
    }
}
