//! `cargo demo`: builds what the demonstration needs, then becomes it.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use crate::metadata::{Metadata, cargo};

/// The programs of the demonstration.
const PROGRAMS: [&str; 4] = ["tandem-cli", "tandem-lb", "tandem-vrrp", "tandem-mq"];

pub fn run(arguments: &[OsString]) -> Result<ExitCode> {
    let metadata = Metadata::load()?;
    let mut build = Command::new(cargo());
    build.args(["build", "--locked"]).current_dir(&metadata.workspace_root);
    build.args(PROGRAMS.map(|program| ["--package", program]).concat());
    if !build.status().context("cannot run cargo build")?.success() {
        return Ok(ExitCode::FAILURE);
    }
    let tandem = metadata.target_directory.join("debug/tandem");
    let mut demo = Command::new(&tandem);
    demo.arg("demo").args(arguments);
    if let Some(cloned) = cloned_just_now(&metadata.workspace_root) {
        demo.arg(format!("--cloned={cloned}"));
    }
    let error = demo.exec();
    Err(error).with_context(|| format!("cannot run {}", tandem.display()))
}

/// When the clone was made, in seconds since 1970, if whoever made it is waiting for this.
fn cloned_just_now(root: &Path) -> Option<u64> {
    let made = std::fs::metadata(root.join(".git"))
        .and_then(|git| git.created())
        .ok()?;
    if_just_now(made, SystemTime::now())
}

fn if_just_now(made: SystemTime, now: SystemTime) -> Option<u64> {
    const JUST_NOW: Duration = Duration::from_secs(3600);
    let is_new = now.duration_since(made).is_ok_and(|age| age < JUST_NOW);
    let since = made.duration_since(UNIX_EPOCH).ok()?;
    is_new.then_some(since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_is_new_for_an_hour() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        for (age, told) in [(0, true), (3599, true), (3600, false), (86_400, false)] {
            assert_eq!(
                if_just_now(at(1_000_000), at(1_000_000 + age)),
                told.then_some(1_000_000),
                "{age}"
            );
        }
        assert_eq!(
            if_just_now(at(1_000_001), at(1_000_000)),
            None,
            "the clock was set back"
        );
    }
}
