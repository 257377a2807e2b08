//! What ours has promised, and whether this run kept it.

use super::event::Event;
use super::{Report, Row};

/// How far from the arithmetic a takeover may be.
const DETECTION_MS: f64 = 2.0;
/// How long an address that somebody removed may be away.
const AWAY_MS: f64 = 10.0;
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
        goal("a removed address is back within 10 ms", |row| {
            let away = row.figures(OURS, |f| f.back).fold(0.0, f64::max);
            (away > AWAY_MS).then(|| format!("{}, after {away:.1} ms", name(row)))
        }),
        goal("a heal: clients are right within an interval", |row| {
            let wrong = row
                .figures(OURS, |f| f.healed.as_ref().map(|healed| healed.gap))
                .fold(0.0, f64::max);
            let interval = row.setting.interval().as_secs_f64() * 1000.0;
            (wrong > interval).then(|| format!("{}, {wrong:.0} ms", name(row)))
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
    use crate::vrrp::trial::{Figures, Healed};

    const WELL: Figures = Figures {
        lost: 0,
        gap: 0.0,
        advert: Some(1.0),
        late: Some(0.0),
        healed: None,
        back: None,
    };

    fn row(event: Event, ours: Figures) -> Row {
        let theirs = Figures {
            lost: 150,
            late: Some(9.0),
            back: Some(400.0),
            ..WELL
        };
        Row {
            setting: Setting::V3Tenth,
            event,
            runs: vec![vec![ours], vec![theirs]],
        }
    }

    #[test]
    fn only_what_ours_breaks_is_named() {
        let late = |late| Figures {
            late: Some(late),
            ..WELL
        };
        let healed = |gap| Figures {
            healed: Some(Healed { lost: 1, gap }),
            ..WELL
        };
        let back = |back| Figures {
            back: Some(back),
            ..WELL
        };
        let report = Report {
            machine: Machine::look(Vec::new()),
            contenders: vec!["tandem-vrrp", "Keepalived"],
            rows: vec![
                row(Event::Sigterm, Figures { lost: 1, ..late(0.5) }),
                row(Event::KillOne, late(50.0)),
                row(
                    Event::LinkDown,
                    Figures {
                        lost: 170,
                        ..late(-2.5)
                    },
                ),
                row(Event::AddressDeleted, back(10.5)),
                row(Event::AddressDeleted, back(9.5)),
                row(Event::Blackhole, healed(102.0)),
                row(Event::Blackhole, healed(98.0)),
            ],
        };
        let broken: Vec<Vec<String>> = judge(&report).into_iter().map(|goal| goal.broken).collect();
        let named = [
            vec!["v3 100 ms SIGTERM, 1 lost"],
            vec![],
            vec!["v3 100 ms link down, 2.5 ms away"],
            vec!["v3 100 ms VIP deleted, after 10.5 ms"],
            vec!["v3 100 ms blackhole, 102 ms"],
        ];
        assert_eq!(broken, named);
    }
}
