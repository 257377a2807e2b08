//! Waking up although the processor that was slept on stands still: a hypervisor has given it to somebody else, or a long
//! system call does not let go of it, so it rings no timer. One such moment is longer than three adverts of 10 ms.
//!
//! ```text
//!   processor 0   brain asleep until 12.0 ... (nobody is there) .........
//!   processor 1   rouser: 13.2, and still asleep? ──▶ "run here", and rings the brain's timer from here
//! ```
//!
//! Two threads, each bound to a processor of its own, so one of them is on time unless all stand still. They decide nothing and
//! send nothing: whoever is roused finds its packets and what is due, as always, and a call too many wakes it for nothing.

use std::io;
use std::sync::Arc;
use std::sync::Weak;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::{Pid, gettid};
use tandem_ops::clock::Clock;
use tandem_sys::timer::Timer;
use tandem_time::Mono;

use crate::urgency::Urgency;

/// All of them at once do not stand still often; more than two help little.
const ROUSERS: usize = 2;

/// So long at most until a rouser sees that things have changed.
const NAP: Duration = Duration::from_millis(500);

/// Of the calling thread.
const SELF: Pid = Pid::from_raw(0);

/// Awake, or asleep without an hour to wake up at.
const NEVER: u64 = u64::MAX;

/// The sleeper's side.
#[derive(Debug)]
pub(super) struct Rousers {
    bed: Arc<Bed>,
    /// Where the sleeper may run when nobody has moved it.
    home: CpuSet,
}

/// What both sides know.
#[derive(Debug)]
struct Bed {
    sleeper: Pid,
    timer: Arc<Timer>,
    /// When the sleeper is to wake up.
    due: AtomicU64,
    /// The least time between two adverts, in nanoseconds.
    interval: AtomicU64,
    moved: AtomicBool,
}

impl Rousers {
    /// Of the calling thread, which sleeps until this timer rings; `None` where it has one processor only.
    pub(super) fn start(clock: Clock, timer: Arc<Timer>, urgency: Urgency) -> io::Result<Option<Self>> {
        let home = sched_getaffinity(SELF)?;
        let may_run_on = |processor: &usize| home.is_set(*processor).unwrap_or(false);
        let processors: Vec<usize> = (0..CpuSet::count()).filter(may_run_on).take(ROUSERS).collect();
        if processors.len() < ROUSERS {
            return Ok(None);
        }
        let bed = Arc::new(Bed {
            sleeper: gettid(),
            timer,
            due: AtomicU64::new(NEVER),
            interval: AtomicU64::new(NEVER),
            moved: AtomicBool::new(false),
        });
        for processor in processors {
            let mut here = CpuSet::new();
            here.set(processor)?;
            let bed = Arc::downgrade(&bed);
            std::thread::Builder::new()
                .name(format!("rouser {processor}"))
                .stack_size(64 << 10)
                .spawn(move || watch(&bed, here, clock, urgency))?;
        }
        Ok(Some(Self { bed, home }))
    }

    pub(super) fn asleep_until(&self, due: Option<Mono>, interval: Duration) {
        let interval = u64::try_from(interval.as_nanos()).unwrap_or(NEVER);
        self.bed.interval.store(interval, Ordering::Relaxed);
        self.bed.due.store(due.map_or(NEVER, Mono::as_nanos), Ordering::Release);
    }

    /// Whether a rouser moved the sleeper, which is free again now.
    pub(super) fn awake(&self) -> bool {
        self.bed.due.store(NEVER, Ordering::Release);
        // It stays where it is until its scheduler has a reason.
        self.bed.moved.swap(false, Ordering::Acquire) && sched_setaffinity(SELF, &self.home).is_ok()
    }
}

impl Bed {
    /// How long to wait before it is worth looking again; `None`: the sleeper has overslept.
    fn patience(&self, now: Mono) -> Option<Duration> {
        let interval = Duration::from_nanos(self.interval.load(Ordering::Relaxed)).min(NAP);
        let due = Mono::from_nanos(self.due.load(Ordering::Acquire));
        let late = due + interval / 8;
        (now < late).then(|| late.since(now).min(interval))
    }

    fn rouse(&self, here: &CpuSet) {
        // Only one of the rousers, and nobody who woke meanwhile.
        let due = self.due.swap(NEVER, Ordering::AcqRel);
        if due == NEVER || sched_setaffinity(self.sleeper, here).is_err() {
            return;
        }
        self.moved.store(true, Ordering::Release);
        // It rings on the processor that arms it. The sleeper's own would still ring where it was armed.
        self.timer.arm(Duration::ZERO).ok();
    }
}

/// Until the sleeper has gone.
fn watch(bed: &Weak<Bed>, here: CpuSet, clock: Clock, urgency: Urgency) {
    // Without either of these it would be no better than who it watches.
    if sched_setaffinity(SELF, &here).is_err() || urgency.take().is_err() {
        return;
    }
    while let Some(bed) = bed.upgrade() {
        let Some(pause) = bed.patience(clock.now()) else {
            bed.rouse(&here);
            continue;
        };
        drop(bed);
        std::thread::sleep(pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn bed() -> Bed {
        Bed {
            sleeper: gettid(),
            timer: Arc::new(Timer::new().expect("timers exist")),
            due: AtomicU64::new(NEVER),
            interval: AtomicU64::new(8_000_000),
            moved: AtomicBool::new(false),
        }
    }

    #[test]
    fn it_looks_when_the_sleeper_is_late_and_now_and_then() {
        let (bed, start) = (bed(), Mono::from_millis(1000));
        assert_eq!(bed.patience(start), Some(8 * MS), "no hour: it may get one");
        bed.due.store((start + 3 * MS).as_nanos(), Ordering::Relaxed);
        assert_eq!(bed.patience(start), Some(4 * MS));
        assert_eq!(
            bed.patience(start + 3 * MS),
            Some(MS),
            "an eighth of an interval is not late"
        );
        assert_eq!(bed.patience(start + 4 * MS), None);
        bed.due.store((start + 36 * MS).as_nanos(), Ordering::Relaxed);
        assert_eq!(bed.patience(start), Some(8 * MS), "it may be shortened");
    }

    /// The timer would ring in an hour, as if its processor stood still.
    #[test]
    fn who_oversleeps_is_moved_and_woken_once() {
        let work = || {
            let (bed, home) = (Arc::new(bed()), sched_getaffinity(SELF).expect("of this thread"));
            bed.timer.arm(Duration::from_secs(3600)).expect("any duration");
            let rousers = Rousers { bed: bed.clone(), home };
            let mut here = CpuSet::new();
            let first = (0..CpuSet::count()).find(|cpu| home.is_set(*cpu) == Ok(true));
            here.set(first.expect("it runs somewhere")).expect("it exists");
            rousers.asleep_until(Some(Mono::ZERO), 8 * MS);
            bed.rouse(&here);
            assert_eq!(sched_getaffinity(SELF), Ok(here));
            while !bed.timer.clear().expect("it is open") {
                std::thread::yield_now();
            }
            assert!(rousers.awake());
            assert_eq!(sched_getaffinity(SELF), Ok(home));
            bed.rouse(&here);
            assert!(!rousers.awake(), "who is awake is left alone");
            assert_eq!(sched_getaffinity(SELF), Ok(home));
        };
        std::thread::spawn(work).join().expect("the other thread says why");
    }
}
