//! A daemon of the pair: running, paused, or ended and still remembered by its last words.

use anyhow::bail;
use nix::sys::signal::Signal;
use tandem_lab::Running;

use super::PATIENCE;

/// What is said of a daemon that ended though nobody ended it.
pub const DIED: &str = "died by itself";

pub struct Slot {
    running: Running,
    condition: Condition,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    Runs,
    Paused,
    /// As it was told to.
    Ended,
}

impl Slot {
    pub fn new(running: Running) -> Slot {
        Slot {
            running,
            condition: Condition::Runs,
        }
    }

    pub fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// As it is told to others of its host.
    pub fn own_pid(&self) -> anyhow::Result<u32> {
        Ok(self.running.own_pid()?)
    }

    pub fn runs(&self) -> bool {
        self.condition != Condition::Ended
    }

    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.must_run()?;
        self.running.kill()?;
        self.condition = Condition::Ended;
        Ok(())
    }

    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.must_run()?;
        self.running.stop(PATIENCE)?;
        self.condition = Condition::Ended;
        Ok(())
    }

    /// What an orderly end of a balancer begins with, in ours as in HAProxy.
    pub fn drain(&mut self) -> anyhow::Result<()> {
        self.must_run()?;
        Ok(self.running.signal(Signal::SIGUSR1)?)
    }

    pub fn pause(&mut self) -> anyhow::Result<()> {
        self.must_run()?;
        self.running.signal(Signal::SIGSTOP)?;
        self.condition = Condition::Paused;
        Ok(())
    }

    pub fn resume(&mut self) -> anyhow::Result<()> {
        if self.condition != Condition::Paused {
            bail!("it is not paused");
        }
        self.running.signal(Signal::SIGCONT)?;
        self.condition = Condition::Runs;
        Ok(())
    }

    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        self.must_run()?;
        Ok(self.running.signal(signal)?)
    }

    pub fn word(&mut self) -> &'static str {
        if self.condition == Condition::Runs && !self.running.is_running().unwrap_or(false) {
            return DIED;
        }
        match self.condition {
            Condition::Ended => "ended",
            Condition::Paused => "paused",
            Condition::Runs => "runs",
        }
    }

    pub fn last_words(&self) -> String {
        self.running.output()
    }

    fn must_run(&self) -> anyhow::Result<()> {
        if !self.runs() {
            bail!("it has ended already");
        }
        Ok(())
    }
}
