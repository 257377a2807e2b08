//! Arbitrary input to whatever reads bytes of others: each `crates/*/fuzz` is a program around a function that must hold
//! for any input; libFuzzer looks for one for which it does not, led by what the program's branches do.
//!
//! What it found interesting stays under `target/fuzz/corpus`, so a run goes on where the last one stopped. What is
//! committed beside the program (`fuzz/corpus/TARGET`) also runs with every `cargo test`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use super::Session;
use super::left_behind;
use super::process::{self, Ending};
use super::report::minutes;
use super::tally::Counts;
use crate::console::Paint;
use crate::metadata::{cargo, host_platform};

/// What cargo-fuzz passes on a nightly toolchain, spelled so that a stable one takes it: count every edge, tell libFuzzer
/// what is compared with what.
const INSTRUMENTED: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Ccodegen-units=1";
const BUILD: Duration = Duration::from_secs(10 * 60);
/// Beyond its time a program may finish the input it is at.
const GRACE: Duration = Duration::from_secs(60);
/// An input is a finding when it takes longer (in seconds), or more memory (in MiB).
const LIMITS: [&str; 3] = ["-timeout=10", "-rss_limit_mb=1024", "-max_len=4096"];
/// What libFuzzer says when it has written an input that does not hold.
const FOUND: &str = "Test unit written to ";

/// Runs every target, or the one of that name, for its share of `time`; building comes on top.
pub(super) fn run(session: &Session, only: Option<&str>, time: Duration) -> Result<Counts> {
    let mut targets = targets(&session.metadata.workspace_root)?;
    if let Some(only) = only {
        let known: Vec<String> = targets.iter().map(|target| target.name.clone()).collect();
        targets.retain(|target| target.name == only);
        anyhow::ensure!(!targets.is_empty(), "no target {only}; there are {}", known.join(", "));
    }
    if !has_compiler() {
        let skip = session.console.paint(Paint::Yellow, "SKIP");
        session.console.line(format_args!(
            "{skip} fuzz: no c++ to build libFuzzer with (package g++)"
        ))?;
        return Ok(Counts {
            skipped: targets.len(),
            ..Counts::default()
        });
    }
    let share = time / u32::try_from(targets.len().max(1)).unwrap_or(1);
    let place = Place::of(session)?;
    let mut counts = Counts::default();
    for target in &targets {
        if session.interruption.happened() {
            break;
        }
        match target.run(session, &place, share)? {
            Verdict::Held => counts.passed += 1,
            Verdict::Failed => counts.failed += 1,
            Verdict::Interrupted => {}
        }
    }
    Ok(counts)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Held,
    Failed,
    Interrupted,
}

/// A program and the folder of its committed inputs.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    name: String,
    package: PathBuf,
}

/// Where programs, new inputs and findings are kept.
struct Place {
    root: PathBuf,
    platform: String,
}

/// Each folder of inputs names a target: `crates/CRATE/fuzz/corpus/TARGET`.
fn targets(root: &Path) -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    for folder in folders(&root.join("crates"))? {
        let package = folder.join("fuzz");
        if !package.is_dir() {
            continue;
        }
        for corpus in folders(&package.join("corpus"))? {
            let name = corpus.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let package = package.clone();
            targets.push(Target { name, package });
        }
    }
    targets.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(targets)
}

fn folders(parent: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(parent).with_context(|| parent.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    Ok(found)
}

fn has_compiler() -> bool {
    let mut command = Command::new("c++");
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

impl Place {
    fn of(session: &Session) -> Result<Place> {
        let place = Place {
            root: session.metadata.target_directory.join("fuzz"),
            platform: host_platform()?,
        };
        fs::create_dir_all(place.findings()).with_context(|| place.findings().display().to_string())?;
        Ok(place)
    }

    fn findings(&self) -> PathBuf {
        self.root.join("findings")
    }

    fn program(&self, target: &Target) -> PathBuf {
        self.root.join(&self.platform).join("release").join(&target.name)
    }
}

impl Target {
    fn run(&self, session: &Session, place: &Place, time: Duration) -> Result<Verdict> {
        let log = session.logs.join(format!("fuzz-{}.log", self.name));
        let name = &self.name;
        session
            .console
            .line(format_args!("fuzz {name}: build, then {}", minutes(time)))?;
        let ending = process::run(self.build(place), BUILD, &log, &session.interruption, |_| Ok(()))?;
        if !matches!(ending, Ending::Exited(status) if status.success()) {
            return self.ended(session, &ending, &log);
        }
        let mut command = self.search(place, time)?;
        left_behind::mark(&mut command);
        let mut heard = Heard::default();
        let ending = process::run(command, time + GRACE, &log, &session.interruption, |line| {
            heard.line(line);
            Ok(())
        })?;
        for input in &heard.found {
            let program = place.program(self);
            session
                .console
                .line(format_args!("  again with: {} {input}", program.display()))?;
        }
        session.console.line(format_args!(
            "  {} inputs tried, {} edges reached",
            heard.tried, heard.edges
        ))?;
        self.ended(session, &ending, &log)
    }

    fn ended(&self, session: &Session, ending: &Ending, log: &Path) -> Result<Verdict> {
        match ending {
            Ending::Interrupted => return Ok(Verdict::Interrupted),
            Ending::Exited(status) if status.success() => return Ok(Verdict::Held),
            Ending::Exited(_) | Ending::OverBudget => {}
        }
        session
            .console
            .line(format_args!("  {ending}; all of it is in {}", log.display()))?;
        Ok(Verdict::Failed)
    }

    fn build(&self, place: &Place) -> Command {
        let mut command = Command::new(cargo());
        command
            .args(["build", "--release", "--locked", "--target", &place.platform])
            .arg("--target-dir")
            .arg(&place.root)
            .arg("--manifest-path")
            .arg(self.package.join("Cargo.toml"))
            .env("RUSTFLAGS", INSTRUMENTED)
            .env("CARGO_TERM_COLOR", "never");
        command
    }

    /// New inputs go to the first folder; the committed ones are only read.
    fn search(&self, place: &Place, time: Duration) -> Result<Command> {
        let kept = place.root.join("corpus").join(&self.name);
        fs::create_dir_all(&kept).with_context(|| kept.display().to_string())?;
        let findings = place.findings().join(format!("{}-", self.name));
        let mut command = Command::new(place.program(self));
        command
            .arg(kept)
            .arg(self.package.join("corpus").join(&self.name))
            .arg(format!("-max_total_time={}", time.as_secs().max(1)))
            .arg(format!("-artifact_prefix={}", findings.display()))
            .arg("-print_final_stats=1")
            .args(LIMITS);
        Ok(command)
    }
}

/// What is worth knowing of what libFuzzer says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    found: Vec<String>,
    tried: String,
    edges: String,
}

impl Heard {
    fn line(&mut self, line: &str) {
        if let Some((_, path)) = line.split_once(FOUND) {
            self.found.push(path.to_owned());
        }
        let mut words = line.split_ascii_whitespace();
        if words.any(|word| word == "cov:") {
            self.edges = words.next().unwrap_or_default().to_owned();
        }
        if let Some(number) = line.strip_prefix("stat::number_of_executed_units:") {
            self.tried = number.trim().to_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_and_the_figures_are_heard() {
        let mut heard = Heard::default();
        for line in [
            "#81390\tREDUCE cov: 1130 ft: 4379 corp: 481/38Kb lim: 144 exec/s: 27130 rss: 29Mb",
            "artifact_prefix='f/'; Test unit written to f/crash-1",
            "stat::number_of_executed_units: 1495124",
        ] {
            heard.line(line);
        }
        assert_eq!(heard.found, ["f/crash-1"]);
        assert_eq!((heard.edges.as_str(), heard.tried.as_str()), ("1130", "1495124"));
    }

    #[test]
    fn every_target_has_a_program() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let targets = targets(&root).expect("a checkout");
        assert!(targets.len() >= 3, "{targets:?}");
        for target in targets {
            let program = target.package.join("src").join(format!("{}.rs", target.name));
            assert!(program.is_file(), "{}", program.display());
        }
    }
}
