//! Ending the connections that are left, over a time and not all at once.
//!
//! Broker sessions last for days, so whoever waits for the last one waits for days, and whoever closes all of them has
//! every client come back in the same second. In between: so many a second, the idlest or the oldest first.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tandem_lb_config::Global;
use tandem_lb_core::drain::Pace;
use tandem_ops::clock::Clock;
use tandem_ops::notify::{Notifier, State};
use tandem_time::Mono;
use tokio::sync::Notify;

use crate::live::{Connection, Live};

/// How often it is said how far it is; nobody is looked for more often than [`STEP`].
const SAY_EVERY: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_millis(100);

/// A line in the log, after so many times.
const SAYINGS_A_LINE: u32 = 30;

/// Who goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum First {
    /// Who was silent for longest loses least.
    #[default]
    Idlest,
    Oldest,
}

/// How connections are to be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) over: Duration,
    pub(crate) first: First,
}

/// What operators want of the drain, and what they are told of it.
pub(crate) struct Drain {
    live: Arc<Live>,
    clock: Clock,
    notifier: Rc<Notifier>,
    /// An operator wants one, or another than the one that runs.
    pub(crate) asked: Notify,
    /// What an operator wants, and otherwise what is configured (`close-spread-time`).
    plan: Cell<Option<Plan>>,
    usual: Cell<Option<Plan>>,
    /// `hard-stop-after`
    patience: Cell<Option<Duration>>,
    pace: Cell<Option<Pace>>,
    closed: Cell<usize>,
    /// Whoever is left then is ended at once.
    limit: Cell<Option<Mono>>,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    left: usize,
    total: usize,
    closed: usize,
    /// Until nobody is left.
    to_go: Duration,
}

impl Drain {
    pub(crate) fn new(live: Arc<Live>, clock: Clock, notifier: Rc<Notifier>) -> Drain {
        Drain {
            live,
            clock,
            notifier,
            asked: Notify::new(),
            plan: Cell::default(),
            usual: Cell::default(),
            patience: Cell::default(),
            pace: Cell::default(),
            closed: Cell::default(),
            limit: Cell::default(),
        }
    }

    /// What is usual from now on. While it runs nothing is configured.
    pub(crate) fn configure(&self, global: &Global) {
        self.patience.set(global.hard_stop_after);
        self.usual.set(global.close_spread_time.map(|over| Plan {
            over,
            first: First::default(),
        }));
    }

    /// From now on it counts how long anybody may be left, which is said: whatever the plan is, the pace ends by then.
    pub(crate) fn limit(&self) -> Option<Duration> {
        let after = self.patience.get();
        self.limit.set(after.map(|after| self.clock.now() + after));
        after
    }

    /// Begins, or goes on in another way. Without a plan it waits as long as it takes, or for the configured time.
    pub(crate) fn ask(&self, plan: Option<Plan>) {
        if plan.is_some() {
            self.plan.set(plan);
            self.pace.set(None);
        }
        self.asked.notify_one();
    }

    /// `None` while nobody is hurried.
    pub(crate) fn progress(&self) -> Option<Progress> {
        let pace = self.pace.get()?;
        Some(Progress {
            left: self.live.count(),
            total: pace.total(),
            closed: self.closed.get(),
            to_go: pace.ends().since(self.clock.now()),
        })
    }

    /// Ends one connection after the other while it is polled; never done. Without a plan it does nothing.
    pub(crate) async fn run(&self) {
        let Some(plan) = self.plan.get().or(self.usual.get()) else {
            return std::future::pending().await;
        };
        let now = self.clock.now();
        let over = self
            .limit
            .get()
            .map_or(plan.over, |limit| plan.over.min(limit.since(now)));
        let pace = Pace::new(now, over, self.live.count());
        self.pace.set(Some(pace));
        let why = if over < plan.over {
            ", as hard-stop-after has it"
        } else {
            ""
        };
        tracing::info!("{} connections are closed over {over:?}{why}", pace.total());
        tokio::join!(self.close(plan.first, pace), self.say());
    }

    async fn close(&self, first: First, pace: Pace) {
        loop {
            let excess = pace.excess(self.live.count(), self.clock.now());
            self.end(first, excess);
            let soonest = self.clock.now() + STEP;
            let next = pace.next(self.live.count()).map_or(soonest, |next| next.max(soonest));
            tokio::time::sleep_until(self.clock.instant(next).into()).await;
        }
    }

    fn end(&self, first: First, count: usize) {
        if count == 0 {
            return;
        }
        let key = |connection: &Connection| match first {
            First::Idlest => connection.moved(),
            First::Oldest => connection.began,
        };
        let mut all: Vec<(Mono, u64, Arc<Connection>)> = self
            .live
            .all()
            .into_iter()
            .filter(|(_, connection)| !connection.is_ending())
            .map(|(number, connection)| (key(&connection), number, connection))
            .collect();
        // Those that were told and are still on their way out are among the excess.
        let leaving = self.live.count().saturating_sub(all.len());
        let count = count.saturating_sub(leaving).min(all.len());
        all.sort_by_key(|(when, number, _)| (*when, *number));
        all.iter().take(count).for_each(|(_, _, connection)| connection.end());
        self.closed.set(self.closed.get() + count);
    }

    async fn say(&self) {
        for sayings in 0u32.. {
            if let Some(progress) = self.progress() {
                let text = progress.to_string();
                self.notifier.send(&[State::Status(&text)]).ok();
                if sayings % SAYINGS_A_LINE == 0 {
                    tracing::info!("{text}");
                }
            }
            tokio::time::sleep(SAY_EVERY).await;
        }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Progress {
            left,
            total,
            closed,
            to_go,
        } = self;
        let to_go = to_go.as_secs();
        let (hours, minutes, seconds) = (to_go / 3600, to_go / 60 % 60, to_go % 60);
        write!(
            f,
            "Draining: {left} of {total} connections left, {closed} closed, {hours}:{minutes:02}:{seconds:02} to go."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_in_words() {
        let progress = Progress {
            left: 12,
            total: 400,
            closed: 300,
            to_go: Duration::from_millis(3_723_900),
        };
        let expected = "Draining: 12 of 400 connections left, 300 closed, 1:02:03 to go.";
        assert_eq!(progress.to_string(), expected);
    }
}
