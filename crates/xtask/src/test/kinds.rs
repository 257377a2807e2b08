//! The kinds of tests, what each runs and how long it may.

use std::fmt;
use std::process::Command;
use std::time::Duration;

use clap::ValueEnum;

use super::report::minutes;
use super::tally::Counting;
use crate::metadata::{Metadata, cargo};

pub(super) const LOOPBACK: &str = "tandem-tests";
pub(super) const NAMESPACE: &str = "tandem-netns-tests";
/// Test targets of the loopback package that begin like this need a browser.
const BROWSER: &str = "browser";
/// A run judges what was changed, so its properties try the same cases as the run before; `--long` tries new ones.
const PROPERTIES: (&str, &str) = ("PROPTEST_RNG_SEED", "1");

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Kind {
    /// `cargo xtask check`; shares its budget with the build
    Check,
    /// Everything that runs later is built here
    Build,
    /// Tables, properties, models, simulations, golden files: the tests of all crates
    Unit,
    /// The real programs on 127.0.0.1 and ::1
    Loopback,
    /// The real programs on hosts made of network namespaces, beside the programs they replace
    Namespace,
    /// The pages in a real browser
    Browser,
}

/// The kinds to run, in their order. What runs must have been built.
pub(super) fn chosen(only: &[Kind]) -> Vec<Kind> {
    let wanted = |kind: &Kind| only.is_empty() || only.contains(kind) || *kind == Kind::Build && only != [Kind::Check];
    Kind::value_variants().iter().copied().filter(wanted).collect()
}

/// What each may take; those that spend from one purse are named together.
pub(super) fn budgets(kinds: &[Kind]) -> String {
    let purses = kinds.chunk_by(|a, b| a.shares_with(*b));
    let named = purses.map(|purse| {
        let names: Vec<String> = purse.iter().map(Kind::to_string).collect();
        format!("{} {}", names.join(" and "), minutes(purse[0].budget()))
    });
    named.collect::<Vec<_>>().join(", ")
}

impl Kind {
    pub(super) fn budget(self) -> Duration {
        let minutes = match self {
            Kind::Check | Kind::Build => 10,
            Kind::Unit => 2,
            Kind::Loopback => 6,
            Kind::Namespace => 5,
            Kind::Browser => 1,
        };
        Duration::from_secs(minutes * 60)
    }

    /// Kinds that spend from one purse.
    pub(super) fn shares_with(self, other: Kind) -> bool {
        self == other || !self.is_tests() && !other.is_tests()
    }

    pub(super) fn is_tests(self) -> bool {
        !matches!(self, Kind::Check | Kind::Build)
    }

    pub(super) fn counting(self) -> Counting {
        match self {
            Kind::Build => Counting::Nothing,
            Kind::Check | Kind::Namespace => Counting::Summary,
            Kind::Unit | Kind::Loopback | Kind::Browser => Counting::Libtest,
        }
    }

    /// What runs it; `None` when there is nothing of this kind yet.
    pub(super) fn command(self, metadata: &Metadata) -> Option<Command> {
        let package = |name: &str| metadata.members().find(|p| p.name == name);
        match self {
            Kind::Check => {
                let mut command = Command::new(std::env::current_exe().ok()?);
                command.arg("check").current_dir(&metadata.workspace_root);
                Some(command)
            }
            Kind::Build => Some(in_workspace(
                metadata,
                &["build", "--locked", "--workspace", "--all-targets"],
            )),
            Kind::Unit => {
                let mut command = in_workspace(metadata, &["test", "--locked", "--no-fail-fast", "--workspace"]);
                let apart = [LOOPBACK, NAMESPACE]
                    .into_iter()
                    .filter(|name| metadata.has_member(name));
                command.args(apart.flat_map(|name| ["--exclude", name]));
                if std::env::var_os(PROPERTIES.0).is_none() {
                    command.env(PROPERTIES.0, PROPERTIES.1);
                }
                Some(command)
            }
            Kind::Loopback => {
                let tests = package(LOOPBACK)?
                    .targets_of("test")
                    .filter(|name| !name.starts_with(BROWSER));
                tests_named(metadata, &tests.collect::<Vec<_>>())
            }
            Kind::Namespace => {
                let tests = package(NAMESPACE)?.targets_of("test");
                tests_named(metadata, &tests.collect::<Vec<_>>())
            }
            Kind::Browser => {
                let tests = package(LOOPBACK)?
                    .targets_of("test")
                    .filter(|name| name.starts_with(BROWSER));
                tests_named(metadata, &tests.collect::<Vec<_>>())
            }
        }
    }

    /// What runs these tests once more, one after the other; `None` for what is no test.
    pub(super) fn again(self, metadata: &Metadata, names: &[String]) -> Option<Command> {
        if !self.is_tests() {
            return None;
        }
        let mut command = self.command(metadata)?;
        command.args(["--", "--exact"]).args(names);
        if self.counting() == Counting::Libtest {
            command.arg("--test-threads=1");
        }
        Some(command)
    }

    /// Said when there is no command.
    pub(super) fn missing(self) -> &'static str {
        match self {
            Kind::Browser => "none yet: comes with the statistics page",
            _ => "none yet",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.pad(value.as_ref().map_or("", |value| value.get_name()))
    }
}

fn in_workspace(metadata: &Metadata, arguments: &[&str]) -> Command {
    let mut command = Command::new(cargo());
    command
        .args(arguments)
        .current_dir(&metadata.workspace_root)
        .env("CARGO_TERM_COLOR", "never");
    command
}

/// Of the whole workspace, although one package has them: which features a library gets depends on who else is built with
/// it, so with `--package` half of them would be built again.
fn tests_named(metadata: &Metadata, names: &[&str]) -> Option<Command> {
    if names.is_empty() {
        return None;
    }
    let mut command = in_workspace(metadata, &["test", "--locked", "--no-fail-fast", "--workspace"]);
    command.args(names.iter().flat_map(|name| ["--test", name]));
    Some(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_is_built_first() {
        assert_eq!(chosen(&[]), Kind::value_variants());
        assert_eq!(chosen(&[Kind::Unit]), [Kind::Build, Kind::Unit]);
        assert_eq!(chosen(&[Kind::Check]), [Kind::Check]);
    }

    #[test]
    fn purses_are_named_once() {
        let shown = budgets(&[Kind::Check, Kind::Build, Kind::Unit]);
        assert_eq!(shown, "check and build 10 min, unit 2 min");
    }

    #[test]
    fn the_budgets_fit_into_the_whole() {
        let sum: Duration = Kind::value_variants()
            .iter()
            .filter(|k| **k != Kind::Check)
            .map(|k| k.budget())
            .sum();
        assert!(sum <= super::super::IN_ALL, "{sum:?}");
        assert!(Kind::Check.shares_with(Kind::Build) && !Kind::Unit.shares_with(Kind::Loopback));
    }
}
