//! The same drills with ours and with the programs it replaces, in turn, in the same lab: one table.

use std::process::ExitCode;

use anyhow::{Context, bail};
use serde_json::json;
use tandem_lab::Ground;

use super::catalog::Drill;
use super::rehearsal;
use super::report::{Figures, Report};
use crate::pair::Wishes;
use crate::pair::cast::Cast;
use crate::say::say;

const CASTS: [Cast; 2] = [Cast::OURS, Cast::ORIGINALS];

type Reading = fn(&Figures) -> f64;

/// What is shown of each: heading, and what is read.
const COLUMNS: [(&str, Reading); 4] = [
    ("gap ms", |f| f.gap_ms),
    ("one address ms", |f| f.client_gap_ms),
    ("broken", |f| f.broken_connections as f64),
    ("lost", |f| f.lost as f64),
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
    let (both, ours_only): (Vec<&Drill>, Vec<&Drill>) = drills.iter().partition(|drill| drill.suits(Cast::ORIGINALS));
    if both.is_empty() {
        bail!("Keepalived knows no handover: there is nothing to hold beside each other");
    }
    let mut rows = Vec::new();
    if !as_json {
        say(&heading())?;
    }
    for drill in both {
        let mut runs: [Vec<Report>; 2] = Default::default();
        for number in 0..repeat {
            for each in 0..CASTS.len() {
                // In turn, and each begins as often as the other.
                let place = (each + number as usize) % CASTS.len();
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
            let of = |reports: &[Report]| json!(reports.iter().map(|r| &r.figures).collect::<Vec<_>>());
            rows.push(json!({
                "drill": drill.name, "ours": of(&runs[0]), "originals": of(&runs[1]), "broken_promises": broken
            }));
        } else {
            say(&row(&drill.name, &runs))?;
            broken
                .iter()
                .try_for_each(|promise| say(&format!("  NOT KEPT  {promise}\n")))?;
        }
    }
    if as_json {
        say(&format!("{}\n", json!(rows)))?;
    } else {
        ours_only
            .iter()
            .try_for_each(|drill| say(&format!("{:18}Keepalived knows no handover\n", drill.name)))?;
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::from(1) })
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
    format!("median (worst)    {cells}\n{:18}{pair}\n", "")
}

fn row(name: &str, runs: &[Vec<Report>; 2]) -> String {
    let mut out = format!("{name:18}");
    for (_, read) in COLUMNS {
        for reports in runs {
            let mut values: Vec<f64> = reports.iter().map(|report| read(&report.figures)).collect();
            values.sort_by(f64::total_cmp);
            let median = values.get(values.len() / 2).copied().unwrap_or(0.0);
            let worst = values.last().copied().unwrap_or(0.0);
            out += &format!("{:>16}", format!("{median:.0} ({worst:.0})"));
        }
    }
    out + "\n"
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
