//! What ours has promised, and whether this run kept it.

use super::event::Event;
use super::{Report, Row};

/// How far from the arithmetic a takeover may be.
const DETECTION_MS: f64 = 2.0;
/// Ours comes first in each row.
const OURS: usize = 0;

pub(super) struct Goal {
    pub(super) promise: &'static str,
    /// What broke it, one for each row.
    pub(super) broken: Vec<String>,
}

pub(super) fn judge(report: &Report) -> Vec<Goal> {
    let goal = |promise, breach: fn(&Row) -> Option<String>| Goal {
        promise,
        broken: report.rows.iter().filter_map(breach).collect(),
    };
    vec![
        goal("planned handover and reload: nothing lost", |row| {
            lost(row, Event::is_planned)
        }),
        goal("a process of ours dies: nothing lost", |row| lost(row, Event::is_crash)),
        goal("detection within 2 ms of the arithmetic", |row| {
            let late = row.figures(OURS, |f| f.late).map(f64::abs).fold(0.0, f64::max);
            let breaks = row.event.moves() && late > DETECTION_MS;
            breaks.then(|| format!("{}, {late:.1} ms away", name(row)))
        }),
    ]
}

fn lost(row: &Row, applies: fn(Event) -> bool) -> Option<String> {
    let worst = row.runs[OURS].iter().map(|f| f.lost).max().unwrap_or(0);
    (applies(row.event) && worst > 0).then(|| format!("{}, {worst} lost", name(row)))
}

fn name(row: &Row) -> String {
    format!("{} {}", row.setting.name(), row.event.name())
}
