//! Whether the machine itself is on time: what a router that must be can be blamed for.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, anyhow};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use tandem_sys::realtime;

/// A thread on each processor that does nothing but be on time, as far as the machine lets it: what keeps these waiting
/// (the machine below a virtual one, a kernel that does not let go of a processor) keeps any router waiting.
pub(crate) struct Yardstick {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<std::io::Result<Vec<Stall>>>>,
}

/// When the machine kept a thread waiting.
pub(crate) struct Stalls(Vec<Stall>);

struct Stall {
    until: SystemTime,
    late: Duration,
}

impl Stall {
    /// Three intervals are missed by a master that stalls for two, or by a backup that stalls while they arrive.
    fn explains(&self, takeover: SystemTime) -> bool {
        let begun = self.until - self.late;
        begun < takeover && takeover < self.until + Duration::from_millis(50)
    }
}

impl Stalls {
    /// Whether it is the machine's fault that somebody took over then.
    pub(crate) fn explain(&self, takeover: SystemTime) -> bool {
        self.0.iter().any(|stall| stall.explains(takeover))
    }
}

impl fmt::Display for Stalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let worst = self.0.iter().map(|stall| stall.late).max().unwrap_or_default();
        let times = self.0.len();
        write!(
            f,
            "it kept bare real-time threads waiting {times} times, up to {worst:.1?}"
        )
    }
}

impl Yardstick {
    pub(crate) fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let watch = |processor| {
            let ended = stop.clone();
            std::thread::spawn(move || watch(processor, &ended))
        };
        let threads = (0..processors).map(watch).collect();
        Self { stop, threads }
    }

    pub(crate) fn finish(self) -> Result<Stalls> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for thread in self.threads {
            all.extend(thread.join().map_err(|_| anyhow!("it panicked"))??);
        }
        Ok(Stalls(all))
    }
}

fn watch(processor: usize, ended: &AtomicBool) -> std::io::Result<Vec<Stall>> {
    const EVERY: Duration = Duration::from_millis(2);
    const WORTH_A_NOTE: Duration = Duration::from_millis(5);
    realtime::prioritise_this_thread(60)?;
    let mut here = CpuSet::new();
    here.set(processor)?;
    sched_setaffinity(Pid::from_raw(0), &here)?;
    let mut stalls = Vec::new();
    while !ended.load(Ordering::Relaxed) {
        let due = Instant::now() + EVERY;
        std::thread::sleep(EVERY);
        let late = due.elapsed();
        if late > WORTH_A_NOTE {
            let until = SystemTime::now();
            stalls.push(Stall { until, late });
        }
    }
    Ok(stalls)
}
