//! Finding, and where cargo started us building, the programs that are measured.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

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
    let here = env::current_exe()?;
    let ours = here.with_file_name(name);
    ensure!(
        ours.exists(),
        "{} is not built: run `cargo build -p {name}` first",
        ours.display()
    );
    Ok(ours)
}

/// A program of the distribution, wherever administrators' programs lie.
pub(crate) fn theirs(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let mut places = env::split_paths(&path).chain(usual).map(|folder| folder.join(name));
    places.find(|place| place.is_file())
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
