//! What the down timer stands for, and so how long it lasts and what a change of priority or settings makes of it.

use std::time::Duration;

use tandem_time::Mono;

use super::{Instance, Timer};
use crate::outbox::Cx;
use crate::settings::Priority;

/// What the kernel, and a master that woke with us, need to be heard.
const A_MOMENT: Duration = Duration::from_millis(20);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Awaited {
    /// A word of a master, which may be silent for so long.
    #[default]
    Master,
    /// The same at the start of one that is to be the master.
    FirstMaster,
    /// The same of one that was master before a crash, and will be again.
    Rival,
    /// The master has said goodbye, and better ones go first.
    BetterOnes,
    /// A master that speaks after a sleep of ours.
    MasterThatSlept,
    /// Answers of the witnesses, since they were asked first; then they are asked again.
    Witnesses(Mono),
    /// Their answers were too few, and they are asked again after a while.
    BetterTimes,
}

impl Instance {
    /// Waits for it, from now.
    pub(super) fn await_from_now(&mut self, what: Awaited, cx: &Cx<'_>) {
        self.awaited = what;
        self.timers.arm(Timer::MasterDown, cx.now + self.patience());
    }

    /// Waits for it, but not longer than until the timer ends that runs.
    pub(super) fn await_at_most(&mut self, what: Awaited, cx: &Cx<'_>) {
        let due = self.timers.due(Timer::MasterDown);
        self.await_from_now(what, cx);
        if let Some(earlier) = due.filter(|due| *due < cx.now + self.patience()) {
            self.timers.arm(Timer::MasterDown, earlier);
        }
    }

    /// How long what is awaited now is waited for from its beginning.
    pub(super) fn patience(&self) -> Duration {
        let interval = self.interval();
        match self.awaited {
            Awaited::Master => self.down_interval(),
            Awaited::FirstMaster => interval + crate::timing::skew(self.version(), Priority::OWNER, interval),
            // A rival that took over meanwhile speaks in that time.
            Awaited::Rival => interval + interval / 8,
            Awaited::BetterOnes => self.skew(),
            Awaited::MasterThatSlept => A_MOMENT.min(self.master_interval),
            Awaited::Witnesses(_) | Awaited::BetterTimes => interval,
        }
    }

    /// It is a silence that is waited for, and not what comes after one.
    pub(super) const fn awaits_master(&self) -> bool {
        matches!(self.awaited, Awaited::Master | Awaited::FirstMaster | Awaited::Rival)
    }

    /// A change of priority moves the running timer by the difference of the skews; it does not start it again.
    pub(super) fn shift_down_timer(&mut self, before: Duration, cx: &Cx<'_>) {
        if let Some(due) = self.timers.due(Timer::MasterDown) {
            let began_and_waits = (due + self.patience()).since(Mono::ZERO + before);
            self.timers
                .arm(Timer::MasterDown, (Mono::ZERO + began_and_waits).max(cx.now));
        }
    }

    /// Who waits for a master waits as long as is configured now: never longer than all of it, or longer by what was added.
    /// Whatever else is awaited is at most awaited for less.
    pub(super) fn wait_otherwise(&mut self, before: Duration, cx: &Cx<'_>) {
        let patience = self.patience();
        let Some(due) = self.timers.due(Timer::MasterDown) else {
            return;
        };
        let due = match patience.checked_sub(before) {
            Some(added) if self.awaits_master() => due + added,
            Some(_) => due,
            None => due.min(cx.now + patience),
        };
        self.timers.arm(Timer::MasterDown, due);
    }
}
