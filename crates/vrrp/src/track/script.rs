//! Check scripts: run at once, then on a fixed beat, each in a process group of its own.
//!
//! A run that takes too long counts as failed when its time is up, not when it has been killed. A script that cannot be
//! run at all is a failure, and the first time it is said why.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::unistd::{Gid, Group, Uid, User, geteuid};
use tandem_sys::process::signal_group;
use tandem_vrrp_core::ScriptOutcome;
use tandem_vrrp_core::settings::ScriptSettings;
use tokio::process::{Child, Command};

use super::asked::Question;
use super::{Teller, process};
use crate::logs::Log;

/// From asking a script to end to making it.
const GRACE: Duration = Duration::from_secs(2);

/// A command, and who runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Runner {
    pub(crate) words: Vec<Arc<str>>,
    pub(crate) user: Option<Arc<str>>,
    pub(crate) group: Option<Arc<str>>,
}

pub(super) async fn track(name: Arc<str>, settings: ScriptSettings, tell: Teller) {
    let limit = if settings.timeout.is_zero() {
        settings.interval
    } else {
        settings.timeout
    };
    let question = Question::read(&settings.command);
    let runner = Runner {
        words: settings.command,
        user: settings.user,
        group: settings.group,
    };
    let mut beat = tokio::time::interval(settings.interval);
    // A run that takes longer than the interval leaves out beats, and does not move them.
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut said = false;
    loop {
        beat.tick().await;
        let outcome = match (&question, runner.words.first()) {
            (Some(question), _) => ask(question),
            (None, Some(word)) if word.starts_with('<') => open(&word[1..]),
            _ => run(&name, &runner, limit, &tell, &mut said).await,
        };
        if let Some(outcome) = outcome {
            tell.script(outcome).await;
        }
    }
}

fn ask(question: &Question) -> Option<ScriptOutcome> {
    let processes = process::list().ok()?;
    Some(ScriptOutcome::Exited(question.answer(&processes)))
}

/// `</path`: whether the file can be opened.
fn open(path: &str) -> Option<ScriptOutcome> {
    Some(ScriptOutcome::Exited(i32::from(std::fs::File::open(path).is_err())))
}

/// One run. `None` when the failure has been told already.
async fn run(
    name: &Arc<str>,
    runner: &Runner,
    limit: Duration,
    tell: &Teller,
    said: &mut bool,
) -> Option<ScriptOutcome> {
    let mut child = match runner.start() {
        Ok(child) => child,
        Err(error) => {
            if !std::mem::replace(said, true) {
                tell.log
                    .error(&format!("Script {name} cannot be run and counts as failed: {error}"));
            }
            return Some(ScriptOutcome::CouldNotRun);
        }
    };
    if let Ok(ended) = tokio::time::timeout(limit, child.wait()).await {
        return Some(ended.map_or(ScriptOutcome::CouldNotRun, outcome));
    }
    tell.script(ScriptOutcome::TimedOut).await;
    end(&mut child, &tell.log).await;
    None
}

/// Asks the whole group to end, then makes it, until it has.
async fn end(child: &mut Child, log: &Log) {
    let mut signal = Signal::SIGTERM;
    while let Some(leader) = child.id() {
        if let Err(error) = signal_group(leader, signal) {
            log.warning(&format!("cannot stop a check script: {error}"));
        }
        tokio::time::timeout(GRACE, child.wait()).await.ok();
        signal = Signal::SIGKILL;
    }
}

fn outcome(status: ExitStatus) -> ScriptOutcome {
    match (status.code(), status.signal()) {
        (Some(code), _) => ScriptOutcome::Exited(code),
        (None, Some(signal)) => ScriptOutcome::Signalled(signal),
        (None, None) => ScriptOutcome::CouldNotRun,
    }
}

impl Runner {
    /// Starts the command without waiting for it. A file that only a shell understands gets one.
    pub(crate) fn start(&self) -> io::Result<Child> {
        let Some((program, arguments)) = self.words.split_first() else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "an empty command"));
        };
        let mut command = Command::new(&**program);
        command.args(arguments.iter().map(|word| &**word));
        match self.prepared(&mut command)?.spawn() {
            Err(error) if error.raw_os_error() == Some(Errno::ENOEXEC as i32) => {
                let mut shell = Command::new("/bin/sh");
                shell.args(self.words.iter().map(|word| &**word));
                self.prepared(&mut shell)?.spawn()
            }
            outcome => outcome,
        }
    }

    fn prepared<'a>(&self, command: &'a mut Command) -> io::Result<&'a mut Command> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true);
        // What changes how a program reads its own words is not passed on.
        for variable in ["IFS", "LD_PRELOAD", "LD_LIBRARY_PATH"] {
            command.env_remove(variable);
        }
        let (uid, gid) = self.identity()?;
        if let Some(gid) = gid {
            command.gid(gid.as_raw());
        }
        if let Some(uid) = uid {
            command.uid(uid.as_raw());
        }
        Ok(command)
    }

    /// Nobody to become when it is who we are.
    fn identity(&self) -> io::Result<(Option<Uid>, Option<Gid>)> {
        let Some(name) = &self.user else {
            return Ok((None, None));
        };
        let unknown = |what: &str| io::Error::new(io::ErrorKind::NotFound, format!("there is no {what}"));
        let user = User::from_name(name)?.ok_or_else(|| unknown(&format!("user '{name}'")))?;
        let group = match &self.group {
            Some(name) => {
                Group::from_name(name)?
                    .ok_or_else(|| unknown(&format!("group '{name}'")))?
                    .gid
            }
            None => user.gid,
        };
        if user.uid == geteuid() {
            return Ok((None, None));
        }
        Ok((Some(user.uid), Some(group)))
    }
}

#[cfg(test)]
mod tests;
