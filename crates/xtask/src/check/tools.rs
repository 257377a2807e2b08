//! The rules that other programs know: `cargo fmt` and `cargo clippy`.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result};

use super::Finding;
use crate::metadata::cargo;

pub(super) fn format(root: &Path) -> Result<Finding> {
    if !installed("fmt") {
        return Ok(Finding::skipped(
            "rustfmt is not installed: rustup component add rustfmt",
        ));
    }
    let output = run(root, &["fmt", "--all", "--check", "--", "--files-with-diff"])?;
    let files = String::from_utf8_lossy(&output.stdout);
    let root = format!("{}/", root.display());
    let wrong = files
        .lines()
        .map(|f| format!("{}: cargo fmt", f.trim_start_matches(&root)));
    Ok(judged(&output, "as rustfmt writes it", wrong.collect()))
}

/// Formatting aside, the bans of `clippy.toml` are the point here.
pub(super) fn clippy(root: &Path) -> Result<Finding> {
    if !installed("clippy") {
        return Ok(Finding::skipped("clippy is not installed: rustup component add clippy"));
    }
    let arguments = [
        "clippy",
        "--locked",
        "--workspace",
        "--all-targets",
        "--message-format=short",
        "--",
        "-D",
        "warnings",
    ];
    let output = run(root, &arguments)?;
    let text = String::from_utf8_lossy(&output.stderr);
    let is_finding = |line: &&str| line.contains(": error") || line.contains(": warning") || line.starts_with("error");
    let mut wrong: Vec<String> = text.lines().filter(is_finding).map(str::to_owned).collect();
    wrong.dedup();
    Ok(judged(&output, "no warnings", wrong))
}

/// The exit status decides; without lines of its own a failure shows the end of what was said.
fn judged(output: &Output, summary: &str, wrong: Vec<String>) -> Finding {
    if output.status.success() {
        return Finding::new(summary, Vec::new());
    }
    if !wrong.is_empty() {
        return Finding::new(summary, wrong);
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text.lines().collect();
    let end = lines[lines.len().saturating_sub(20)..]
        .iter()
        .map(|line| (*line).to_owned());
    Finding::new(summary, std::iter::once(output.status.to_string()).chain(end).collect())
}

fn installed(tool: &str) -> bool {
    Command::new(cargo())
        .args([tool, "--version"])
        .output()
        .is_ok_and(|output| output.status.success())
}

fn run(root: &Path, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(cargo());
    command
        .args(arguments)
        .current_dir(root)
        .env("CARGO_TERM_COLOR", "never");
    command
        .output()
        .with_context(|| format!("cannot run cargo {}", arguments[0]))
}
