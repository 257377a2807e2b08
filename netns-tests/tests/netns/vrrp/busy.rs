//! Ten milliseconds between adverts on a host that has far more to do than processors: nobody takes over from a living
//! master.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, anyhow, ensure};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use tandem_lab::{Missing, Running};
use tandem_netns_tests::Bench;
use tandem_sys::realtime;

use crate::interop::fast::takeovers;
use crate::interop::stage::{Config, Program, Side, Stage, VIP};

const LOOPS: usize = 16;

pub(super) fn no_false_takeover(bench: &Bench<'_>) -> Result<()> {
    if bench.ground.is_unprivileged() {
        return Err(Missing::new("real-time priority", "the kernel refuses it in a user namespace").into());
    }
    let time = Duration::from_secs(if bench.options.long { 600 } else { 5 });
    let mut stage = Stage::new(bench, [Program::Ours; 2])?;
    stage.start(Side::A, &Config::v3(150).each("0.01"))?;
    stage.wait_for_holder(Side::A, VIP)?;
    stage.start(Side::B, &Config::v3(100).each("0.01"))?;
    stage.wait_for_backup(Side::B)?;

    let busy: Vec<Running> = (0..LOOPS)
        .map(|_| stage.client.run(Command::new("sh").args(["-c", "while :; do :; done"])))
        .collect::<Result<_, _>>()?;
    let yardstick = Yardstick::start();
    let begun = SystemTime::now();
    std::thread::sleep(time);
    let (master, taken) = (stage.adverts_of(Side::A, begun), stage.adverts_of(Side::B, begun));
    let stalls = yardstick.finish()?;
    drop(busy);

    let gaps = master.windows(2).map(|pair| pair[1].at.duration_since(pair[0].at));
    let longest = gaps.filter_map(Result::ok).max().unwrap_or_default();
    let takeovers: Vec<SystemTime> = takeovers(&taken).map(|advert| advert.at).collect();
    let unexplained = takeovers
        .iter()
        .filter(|at| !stalls.iter().any(|stall| stall.explains(**at)));
    let unexplained = unexplained.count();
    let worst = stalls.iter().map(|stall| stall.late).max().unwrap_or_default();
    bench.say(format!(
        "10 ms beside {LOOPS} busy loops for {time:?}: {} adverts, longest silence {longest:.1?}, {} takeovers, {unexplained} \
         while the machine was on time; it kept bare real-time threads waiting {} times, up to {worst:.1?}",
        master.len(),
        takeovers.len(),
        stalls.len()
    ));
    ensure!(unexplained == 0, "{unexplained} false takeovers\n{}", stage.logs());
    Ok(())
}

/// A thread on each processor that does nothing but be on time, as far as the machine lets it: what keeps these waiting
/// (the machine below a virtual one, a kernel that does not let go of a processor) keeps any router waiting.
struct Yardstick {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<std::io::Result<Vec<Stall>>>>,
}

/// The machine kept a thread waiting.
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

impl Yardstick {
    fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let watch = |processor| {
            let ended = stop.clone();
            std::thread::spawn(move || watch(processor, &ended))
        };
        let threads = (0..processors).map(watch).collect();
        Self { stop, threads }
    }

    fn finish(self) -> Result<Vec<Stall>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for thread in self.threads {
            all.extend(thread.join().map_err(|_| anyhow!("it panicked"))??);
        }
        Ok(all)
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
