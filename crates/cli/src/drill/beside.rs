//! The same drills with ours and with the programs it replaces, in turn, in the same lab: one table.

use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;
use tandem_lab::Ground;

use super::catalog::Drill;
use super::report::{Figures, Report};
use super::{rehearsal, say};
use crate::pair::Wishes;
use crate::pair::cast::Cast;

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
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    let mut passed = true;
    let mut rows = Vec::new();
    if !as_json {
        say(&heading())?;
    }
    for drill in drills {
        // Keepalived knows no handover.
        if drill.name == "handover" {
            continue;
        }
        let mut runs: [Vec<Report>; 2] = Default::default();
        for number in 0..repeat {
            for each in 0..CASTS.len() {
                // In turn, and each begins as often as the other.
                let place = (each + number as usize) % CASTS.len();
                let wishes = Wishes {
                    cast: CASTS[place],
                    ..*wishes
                };
                let report = rehearsal::rehearse(ground, drill, &wishes, 1.0);
                runs[place].push(report.with_context(|| format!("drill {} with {}", drill.name, wishes.cast))?);
            }
        }
        passed &= runs[0].iter().all(|report| report.figures.lost == 0);
        if as_json {
            let of = |reports: &[Report]| json!(reports.iter().map(|r| &r.figures).collect::<Vec<_>>());
            rows.push(json!({ "drill": drill.name, "ours": of(&runs[0]), "originals": of(&runs[1]) }));
        } else {
            say(&row(&drill.name, &runs))?;
        }
    }
    if as_json {
        say(&format!("{}\n", json!(rows)))?;
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::from(1) })
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
