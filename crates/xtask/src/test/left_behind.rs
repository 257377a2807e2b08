//! Ends what a run has left behind. A daemon has a session of its own, so the signal to the run's process group does not reach
//! it, and a test that is killed ends nothing that it has started. What a run starts is known by its environment.
//!
//! Of tests only: a compiler may leave a server behind that later ones want.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const NAME: &str = "TANDEM_TEST_RUN";
/// So often it is looked again, for what was started meanwhile.
const LOOKS: usize = 5;
const PAUSE: Duration = Duration::from_millis(20);

/// One run, among those of all processes.
#[derive(Debug)]
pub(super) struct Mark(String);

/// Nothing that this starts outlives its run.
pub(super) fn mark(command: &mut Command) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let run = format!("{}.{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    command.env(NAME, run);
}

impl Mark {
    /// `None` when it has none.
    pub(super) fn of(command: &Command) -> Option<Mark> {
        let (_, run) = command.get_envs().find(|(name, _)| *name == NAME)?;
        Some(Mark(format!("{NAME}={}", run?.to_str()?)))
    }

    /// Kills whoever has the mark.
    pub(super) fn end_all(&self) {
        for _ in 0..LOOKS {
            let marked = self.processes();
            if marked.is_empty() {
                return;
            }
            for process in marked {
                kill(process, Signal::SIGKILL).ok();
            }
            thread::sleep(PAUSE);
        }
    }

    /// What has ended, and what belongs to another user, has no environment to be read.
    fn processes(&self) -> Vec<Pid> {
        let is_marked = |environment: &[u8]| {
            environment
                .split(|byte| *byte == 0)
                .any(|entry| entry == self.0.as_bytes())
        };
        let Ok(folder) = fs::read_dir("/proc") else {
            return Vec::new();
        };
        let marked = folder.flatten().filter_map(|entry| {
            let id = entry.file_name().to_str()?.parse().ok()?;
            is_marked(&fs::read(entry.path().join("environ")).ok()?).then(|| Pid::from_raw(id))
        });
        marked.collect()
    }
}
