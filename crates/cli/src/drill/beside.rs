//! The same drills with ours and with the programs it replaces, in turn, in the same lab: one table.

use std::process::ExitCode;

use anyhow::Context;
use serde_json::{Value, json};
use tandem_lab::Ground;

use super::catalog::Drill;
use super::rehearsal;
use super::report::Report;
use crate::pair::Wishes;
use crate::pair::cast::Cast;
use crate::say::say;

const CASTS: [Cast; 2] = [Cast::OURS, Cast::ORIGINALS];

type Reading = fn(&Report) -> f64;

/// What is shown of each: heading, and what is read. What has no end was not.
const COLUMNS: [(&str, Reading); 5] = [
    ("gap ms", |r| r.figures.gap_ms),
    ("one address ms", |r| r.figures.client_gap_ms),
    ("held ms", Report::held_ms),
    ("broken", |r| r.figures.broken_connections as f64),
    ("lost", |r| r.figures.lost as f64),
];

pub fn run(
    ground: &Ground,
    drills: &[&Drill],
    wishes: &Wishes,
    repeat: u32,
    patience: f64,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    let mut passed = true;
    let mut rows = Vec::new();
    if !as_json {
        say(&heading())?;
    }
    for drill in drills {
        let mut runs: [Vec<Report>; 2] = Default::default();
        for number in 0..repeat {
            for each in 0..CASTS.len() {
                // In turn, and each begins as often as the other.
                let place = (each + number as usize) % CASTS.len();
                if !drill.suits(CASTS[place]) {
                    continue;
                }
                let wishes = Wishes {
                    cast: CASTS[place],
                    ..*wishes
                };
                let report = rehearsal::rehearse(ground, drill, &wishes, patience);
                runs[place].push(report.with_context(|| format!("drill {} with {}", drill.name, wishes.cast))?);
            }
        }
        let broken = broken(&runs[0]);
        passed &= broken.is_empty();
        if as_json {
            rows.push(json!({
                "drill": drill.name, "ours": figures(&runs[0]), "originals": figures(&runs[1]), "broken_promises": broken
            }));
        } else {
            say(&row(&drill.name, &runs))?;
            broken
                .iter()
                .try_for_each(|promise| say(&format!("  NOT KEPT  {promise}\n")))?;
        }
    }
    match as_json {
        true => say(&format!("{}\n", json!(rows)))?,
        false => say("- where it was not: no handover with Keepalived, and an address that stayed\n")?,
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn figures(runs: &[Report]) -> Value {
    let each = runs.iter().map(|report| {
        let mut value = json!(report.figures);
        value["held_ms"] = json!(report.held_ms());
        value
    });
    each.collect()
}

/// What was promised of ours and not kept in any run. Of the originals nothing was promised.
fn broken(runs: &[Report]) -> Vec<&String> {
    let mut all: Vec<&String> = runs.iter().flat_map(|report| &report.broken_promises).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn heading() -> String {
    let cells: String = COLUMNS.iter().map(|(name, _)| format!("{name:>32}")).collect();
    let pair = format!("{:>16}{:>16}", "ours", "originals").repeat(COLUMNS.len());
    format!("{:22}{cells}\n{:22}{pair}\n", "median (worst)", "")
}

fn row(name: &str, runs: &[Vec<Report>; 2]) -> String {
    let mut out = format!("{name:22}");
    for (_, read) in COLUMNS {
        for reports in runs {
            out += &format!("{:>16}", cell(reports.iter().map(read).collect()));
        }
    }
    out + "\n"
}

fn cell(mut values: Vec<f64>) -> String {
    values.sort_by(f64::total_cmp);
    let shown = |value: f64| {
        if value.is_finite() {
            format!("{value:.0}")
        } else {
            "-".into()
        }
    };
    let (median, worst) = (values.get(values.len() / 2).copied(), values.last().copied());
    match (median.map(shown), worst.map(shown)) {
        (Some(median), Some(worst)) if median != "-" || worst != "-" => format!("{median} ({worst})"),
        _ => "-".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::catalog;
    use crate::pair::cast::{Both, Origin};

    #[test]
    fn what_keepalived_cannot_do_is_known_by_the_steps() {
        let drill = |name: &str, step: &str| {
            let text = format!("[[drill]]\nname = \"{name}\"\nabout = \"\"\nsteps = [\"1 {step}\"]\nlasts = 2.0");
            catalog::read(&text).unwrap().remove(0)
        };
        let by = |balancer, router| Cast {
            routers: Both([balancer, router]),
            ..Cast::OURS
        };
        let (all, first, none) = (Cast::OURS, by(Origin::Ours, Origin::Original), Cast::ORIGINALS);
        for (drill, held) in [
            (drill("handover", "kill lb1"), [true; 3]),
            (drill("maintenance", "handover lb1"), [true, true, false]),
            (drill("back", "takepart lb2"), [true, false, false]),
        ] {
            assert_eq!([all, first, none].map(|cast| drill.suits(cast)), held, "{}", drill.name);
        }
    }

    #[test]
    fn a_row_has_what_was_and_a_line_where_nothing_was() {
        use crate::drill::report::{Done, Stretch};

        let stretch = |host: &str, from, to| Stretch {
            hosts: vec![host.into()],
            from,
            to,
        };
        let ours = [1040.0, 1050.0, 1060.0].map(|left| Report {
            steps: vec![Done {
                at: 1000.0,
                ..Done::default()
            }],
            holders: vec![stretch("lb1", 0.0, left), stretch("lb2", left, 5000.0)],
            ..Report::default()
        });
        let words = |runs: &[Vec<Report>; 2]| {
            let row = row("handover", runs);
            row.split("  ")
                .map(str::trim)
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            words(&[ours.to_vec(), Vec::new()]),
            [
                "handover", "0 (0)", "-", "0 (0)", "-", "50 (60)", "-", "0 (0)", "-", "0 (0)", "-"
            ]
        );
        let stayed = [Report::default()];
        assert_eq!(words(&[stayed.to_vec(), stayed.to_vec()])[5..7], ["-", "-"]);
        assert_eq!(figures(&ours)[2]["held_ms"], 60.0);
        assert_eq!(heading().lines().map(str::len).collect::<Vec<_>>(), [182; 2]);
    }

    #[test]
    fn a_promise_that_one_run_broke_is_broken() {
        let late = "no new connection was answered for 900 ms, and 150 ms were allowed";
        let run = |promises: &[&str]| Report {
            broken_promises: promises.iter().map(|promise| promise.to_string()).collect(),
            ..Report::default()
        };
        assert!(broken(&[run(&[]), run(&[])]).is_empty());
        assert_eq!(broken(&[run(&[]), run(&[late]), run(&[late])]), [late]);
    }
}
