//! Long runs: the same tests with more cases and other seeds, for as long as one has time.
//!
//! A run goes on where the last one stopped: the next seed stands in a file under the target folder, and so does each seed
//! that failed. A test learns its seeds from the environment: `TANDEM_SEEDS=FIRST..END` for simulations, proptest's own
//! `PROPTEST_CASES` and `PROPTEST_RNG_SEED` for properties.

use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::Session;
use super::fuzz;
use super::kinds::{self, Kind};
use super::left_behind;
use super::packages;
use super::process::{self, Ending};
use super::report::minutes;
use super::tally::{Counting, Counts, Tally};
use crate::metadata::{Metadata, Package, cargo};

/// The test target that reads `TANDEM_SEEDS`.
const SIMULATION: &str = "simulation";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Sweep {
    /// All of them, with the same time each
    All,
    /// Properties, with many times the usual cases
    Property,
    /// Simulations, with seeds that no run has seen
    Simulation,
    /// Arbitrary input to what reads the bytes of others
    Fuzz,
    /// The real programs on loopback, in full size: all connections, kills and replacements that are promised
    Loopback,
    /// The real programs on hosts made of network namespaces, with the repetitions that take minutes
    Namespace,
}

/// What is remembered between runs.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Progress {
    next_seed: u64,
    failures: Vec<Failure>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Failure {
    replay: String,
}

pub(super) fn run(session: &Session, sweep: Sweep, target: Option<&str>, time: Duration) -> Result<ExitCode> {
    let sweeps = match sweep {
        Sweep::All => vec![
            Sweep::Property,
            Sweep::Simulation,
            Sweep::Fuzz,
            Sweep::Loopback,
            Sweep::Namespace,
        ],
        one => vec![one],
    };
    let kinds: Vec<Kind> = sweeps.iter().filter_map(|sweep| sweep.kind()).collect();
    packages::install_for_long(session.console, &kinds)?;
    let share = time / u32::try_from(sweeps.len()).unwrap_or(1);
    let mut counts = Counts::default();
    for sweep in sweeps {
        counts += match sweep {
            Sweep::Fuzz => fuzz::run(session, target, share)?,
            seeded => one(session, seeded, share)?,
        };
    }
    let Counts {
        passed,
        failed,
        skipped,
    } = counts;
    session
        .console
        .line(format_args!("{passed} passed, {failed} failed, {skipped} skipped"))?;
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn one(session: &Session, sweep: Sweep, time: Duration) -> Result<Counts> {
    if sweep.packages(&session.metadata).next().is_none() {
        session.console.line(format_args!("{}: none yet", sweep.name()))?;
        return Ok(Counts::default());
    }
    let store = Store::of(session, sweep);
    let mut progress = store.load()?;
    let deadline = Instant::now() + time;
    let mut counts = Counts::default();
    session.console.line(format_args!(
        "{}: {} from seed {}",
        sweep.name(),
        minutes(time),
        progress.next_seed
    ))?;
    while Instant::now() < deadline && !session.interruption.happened() {
        let seeds = progress.next_seed..progress.next_seed + sweep.seeds_a_round();
        let (ending, found) = round(
            session,
            sweep,
            &seeds,
            deadline.saturating_duration_since(Instant::now()),
        )?;
        let Ending::Exited(status) = ending else { break };
        counts += found;
        progress.next_seed = seeds.end;
        if !status.success() {
            counts.failed += usize::from(found.failed == 0);
            let replay = sweep.replay(&session.metadata, &seeds);
            session.console.line(format_args!("  failed; again with: {replay}"))?;
            progress.failures.push(Failure { replay });
        }
        store.save(&progress)?;
    }
    session.console.line(format_args!(
        "{}: next time from seed {}",
        sweep.name(),
        progress.next_seed
    ))?;
    Ok(counts)
}

fn round(session: &Session, sweep: Sweep, seeds: &Range<u64>, left: Duration) -> Result<(Ending, Counts)> {
    let mut command = sweep.command(&session.metadata, seeds);
    left_behind::mark(&mut command);
    let start = Instant::now();
    let mut tally = Tally::of(sweep.counting());
    let log = session.logs.join(format!("long-{}-{}.log", sweep.name(), seeds.start));
    let ending = process::run(command, left, &log, &session.interruption, |line| {
        tally
            .line(line)
            .filter(|text| text.ends_with("FAILED"))
            .map_or(Ok(()), |text| session.console.line(text))
    })?;
    let result = match ending {
        Ending::Exited(_) => format!("{} passed, {} failed", tally.counts.passed, tally.counts.failed),
        Ending::OverBudget | Ending::Interrupted => "not finished, first in line next time".to_owned(),
    };
    let took = start.elapsed().as_secs();
    session.console.line(format_args!(
        "  seeds {}..{}: {result}, {took} s",
        seeds.start, seeds.end
    ))?;
    let is_clean = matches!(ending, Ending::Exited(status) if status.success());
    if is_clean {
        fs::remove_file(&log).with_context(|| log.display().to_string())?;
    }
    Ok((ending, tally.counts))
}

impl Sweep {
    /// The kind whose packages it needs.
    fn kind(self) -> Option<Kind> {
        match self {
            Sweep::Loopback => Some(Kind::Loopback),
            Sweep::Namespace => Some(Kind::Namespace),
            Sweep::All | Sweep::Property | Sweep::Simulation | Sweep::Fuzz => None,
        }
    }

    fn name(self) -> String {
        self.to_possible_value()
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    }

    fn counting(self) -> Counting {
        match self {
            Sweep::Namespace => Counting::Summary,
            _ => Counting::Libtest,
        }
    }

    /// A property's round has one seed and many cases, a simulation's has many seeds, and so many kills are promised.
    fn seeds_a_round(self) -> u64 {
        match self {
            Sweep::Simulation => 1_000,
            Sweep::Loopback => 200,
            _ => 1,
        }
    }

    fn environment(self, seeds: &Range<u64>) -> Vec<(&'static str, String)> {
        let range = || format!("{}..{}", seeds.start, seeds.end);
        match self {
            Sweep::Simulation => vec![("TANDEM_SEEDS", range())],
            Sweep::Loopback => vec![("TANDEM_LONG", "1".to_owned()), ("TANDEM_SEEDS", range())],
            Sweep::Namespace => Vec::new(),
            Sweep::All | Sweep::Property | Sweep::Fuzz => vec![
                ("PROPTEST_CASES", "4096".to_owned()),
                ("PROPTEST_RNG_SEED", seeds.start.to_string()),
            ],
        }
    }

    /// Those that have something to sweep.
    fn packages(self, metadata: &Metadata) -> impl Iterator<Item = &Package> {
        metadata.members().filter(move |p| match self {
            Sweep::Loopback => p.name == kinds::LOOPBACK,
            Sweep::Namespace => p.name == kinds::NAMESPACE,
            Sweep::Simulation => crate::check::is_pure(&p.name) && p.targets_of("test").any(|name| name == SIMULATION),
            Sweep::All | Sweep::Property | Sweep::Fuzz => crate::check::is_pure(&p.name),
        })
    }

    fn command(self, metadata: &Metadata, seeds: &Range<u64>) -> Command {
        let mut command = Command::new(cargo());
        command.args(["test", "--locked", "--no-fail-fast"]);
        match self {
            // The same libraries as in the usual run, see `kinds::tests_named`.
            Sweep::Loopback | Sweep::Namespace => {
                let tests = self.packages(metadata).flat_map(|p| p.targets_of("test"));
                command.arg("--workspace").args(tests.flat_map(|name| ["--test", name]));
            }
            _ => {
                command.args(self.packages(metadata).flat_map(|p| ["--package", p.name.as_str()]));
            }
        }
        match self {
            Sweep::Simulation => drop(command.args(["--test", SIMULATION])),
            Sweep::Namespace => drop(command.args(["--", "--long"])),
            _ => {}
        }
        command
            .current_dir(&metadata.workspace_root)
            .env("CARGO_TERM_COLOR", "never");
        command.envs(self.environment(seeds));
        command
    }

    fn replay(self, metadata: &Metadata, seeds: &Range<u64>) -> String {
        let environment = self.environment(seeds);
        let set: Vec<String> = environment
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        format!("{} {}", set.join(" "), process::shown(&self.command(metadata, seeds)))
    }
}

struct Store {
    path: PathBuf,
}

impl Store {
    fn of(session: &Session, sweep: Sweep) -> Store {
        Store {
            path: session.logs.join(format!("long-{}.json", sweep.name())),
        }
    }

    fn load(&self) -> Result<Progress> {
        match fs::read_to_string(&self.path) {
            Ok(text) => serde_json::from_str(&text).with_context(|| self.path.display().to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Progress::default()),
            Err(error) => Err(error).with_context(|| self.path.display().to_string()),
        }
    }

    fn save(&self, progress: &Progress) -> Result<()> {
        fs::write(&self.path, serde_json::to_string_pretty(progress)?).with_context(|| self.path.display().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_survives() {
        let path = std::env::temp_dir().join(format!("xtask-progress-{}.json", std::process::id()));
        let store = Store { path: path.clone() };
        assert_eq!(store.load().expect("nothing yet"), Progress::default());
        let progress = Progress {
            next_seed: 7,
            failures: vec![Failure {
                replay: "again".to_owned(),
            }],
        };
        store.save(&progress).expect("the temporary folder is writable");
        assert_eq!(store.load().expect("just written"), progress);
        fs::remove_file(path).expect("ours");
    }

    #[test]
    fn seeds_reach_the_tests() {
        assert_eq!(
            Sweep::Simulation.environment(&(5..8)),
            [("TANDEM_SEEDS", "5..8".to_owned())]
        );
        assert_eq!(
            Sweep::Property.environment(&(5..6))[1],
            ("PROPTEST_RNG_SEED", "5".to_owned())
        );
        assert_eq!(
            Sweep::Loopback.environment(&(0..200))[1],
            ("TANDEM_SEEDS", "0..200".to_owned())
        );
    }
}
