//! Whether the machine itself is on time: what a router that must be can be blamed for.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, anyhow, ensure};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use tandem_lab::Advert;
use tandem_netns_tests::{Options, Place, Test};
use tandem_sys::realtime;

/// What a backup of priority 100 waits for at ten milliseconds.
pub(crate) const DOWN: Duration = Duration::from_micros(36_094);
const INTERVAL: Duration = Duration::from_millis(10);
const EVERY: Duration = Duration::from_millis(2);

pub(crate) fn tests() -> Vec<Test> {
    vec![Test {
        name: "yardstick::excuses_what_it_can_explain",
        within: Duration::from_secs(10),
        within_long: None,
        place: Place::Outside(excuses_what_it_can_explain),
    }]
}

/// A thread on each processor that does nothing but be on time, as far as the machine lets it: what keeps these waiting
/// (the machine below a virtual one, a kernel that does not let go of a processor) keeps any router waiting.
pub(crate) struct Yardstick {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<std::io::Result<Vec<Stall>>>>,
}

/// When the machine kept a thread waiting, by processor.
pub(crate) struct Stalls(Vec<Vec<Stall>>);

struct Stall {
    until: SystemTime,
    late: Duration,
}

/// Every time that a backup took over from a living master at ten milliseconds, and whose fault it was.
#[derive(Default)]
pub(crate) struct Takeovers {
    pub(crate) all: usize,
    /// Those that the machine explains.
    pub(crate) excused: usize,
}

impl Stall {
    /// How much of a time it may have taken. The thread looks each two milliseconds, so that it may have begun so much
    /// earlier than it was late.
    fn within(&self, time: &Range<SystemTime>) -> Duration {
        let begun = (self.until - self.late - EVERY).max(time.start);
        let until = self.until.min(time.end);
        until.duration_since(begun).unwrap_or_default()
    }
}

impl Stalls {
    /// Whether it is the machine's fault that somebody took over at the end of a silence.
    ///
    /// Between the last advert that the backup heard and its own first one lie at least 36.09 ms, and an advert was due
    /// after ten of them. Nothing but it was missed, as a master that is late with it sends no other: so it was kept for
    /// 26.09 ms or more, where it was sent or on its way. That is what stalls of one processor must add up to within
    /// that time; a shorter one delays an advert and silences nobody. Of a silence that lasted they explain a good part,
    /// or somebody else was late as well.
    pub(crate) fn explain(&self, silence: Range<SystemTime>) -> bool {
        let lost = |stalls: &Vec<Stall>| stalls.iter().map(|stall| stall.within(&silence)).sum::<Duration>();
        let lasted = silence.end.duration_since(silence.start).unwrap_or_default();
        let least = (DOWN - INTERVAL).max(lasted / 2);
        self.0.iter().any(|stalls| lost(stalls) >= least)
    }

    pub(crate) fn judge(&self, backup: &[Advert], master: &[Advert]) -> Takeovers {
        let silences = takeovers(backup).map(|advert| silence_before(advert.at, master));
        let excused: Vec<bool> = silences.map(|silence| self.explain(silence)).collect();
        Takeovers {
            all: excused.len(),
            excused: excused.iter().filter(|excused| **excused).count(),
        }
    }
}

/// Since the master's last advert on the cable; one that came there and not to the backup makes the silence no shorter.
fn silence_before(takeover: SystemTime, master: &[Advert]) -> Range<SystemTime> {
    let heard = master.iter().rfind(|advert| advert.at <= takeover);
    let believed = takeover - DOWN;
    heard.map_or(believed, |advert| advert.at.min(believed))..takeover
}

/// The first advert of each time that the backup spoke.
pub(crate) fn takeovers(backup: &[Advert]) -> impl Iterator<Item = &Advert> {
    let before = std::iter::once(None).chain(backup.iter().map(Some));
    backup
        .iter()
        .zip(before)
        .filter(|(advert, before)| before.is_none_or(|b| advert.at.duration_since(b.at).is_ok_and(|gap| gap > DOWN)))
        .map(|(advert, _)| advert)
}

impl Takeovers {
    pub(crate) fn false_ones(&self) -> usize {
        self.all - self.excused
    }

    /// These are the ones that count of so many; the backup's own lateness is no fault of the master.
    pub(crate) fn among(self, all: usize) -> Self {
        let excused = all - self.false_ones();
        Self { all, excused }
    }
}

impl fmt::Display for Takeovers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Takeovers { all, excused } = self;
        write!(f, "{all} takeovers, {excused} of them excused by the machine")
    }
}

impl fmt::Display for Stalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = || self.0.iter().flatten().map(|stall| stall.late);
        write!(
            f,
            "it kept bare real-time threads waiting {} times, up to {:.1?}",
            all().count(),
            all().max().unwrap_or_default()
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
            all.push(thread.join().map_err(|_| anyhow!("it panicked"))??);
        }
        Ok(Stalls(all))
    }
}

fn watch(processor: usize, ended: &AtomicBool) -> std::io::Result<Vec<Stall>> {
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

/// Stalls of two processors (their ends and lengths in milliseconds) before a takeover 38 ms after the last advert.
fn excuses_what_it_can_explain(_options: &Options) -> Result<()> {
    type Case = (&'static str, [&'static [(u64, u64)]; 2], bool);
    const CASES: [Case; 8] = [
        ("none", [&[], &[]], false),
        ("a short one just before", [&[(36, 6)], &[]], false),
        ("one that the advert survives", [&[(34, 20)], &[]], false),
        ("one as long as what was missed", [&[(37, 25)], &[]], true),
        ("a long one that was over", [&[(4, 40)], &[]], false),
        ("a long one that had only begun", [&[(90, 60)], &[]], false),
        ("two in a row", [&[(20, 12), (36, 13)], &[]], true),
        ("two of which each stops another", [&[(20, 12)], &[(36, 13)]], false),
    ];
    let heard = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    let after = |ms| heard + Duration::from_millis(ms);
    for (what, processors, excused) in CASES {
        let stall = |(end, long): &(u64, u64)| Stall {
            until: after(*end),
            late: Duration::from_millis(*long),
        };
        let stalls = Stalls(processors.map(|all| all.iter().map(stall).collect()).into());
        ensure!(stalls.explain(heard..after(38)) == excused, "{what}");
    }
    for (long, excused) in [(30, false), (280, true)] {
        let until = after(290);
        let late = Duration::from_millis(long);
        let stalls = Stalls(vec![vec![Stall { until, late }]]);
        ensure!(
            stalls.explain(heard..after(300)) == excused,
            "{late:?} of a long silence"
        );
    }
    Ok(())
}
