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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Machine;
    use crate::vrrp::setting::Setting;
    use crate::vrrp::trial::Figures;

    fn row(event: Event, ours: (usize, f64), theirs: (usize, f64)) -> Row {
        let figures = |(lost, late)| Figures {
            lost,
            gap: 0.0,
            advert: Some(1.0),
            late: Some(late),
            healed: None,
            back: None,
        };
        Row {
            setting: Setting::V3Tenth,
            event,
            runs: vec![vec![figures(ours)], vec![figures(theirs)]],
        }
    }

    #[test]
    fn only_what_ours_breaks_is_named() {
        let report = Report {
            machine: Machine::look(Vec::new()),
            contenders: vec!["tandem-vrrp", "Keepalived"],
            rows: vec![
                row(Event::Sigterm, (1, 0.5), (31, 9.0)),
                row(Event::KillOne, (0, 50.0), (150, 0.0)),
                row(Event::LinkDown, (170, -2.5), (170, 0.0)),
            ],
        };
        let broken: Vec<Vec<String>> = judge(&report).into_iter().map(|goal| goal.broken).collect();
        let named = [
            vec!["v3 100 ms SIGTERM, 1 lost"],
            vec![],
            vec!["v3 100 ms link down, 2.5 ms away"],
        ];
        assert_eq!(broken, named);
    }
}
