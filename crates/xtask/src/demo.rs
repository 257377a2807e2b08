//! `cargo demo`: builds what the demonstration needs, then becomes it.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::metadata::{Metadata, cargo};

/// The programs of the demonstration; those that do not exist yet are left out.
const PROGRAMS: [&str; 4] = ["tandem-cli", "tandem-lb", "tandem-vrrp", "tandem-mq"];

pub fn run(arguments: &[OsString]) -> Result<ExitCode> {
    let metadata = Metadata::load()?;
    let mut build = Command::new(cargo());
    build.args(["build", "--locked"]).current_dir(&metadata.workspace_root);
    for program in PROGRAMS.into_iter().filter(|p| metadata.has_member(p)) {
        build.args(["--package", program]);
    }
    if !build.status().context("cannot run cargo build")?.success() {
        return Ok(ExitCode::FAILURE);
    }
    let tandem = metadata.target_directory.join("debug/tandem");
    let error = Command::new(&tandem).arg("demo").args(arguments).exec();
    Err(error).with_context(|| format!("cannot run {}", tandem.display()))
}
