//! `cargo demo`: builds what the demonstration needs, then becomes it.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, UNIX_EPOCH};

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
    const JUST_NOW: Duration = Duration::from_secs(3600);
    let made = std::fs::metadata(root.join(".git"))
        .and_then(|git| git.created())
        .ok()?;
    let is_new = made.elapsed().is_ok_and(|age| age < JUST_NOW);
    let since = made.duration_since(UNIX_EPOCH).ok()?;
    is_new.then_some(since.as_secs())
}
