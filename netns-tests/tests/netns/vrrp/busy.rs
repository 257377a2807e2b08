//! Ten milliseconds between adverts on a host that has far more to do than processors: nobody takes over from a living
//! master.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, anyhow, ensure};
use tandem_lab::{Missing, Running};
use tandem_netns_tests::Bench;
use tandem_sys::realtime;

use crate::interop::fast::{takeovers, too_early};
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
    let late = yardstick.finish()?;
    drop(busy);

    let gaps = master.windows(2).map(|pair| pair[1].at.duration_since(pair[0].at));
    let longest = gaps.filter_map(Result::ok).max().unwrap_or_default();
    let false_ones = too_early(&taken, &master);
    bench.say(format!(
        "10 ms beside {LOOPS} busy loops for {time:?}: {} adverts, longest silence {longest:.1?}, {} takeovers, {false_ones} \
         false; a bare real-time thread was up to {late:.1?} late",
        master.len(),
        takeovers(&taken).count()
    ));
    ensure!(false_ones == 0, "{false_ones} false takeovers\n{}", stage.logs());
    // A machine that keeps any real-time thread waiting for so long may rightly look dead.
    let patience = Duration::from_millis(20);
    ensure!(
        taken.is_empty() || late > patience,
        "the other took over though the machine was on time\n{}",
        stage.logs()
    );
    Ok(())
}

/// A thread that does nothing but be on time, as far as the machine lets it.
struct Yardstick {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<std::io::Result<Duration>>,
}

impl Yardstick {
    fn start() -> Self {
        const EVERY: Duration = Duration::from_millis(2);
        let stop = Arc::new(AtomicBool::new(false));
        let ended = stop.clone();
        let thread = std::thread::spawn(move || {
            realtime::prioritise_this_thread(60)?;
            let mut latest = Duration::ZERO;
            while !ended.load(Ordering::Relaxed) {
                let due = Instant::now() + EVERY;
                std::thread::sleep(EVERY);
                latest = latest.max(due.elapsed());
            }
            Ok(latest)
        });
        Self { stop, thread }
    }

    fn finish(self) -> Result<Duration> {
        self.stop.store(true, Ordering::Relaxed);
        Ok(self.thread.join().map_err(|_| anyhow!("it panicked"))??)
    }
}
