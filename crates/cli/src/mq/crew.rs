//! Several connections at the same time, and a bar that says how far they are.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use anyhow::anyhow;

const BAR: usize = 30;
/// How often the bar is drawn.
const LOOK: Duration = Duration::from_millis(100);

pub(super) struct Crew {
    total: u64,
    shows: bool,
    begun: Instant,
    done: AtomicU64,
    bytes: AtomicU64,
    /// One of them has failed, and the others need not go on.
    failed: AtomicBool,
}

impl Crew {
    pub(super) fn new(total: u64, silent: bool) -> Crew {
        Crew {
            total,
            shows: !silent && std::io::stderr().is_terminal(),
            begun: Instant::now(),
            done: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            failed: AtomicBool::new(false),
        }
    }

    pub(super) fn did(&self, bytes: usize) {
        self.done.fetch_add(1, Relaxed);
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn goes_on(&self) -> bool {
        !self.failed.load(Relaxed)
    }

    pub(super) fn done(&self) -> (u64, u64, Duration) {
        (self.done.load(Relaxed), self.bytes.load(Relaxed), self.begun.elapsed())
    }

    /// What each of so many has to say at its end; the first that fails ends all.
    pub(super) fn work<T: Send>(
        &self,
        threads: u16,
        work: impl Fn(u16) -> anyhow::Result<T> + Sync,
    ) -> anyhow::Result<Vec<T>> {
        let one = |number| {
            let result = work(number);
            if result.is_err() {
                self.failed.store(true, Relaxed);
            }
            result
        };
        let one = &one;
        thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|number| scope.spawn(move || one(number))).collect();
            while self.shows && !workers.iter().all(ScopedJoinHandle::is_finished) {
                self.draw("");
                thread::sleep(LOOK);
            }
            if self.shows {
                self.draw("\n");
            }
            let ends = workers.into_iter().map(|worker| worker.join());
            ends.map(|end| end.unwrap_or_else(|_| Err(anyhow!("a thread has panicked"))))
                .collect()
        })
    }

    /// To standard error, which nobody parses; if it is closed, there is nobody to tell.
    fn draw(&self, end: &str) {
        let (done, _, time) = self.done();
        let line = line(done, self.total, time);
        write!(std::io::stderr(), "\r{line}\x1b[K{end}").ok();
    }
}

fn line(done: u64, total: u64, time: Duration) -> String {
    let share = done.min(total) as f64 / total.max(1) as f64;
    let filled = (share * BAR as f64) as usize;
    let rate = done as f64 / time.as_secs_f64().max(0.001);
    format!(
        "[{:<BAR$}] {:3.0} %  {done} messages  {rate:.0}/s",
        "#".repeat(filled),
        share * 100.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_says_how_far_it_is() {
        let half = line(50, 100, Duration::from_secs(2));
        assert_eq!(half, "[###############               ]  50 %  50 messages  25/s");
        assert!(line(0, 0, Duration::ZERO).contains("  0 %"));
    }

    #[test]
    fn one_that_fails_ends_all() {
        let crew = Crew::new(10, true);
        let ends = crew.work(3, |number| match number {
            1 => Err(anyhow!("no")),
            _ => {
                while crew.goes_on() {
                    thread::yield_now();
                }
                Ok(number)
            }
        });
        assert_eq!(ends.map_err(|error| error.to_string()), Err("no".to_owned()));
    }
}
