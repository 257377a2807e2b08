//! The table at the end, and the verdict.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;

use super::again::{Flaky, Outcome};
use super::kinds::Kind;
use super::process::Ending;
use super::tally::{Counts, Tally};
use crate::console::{Console, Paint};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Passed,
    Failed,
    OverBudget,
    Interrupted,
    /// There is nothing of this kind yet.
    Absent,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) kind: Kind,
    pub(super) verdict: Verdict,
    counts: Counts,
    took: Duration,
    flaky: Vec<Flaky>,
}

impl Row {
    pub(super) fn new(kind: Kind, ending: &Ending, tally: Tally, took: Duration) -> Row {
        let mut counts = tally.counts;
        let verdict = match ending {
            Ending::Exited(status) if status.success() && counts.failed == 0 => Verdict::Passed,
            Ending::Exited(_) => Verdict::Failed,
            Ending::OverBudget => Verdict::OverBudget,
            Ending::Interrupted => Verdict::Interrupted,
        };
        // A build that breaks or a harness that dies has no failing test of its own, and still is one failure.
        if verdict != Verdict::Passed {
            counts.failed = counts.failed.max(1);
        }
        Row {
            kind,
            verdict,
            counts,
            took,
            flaky: Vec::new(),
        }
    }

    /// After the failed tests have had their second chance.
    pub(super) fn after(&mut self, outcome: Outcome, took: Duration) {
        self.took += took;
        self.counts.passed += outcome.flaky.len();
        self.counts.failed = outcome.failed.len();
        self.flaky = outcome.flaky;
        if outcome.failed.is_empty() {
            self.verdict = Verdict::Passed;
        }
    }

    pub(super) fn absent(kind: Kind) -> Row {
        Row {
            kind,
            verdict: Verdict::Absent,
            counts: Counts::default(),
            took: Duration::ZERO,
            flaky: Vec::new(),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Report {
    rows: Vec<Row>,
}

impl Report {
    pub(super) fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// What has gone from the budget that `kind` shares.
    pub(super) fn spent_with(&self, kind: Kind) -> Duration {
        self.rows
            .iter()
            .filter(|row| row.kind.shares_with(kind))
            .map(|row| row.took)
            .sum()
    }

    /// What those before it have not spent: a slow minute is no failure, a slow whole is.
    pub(super) fn left_over_for(&self, kind: Kind) -> Duration {
        let purses = self.rows.chunk_by(|a, b| a.kind.shares_with(b.kind));
        let before = purses.map(|rows| rows[0].kind).filter(|first| !first.shares_with(kind));
        before
            .map(|first| first.budget().saturating_sub(self.spent_with(first)))
            .sum()
    }

    pub(super) fn print(&self, console: Console, took: Duration, in_all: Duration) -> Result<ExitCode> {
        console.line("")?;
        let head = format!(
            "{:<10} {:<12} {:>7} {:>7} {:>7} {:>8} {:>7}",
            "kind", "result", "passed", "failed", "skipped", "seconds", "budget"
        );
        console.line(console.paint(Paint::Bold, head))?;
        let mut sum = Counts::default();
        for row in &self.rows {
            sum += row.counts;
            console.line(row.line(console))?;
        }
        let Counts {
            passed,
            mut failed,
            skipped,
        } = sum;
        self.print_flaky(console)?;
        let late = took > in_all;
        if late {
            failed += 1;
        }
        let result = if failed > 0 { Verdict::Failed } else { Verdict::Passed };
        console.line(columns(console, "in all", result, sum, took, in_all))?;
        if late {
            console.line(format_args!("over {} in all", minutes(in_all)))?;
        }
        console.line(format_args!("{passed} passed, {failed} failed, {skipped} skipped"))?;
        Ok(if failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

impl Report {
    /// Above the sums, so that it is not overlooked.
    fn print_flaky(&self, console: Console) -> Result<()> {
        for row in &self.rows {
            for Flaky { name, said } in &row.flaky {
                let title = console.paint(Paint::Yellow, format_args!("flaky: {} {name}", row.kind));
                console.line(format_args!(
                    "{title} failed, and passed when it was run once more, alone. The failure:"
                ))?;
                for line in said {
                    console.line(format_args!("  | {line}"))?;
                }
            }
        }
        Ok(())
    }
}

impl Row {
    fn line(&self, console: Console) -> String {
        columns(
            console,
            &self.kind.to_string(),
            self.verdict,
            self.counts,
            self.took,
            self.kind.budget(),
        )
    }
}

fn columns(console: Console, name: &str, verdict: Verdict, counts: Counts, took: Duration, budget: Duration) -> String {
    let (text, paint) = match verdict {
        Verdict::Passed => ("passed", Paint::Green),
        Verdict::Failed => ("failed", Paint::Red),
        Verdict::OverBudget => ("over budget", Paint::Red),
        Verdict::Interrupted => ("interrupted", Paint::Yellow),
        Verdict::Absent => ("none yet", Paint::Plain),
    };
    let verdict = console.paint(paint, format_args!("{text:<12}"));
    let Counts {
        passed,
        failed,
        skipped,
    } = counts;
    let (took, budget) = (took.as_secs_f64(), budget.as_secs());
    format!("{name:<10} {verdict} {passed:>7} {failed:>7} {skipped:>7} {took:>8.1} {budget:>7}")
}

/// `8 min`, `7 min 30 s`
pub(super) fn minutes(span: Duration) -> String {
    match (span.as_secs() / 60, span.as_secs() % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;

    fn row(kind: Kind, ending: Ending, lines: &[&str]) -> Row {
        let mut tally = Tally::of(kind.counting());
        for line in lines {
            tally.line(line);
        }
        Row::new(kind, &ending, tally, Duration::from_secs(1))
    }

    #[test]
    fn verdicts() {
        let exit = |code: i32| Ending::Exited(ExitStatus::from_raw(code << 8));
        for (ending, lines, verdict, failed) in [
            (exit(0), vec!["2 passed, 0 failed, 0 skipped"], Verdict::Passed, 0),
            (exit(0), vec!["2 passed, 1 failed, 0 skipped"], Verdict::Failed, 1),
            (exit(1), vec!["2 passed, 3 failed, 0 skipped"], Verdict::Failed, 3),
            (exit(101), vec![], Verdict::Failed, 1),
            (Ending::OverBudget, vec![], Verdict::OverBudget, 1),
            (Ending::Interrupted, vec![], Verdict::Interrupted, 1),
        ] {
            let row = row(Kind::Namespace, ending, &lines);
            assert_eq!(
                (row.verdict, row.counts.failed),
                (verdict, failed),
                "{ending:?} {lines:?}"
            );
        }
    }

    #[test]
    fn a_second_chance_counts() {
        let exit = Ending::Exited(ExitStatus::from_raw(1 << 8));
        let flaky = |name: &str| Flaky {
            name: name.to_owned(),
            said: Vec::new(),
        };
        for (failed, verdict) in [(vec![], Verdict::Passed), (vec!["b".to_owned()], Verdict::Failed)] {
            let mut row = row(Kind::Namespace, exit, &["7 passed, 2 failed, 0 skipped"]);
            let again = failed.len();
            let passed: Vec<Flaky> = ["a", "b"][..2 - again].iter().map(|name| flaky(name)).collect();
            row.after(Outcome { flaky: passed, failed }, Duration::from_secs(2));
            assert_eq!(
                (row.verdict, row.counts.failed, row.counts.passed),
                (verdict, again, 9 - again)
            );
            assert_eq!(row.took, Duration::from_secs(3));
        }
    }

    #[test]
    fn check_and_build_share_a_purse() {
        let ok = || Ending::Exited(ExitStatus::from_raw(0));
        let mut report = Report::default();
        report.push(row(Kind::Check, ok(), &[]));
        report.push(row(Kind::Build, ok(), &[]));
        assert_eq!(report.spent_with(Kind::Build), Duration::from_secs(2));
        assert_eq!(report.spent_with(Kind::Unit), Duration::ZERO);
    }

    #[test]
    fn what_is_left_over_is_for_those_who_come_later() {
        let ok = || Ending::Exited(ExitStatus::from_raw(0));
        let mut report = Report::default();
        report.push(row(Kind::Check, ok(), &[]));
        assert_eq!(report.left_over_for(Kind::Build), Duration::ZERO);
        report.push(row(Kind::Build, ok(), &[]));
        let of_build = Kind::Build.budget() - Duration::from_secs(2);
        assert_eq!(report.left_over_for(Kind::Unit), of_build);
        report.push(row(Kind::Unit, ok(), &[]));
        let of_unit = Kind::Unit.budget() - Duration::from_secs(1);
        assert_eq!(report.left_over_for(Kind::Loopback), of_build + of_unit);
    }

    #[test]
    fn times_for_people() {
        let shown = [45, 60, 450].map(|s| minutes(Duration::from_secs(s)));
        assert_eq!(shown, ["45 s", "1 min", "7 min 30 s"]);
    }
}
