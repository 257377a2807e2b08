//! Check scripts: run at once, then on a fixed beat, each in a process group of its own.
//!
//! A run that takes too long counts as failed when its time is up, not when it has been killed. A script that cannot be
//! run at all is a failure, and the first time it is said why.

use std::sync::Arc;
use std::time::Duration;

use tandem_vrrp_core::ScriptOutcome;
use tandem_vrrp_core::settings::ScriptSettings;
use tokio::time::Instant;

use super::asked::Question;
use super::{Stage, Teller, process};
use crate::launcher::Ending;
use crate::runner::{Bond, Run, Runner};

/// From asking a script to end to making it.
const GRACE: Duration = Duration::from_secs(2);

/// A launcher that ends takes what it ran along, and another one is asked; one that always ends is no launcher.
const TRIES: u32 = 3;

pub(super) async fn track(name: Arc<str>, settings: ScriptSettings, tell: Teller) {
    let limit = settings.limit();
    let question = Question::read(&settings.command);
    let runner = Runner {
        words: settings.command,
        user: settings.user,
        group: settings.group,
        bond: Bond::Ours,
    };
    let mut beat = tokio::time::interval(settings.interval);
    // A run that takes longer than the interval leaves out beats, and does not move them.
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut said = false;
    let mut last = 0;
    loop {
        let due = beat.tick().await;
        let outcome = match (&question, runner.words.first()) {
            (Some(question), _) => ask(question),
            (None, Some(word)) if word.starts_with('<') => open(&word[1..]),
            _ => {
                tell.stage.set(Stage::Running);
                run(&name, &runner, limit, &tell, &mut said).await
            }
        };
        tell.stage.set(Stage::Idle);
        if due.elapsed() > settings.interval {
            let text = format!("Track script {name} is already running, expect idle - skipping run");
            tell.log.info(&text);
        }
        if let Some(outcome) = outcome {
            if let ScriptOutcome::Exited(status) = outcome
                && std::mem::replace(&mut last, status) != status
            {
                tell.log.info(&format!("Script `{name}` now returning {status}"));
            }
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
    let mut cannot = |why: String| {
        if !std::mem::replace(said, true) {
            tell.log
                .error(&format!("Script {name} cannot be run and counts as failed: {why}"));
        }
        Some(ScriptOutcome::CouldNotRun)
    };
    let over = Instant::now() + limit;
    for _ in 0..TRIES {
        let mut run = match runner.start(&tell.launcher) {
            Ok(run) => run,
            Err(error) => return cannot(error.to_string()),
        };
        match tokio::time::timeout_at(over, run.wait()).await {
            Ok(Ending::Status(code)) => return Some(ScriptOutcome::Exited(code)),
            Ok(Ending::Signal(signal)) => return Some(ScriptOutcome::Signalled(signal)),
            Ok(Ending::Refused(why)) => return cannot(why),
            // Says nothing about what is checked.
            Ok(Ending::Lost) => {}
            Err(_) => {
                tell.script(ScriptOutcome::TimedOut).await;
                end(&mut run, tell).await;
                return None;
            }
        }
    }
    cannot(format!("its launcher ended {TRIES} times"))
}

/// Asks the whole group to end, then makes it, until it has.
async fn end(run: &mut Run, tell: &Teller) {
    let mut hard = false;
    loop {
        tell.stage.set(if hard { Stage::Killed } else { Stage::Ending });
        if let Err(error) = run.kill(hard) {
            tell.log.warning(&format!("cannot stop a check script: {error}"));
        }
        if tokio::time::timeout(GRACE, run.wait()).await.is_ok() {
            return;
        }
        hard = true;
    }
}

#[cfg(test)]
mod tests;
