//! Whether a drill went as was promised.

use std::time::Duration;

use super::catalog::Expected;
use super::report::Report;

/// Writes the verdict into the report. Times may be longer by this factor where the machine has other things to do.
pub fn judge(report: &mut Report, expected: &Expected, patience: f64) {
    let mut broken = Vec::new();
    let figures = &report.figures;
    if figures.acknowledged == 0 {
        broken.push("nothing was acknowledged at all".into());
    } else if figures.acknowledged_at_last == 0 {
        broken.push("nothing was acknowledged after the last step".into());
    }
    if figures.lost > 0 {
        broken.push(format!("{} acknowledged messages are lost", figures.lost));
    }
    let mut within = |what: &str, was: f64, allowed: Option<Duration>| {
        let Some(allowed) = allowed.map(|a| a.as_secs_f64() * 1000.0 * patience) else {
            return;
        };
        if was > allowed {
            broken.push(format!("{what} for {was:.0} ms, and {allowed:.0} ms were allowed"));
        }
    };
    within("no new connection was answered", figures.gap_ms, expected.gap);
    within("one address got no answer", figures.client_gap_ms, expected.client_gap);
    if let Some(allowed) = expected.breaks
        && figures.broken_connections > allowed
    {
        let count = figures.broken_connections;
        broken.push(format!("{count} established connections broke, and {allowed} may"));
    }
    if let Some(expected) = expected.moves
        && expected != report.moves()
    {
        broken.push(format!(
            "the address moved {} times, and not {expected}",
            report.moves()
        ));
    }
    if let Some(holder) = expected.holder {
        let last = report.last_holders();
        if last != [holder.to_string()] {
            let last = if last.is_empty() {
                "nobody".into()
            } else {
                last.join(" and ")
            };
            broken.push(format!("in the end {last} had the address, and not {holder}"));
        }
    }
    report.broken_promises.extend(broken);
    report.passed = report.broken_promises.is_empty();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::catalog;
    use crate::drill::report::{Figures, Stretch};

    fn report(figures: Figures, holders: &[&str]) -> Report {
        let stretch = |host: &&str| Stretch {
            hosts: vec![host.to_string()],
            from: 0.0,
            to: 1.0,
        };
        Report {
            holders: holders.iter().map(stretch).collect(),
            figures: Figures {
                acknowledged: 9,
                ..figures
            },
            ..Report::default()
        }
    }

    fn verdict(drill: &str, mut report: Report, patience: f64) -> Vec<String> {
        let drills = catalog::ours().unwrap();
        let drill = drills.iter().find(|each| each.name == drill).unwrap();
        judge(&mut report, &drill.expected, patience);
        assert_eq!(report.passed, report.broken_promises.is_empty());
        report.broken_promises
    }

    #[test]
    fn the_drills_of_brokers_can_fail() {
        let served = Figures {
            acknowledged_at_last: 5,
            ..Figures::default()
        };
        for drill in ["broker-killed", "broker-paused", "all-brokers-killed"] {
            let of = |figures: Figures, holders: &[&str]| verdict(drill, report(figures, holders), 8.0);
            assert_eq!(of(served.clone(), &["lb1"]), Vec::<String>::new());
            assert_eq!(
                of(Figures::default(), &["lb1"]),
                ["nothing was acknowledged after the last step"]
            );
            assert_eq!(
                of(served.clone(), &["lb1", "lb2", "lb1"]),
                ["the address moved 2 times, and not 0"]
            );
            assert_eq!(
                of(served.clone(), &["lb2"]),
                ["in the end lb2 had the address, and not lb1"]
            );
        }
    }

    #[test]
    fn patience_makes_times_longer_and_nothing_else() {
        let late = Figures {
            acknowledged_at_last: 5,
            gap_ms: 200.0,
            ..Figures::default()
        };
        let of = |patience| verdict("balancer-killed", report(late.clone(), &["lb1"]), patience);
        assert_eq!(
            of(1.0),
            ["no new connection was answered for 200 ms, and 150 ms were allowed"]
        );
        assert!(of(1.5).is_empty());
    }
}
