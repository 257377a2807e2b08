//! Every test within a budget: build 10 minutes, unit to simulation 2, loopback 6, namespaces and interoperation 5,
//! browser 1, and 24 in all. What one leaves over is for those after it; what takes longer is killed and named.

mod again;
mod excerpt;
mod fuzz;
mod kinds;
mod left_behind;
mod long;
mod packages;
mod process;
mod report;
mod tally;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::console::{Console, Paint};
use crate::metadata::Metadata;
use kinds::Kind;
use process::{Ending, Interruption};
use report::{Report, Row, Verdict};
use tally::{Counting, Tally};

const IN_ALL: Duration = Duration::from_secs(24 * 60);

#[derive(clap::Args)]
pub struct Arguments {
    /// Only these kinds, and the build they need
    #[arg(long, value_enum, value_name = "KIND", conflicts_with = "long")]
    only: Vec<Kind>,
    /// A long run of one kind, or of all that can run long; it goes on where the last one stopped
    #[arg(long, value_enum, value_name = "KIND", num_args = 0..=1, default_missing_value = "all")]
    long: Option<long::Sweep>,
    /// How long a long run takes
    #[arg(long, value_name = "N", default_value_t = 10, requires = "long", value_parser = clap::value_parser!(u64).range(1..=60))]
    minutes: u64,
    /// Of fuzzing, only this target
    #[arg(long, value_name = "NAME", requires = "long")]
    target: Option<String>,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let session = Session::begin()?;
    if let Some(sweep) = arguments.long {
        let time = Duration::from_secs(arguments.minutes * 60);
        return long::run(&session, sweep, arguments.target.as_deref(), time);
    }
    session.run(&arguments.only)
}

/// One call of the command.
struct Session {
    metadata: Metadata,
    console: Console,
    interruption: Interruption,
    /// Where the whole output of each kind goes.
    logs: PathBuf,
}

impl Session {
    fn begin() -> Result<Session> {
        let metadata = Metadata::load()?;
        let logs = metadata.target_directory.join("xtask");
        fs::create_dir_all(&logs).with_context(|| logs.display().to_string())?;
        Ok(Session {
            metadata,
            console: Console::new(),
            interruption: Interruption::listen()?,
            logs,
        })
    }

    fn run(&self, only: &[Kind]) -> Result<ExitCode> {
        let kinds = kinds::chosen(only);
        self.console.line(format_args!(
            "budget: {}; {} in all",
            kinds::budgets(&kinds),
            report::minutes(IN_ALL)
        ))?;
        packages::install(self.console, &kinds)?;
        let mut report = Report::default();
        let start = Instant::now();
        for kind in kinds {
            let left = IN_ALL.saturating_sub(start.elapsed());
            let budget = kind.budget() + report.left_over_for(kind);
            let budget = budget.saturating_sub(report.spent_with(kind)).min(left);
            let row = self.kind(kind, budget)?;
            let nothing_to_run = kind == Kind::Build && row.verdict != Verdict::Passed;
            report.push(row);
            if nothing_to_run || self.interruption.happened() {
                break;
            }
        }
        report.print(self.console, start.elapsed(), IN_ALL)
    }

    fn kind(&self, kind: Kind, budget: Duration) -> Result<Row> {
        let Some(command) = kind.command(&self.metadata) else {
            self.console.line(format_args!(
                "{}: {}",
                self.console.paint(Paint::Bold, kind),
                kind.missing()
            ))?;
            return Ok(Row::absent(kind));
        };
        let title = self.console.paint(Paint::Bold, kind);
        self.console.line(format_args!(
            "{title}: {}, budget {}",
            process::shown(&command),
            report::minutes(budget)
        ))?;
        let start = Instant::now();
        let log = self.logs.join(format!("{kind}.log"));
        let (ending, tally) = self.play(kind, command, budget, &log)?;
        let mut row = Row::new(kind, &ending, tally, start.elapsed());
        if row.verdict != Verdict::Passed {
            self.explain(kind, &log, &ending)?;
            self.once_more(&mut row, &log, &ending, budget.saturating_sub(start.elapsed()))?;
        }
        Ok(row)
    }

    fn play(&self, kind: Kind, mut command: Command, budget: Duration, log: &Path) -> Result<(Ending, Tally)> {
        if kind.is_tests() {
            left_behind::mark(&mut command);
        }
        let mut tally = Tally::of(kind.counting());
        let ending = process::run(command, budget, log, &self.interruption, |line| {
            tally
                .line(line)
                .map_or(Ok(()), |text| self.console.line(format_args!("  {text}")))
        })?;
        Ok((ending, tally))
    }

    /// A few tests that failed are run again, alone, in what is left of the budget.
    fn once_more(&self, row: &mut Row, log: &Path, ending: &Ending, budget: Duration) -> Result<()> {
        let kind = row.kind;
        let first = fs::read_to_string(log).unwrap_or_default();
        let Some(names) = again::worth_a_try(kind.counting(), ending, &first) else {
            return Ok(());
        };
        let Some(command) = kind.again(&self.metadata, &names) else {
            return Ok(());
        };
        self.console
            .line(format_args!("  once more, alone: {}", names.join(", ")))?;
        let start = Instant::now();
        let log = self.logs.join(format!("{kind}-again.log"));
        let (ending, _) = self.play(kind, command, budget, &log)?;
        let second = fs::read_to_string(&log).unwrap_or_default();
        let outcome = again::judge(names, &first, kind.counting(), &ending, &second);
        if !outcome.failed.is_empty() {
            self.explain(kind, &log, &ending)?;
        }
        row.after(outcome, start.elapsed());
        Ok(())
    }

    fn explain(&self, kind: Kind, log: &Path, ending: &Ending) -> Result<()> {
        if kind.counting() != Counting::Summary {
            let text = fs::read_to_string(log).unwrap_or_default();
            for line in excerpt::of(&text) {
                self.console.line(format_args!("  | {line}"))?;
            }
        }
        self.console
            .line(format_args!("  {ending}; all of it is in {}", log.display()))
    }
}
