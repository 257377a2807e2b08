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
//! It is never moved to where it may not run, and may run where it might before as soon as it is awake.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
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
    /// Where a sleeper that was moved might run before: somebody may have changed that since the start.
    home: Mutex<Option<CpuSet>>,
}

impl Rousers {
    /// Of the calling thread, which sleeps until this timer rings; `None` where it has one processor only.
    pub(super) fn start(clock: Clock, timer: Arc<Timer>, urgency: Urgency) -> io::Result<Option<Self>> {
        let home = sched_getaffinity(SELF)?;
        let may_run_on = |processor: &usize| home.is_set(*processor) == Ok(true);
        let processors: Vec<usize> = (0..CpuSet::count()).filter(may_run_on).take(ROUSERS).collect();
        if processors.len() < ROUSERS {
            return Ok(None);
        }
        let bed = Arc::new(Bed {
            sleeper: gettid(),
            timer,
            due: AtomicU64::new(NEVER),
            interval: AtomicU64::new(NEVER),
            home: Mutex::new(None),
        });
        for processor in processors {
            let bed = Arc::downgrade(&bed);
            std::thread::Builder::new()
                .name(format!("rouser {processor}"))
                .stack_size(64 << 10)
                .spawn(move || watch(&bed, processor, clock, urgency))?;
        }
        Ok(Some(Self { bed }))
    }

    pub(super) fn asleep_until(&self, due: Option<Mono>, interval: Duration) {
        let interval = u64::try_from(interval.as_nanos()).unwrap_or(NEVER);
        self.bed.interval.store(interval, Ordering::Relaxed);
        self.bed.due.store(due.map_or(NEVER, Mono::as_nanos), Ordering::Release);
    }

    /// Whether a rouser moved the sleeper, which is free again now.
    pub(super) fn awake(&self) -> bool {
        self.bed.due.store(NEVER, Ordering::Release);
        // Waits for no rouser, whose own processor may stand still now: there is a next time.
        let home = self.bed.home.try_lock().ok().and_then(|mut home| home.take());
        // It stays where it is until its scheduler has a reason.
        home.is_some_and(|home| sched_setaffinity(SELF, &home).is_ok())
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

    fn rouse(&self, here: usize) {
        // Only one of the rousers, and nobody who woke meanwhile.
        if self.due.swap(NEVER, Ordering::AcqRel) == NEVER {
            return;
        }
        // This processor may be gone, or not be the sleeper's any more; ringing helps all the same.
        self.fetch(here).ok();
        // It rings on the processor that arms it. The sleeper's own would still ring where it was armed.
        self.timer.arm(Duration::ZERO).ok();
    }

    /// Has the sleeper wake here, if it might anyway.
    fn fetch(&self, here: usize) -> nix::Result<()> {
        // Held until it is moved: a sleeper that wakes meanwhile is let go the next time.
        let mut home = self.home.lock().unwrap_or_else(PoisonError::into_inner);
        if home.is_some() {
            return Ok(());
        }
        let may = sched_getaffinity(self.sleeper)?;
        if may.is_set(here)? {
            sched_setaffinity(self.sleeper, &only(here)?)?;
            *home = Some(may);
        }
        Ok(())
    }
}

fn only(processor: usize) -> nix::Result<CpuSet> {
    let mut set = CpuSet::new();
    set.set(processor)?;
    Ok(set)
}

/// Until the sleeper has gone.
fn watch(bed: &Weak<Bed>, here: usize, clock: Clock, urgency: Urgency) {
    // Without either of these it would be no better than who it watches.
    let bound = only(here).and_then(|here| sched_setaffinity(SELF, &here));
    if bound.is_err() || urgency.take().is_err() {
        return;
    }
    while let Some(bed) = bed.upgrade() {
        let Some(pause) = bed.patience(clock.now()) else {
            bed.rouse(here);
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
            home: Mutex::new(None),
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

    /// A thread whose timer would ring in an hour, as if its processor stood still, and where it may run.
    fn asleep(work: impl FnOnce(Rousers, CpuSet) + Send + 'static) {
        let sleeper = move || {
            let bed = Arc::new(bed());
            bed.timer.arm(Duration::from_secs(3600)).expect("any duration");
            let rousers = Rousers { bed };
            rousers.asleep_until(Some(Mono::ZERO), 8 * MS);
            work(rousers, sched_getaffinity(SELF).expect("of this thread"));
        };
        let thread = std::thread::spawn(sleeper);
        thread.join().expect("the other thread says why");
    }

    fn wait_for_the_ring(bed: &Bed) {
        while !bed.timer.clear().expect("it is open") {
            std::thread::yield_now();
        }
    }

    fn some_of(set: &CpuSet) -> usize {
        let mut processors = (0..CpuSet::count()).filter(|cpu| set.is_set(*cpu) == Ok(true));
        processors.next().expect("it runs somewhere")
    }

    #[test]
    fn who_oversleeps_is_moved_and_woken_once() {
        asleep(|rousers, home| {
            let here = some_of(&home);
            rousers.bed.rouse(here);
            assert_eq!(sched_getaffinity(SELF), only(here));
            wait_for_the_ring(&rousers.bed);
            assert!(rousers.awake());
            assert_eq!(sched_getaffinity(SELF), Ok(home));
            rousers.bed.rouse(here);
            assert!(!rousers.awake(), "who is awake is left alone");
            assert_eq!(sched_getaffinity(SELF), Ok(home));
        });
    }

    /// The rouser's processor was switched off, or somebody keeps the sleeper to others.
    #[test]
    fn who_must_not_be_moved_is_woken_where_it_is() {
        asleep(|rousers, home| {
            let absent = (0..CpuSet::count()).find(|cpu| home.is_set(*cpu) == Ok(false));
            rousers.bed.rouse(absent.expect("nobody has all that can be"));
            wait_for_the_ring(&rousers.bed);
            assert!(!rousers.awake());
            assert_eq!(sched_getaffinity(SELF), Ok(home));
        });
    }

    #[test]
    fn it_may_run_afterwards_where_it_was_told_last() {
        asleep(|rousers, home| {
            let here = some_of(&home);
            let narrow = only(here).expect("it exists");
            sched_setaffinity(SELF, &narrow).expect("part of what it may");
            rousers.bed.rouse(here);
            assert!(rousers.awake());
            assert_eq!(sched_getaffinity(SELF), Ok(narrow));
        });
    }

    #[test]
    fn a_sleeper_waits_for_no_rouser() {
        asleep(|rousers, home| {
            rousers.bed.rouse(some_of(&home));
            let held = rousers.bed.home.lock().expect("nobody panicked");
            assert!(!rousers.awake());
            drop(held);
            assert!(rousers.awake(), "it is let go the next time");
            assert_eq!(sched_getaffinity(SELF), Ok(home));
        });
    }
}
