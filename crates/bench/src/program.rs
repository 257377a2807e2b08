//! The programs that are measured: ours, built first where cargo started us, and what a program says about itself.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tandem_lab::programs;

/// A program of this workspace, in the profile that this one was built in.
pub(crate) fn ours(name: &str) -> Result<PathBuf> {
    if let Some(cargo) = env::var_os("CARGO") {
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--package", name]);
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        let status = build.status().with_context(|| format!("cannot build {name}"))?;
        ensure!(status.success(), "cannot build {name}");
    }
    Ok(programs::built(name)?)
}

/// The first line that a program says about itself.
pub(crate) fn version(program: &Path, option: &str) -> Result<String> {
    let output = Command::new(program)
        .arg(option)
        .output()
        .with_context(|| program.display().to_string())?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    Ok(said.lines().next().unwrap_or("unknown version").trim().to_owned())
}
