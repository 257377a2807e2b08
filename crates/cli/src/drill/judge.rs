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
    within("the address stayed where it was", report.held_ms(), expected.held);
    if let Some(least) = expected.share
        && report.least_share() < f64::from(least)
    {
        let share = report.least_share();
        broken.push(format!(
            "one broker had {share:.0} % of the messages, and {least} % is the least"
        ));
    }
    if expected.stuck && report.figures.strayed > 0 {
        broken.push(format!(
            "{} clients did not stay with their broker",
            report.figures.strayed
        ));
    }
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
    use crate::drill::report::{Done, Figures, Stretch};
    use crate::pair::cast::Cast;

    fn report(figures: Figures, holders: &[&str]) -> Report {
        Report {
            holders: holders.iter().map(|host| stretch(&[host], 0.0, 1.0)).collect(),
            figures: Figures {
                acknowledged: 9,
                ..figures
            },
            ..Report::default()
        }
    }

    fn stretch(hosts: &[&str], from: f64, to: f64) -> Stretch {
        let hosts = hosts.iter().map(ToString::to_string).collect();
        Stretch { hosts, from, to }
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

    /// Whatever a drill of ours promises, a report that does not keep it fails.
    #[test]
    fn every_promise_of_every_drill_can_be_broken() {
        let late = 1e6;
        let kept = Figures {
            acknowledged_at_last: 5,
            share_of_broker: vec![50, 50],
            ..Figures::default()
        };
        let broken = Figures {
            lost: 1,
            gap_ms: late,
            client_gap_ms: late,
            broken_connections: 9,
            share_of_broker: vec![99, 1],
            strayed: 1,
            ..Figures::default()
        };
        for drill in catalog::ours().unwrap() {
            let expected = drill.promised_by(Cast::OURS, 100);
            let step = Done {
                at: 0.5,
                ..Done::default()
            };
            let of = |figures: &Figures, holders: &[(&[&str], f64)]| {
                let mut report = report(figures.clone(), &[]);
                let mut from = 0.0;
                for (hosts, to) in holders {
                    report.holders.push(stretch(hosts, from, *to));
                    from = *to;
                }
                report.steps = vec![step.clone()];
                judge(&mut report, &expected, 1.0);
                report.broken_promises
            };
            let good: &[(&[&str], f64)] = match expected.moves {
                Some(0) => &[(&["lb1"], 9.0)],
                _ => &[(&["lb1"], 1.0), (&["lb2"], 2.0), (&["lb1"], 9.0)],
            };
            assert_eq!(of(&kept, good), Vec::<String>::new(), "{}", drill.name);
            let Expected {
                gap,
                client_gap,
                breaks,
                holder,
                moves,
                held,
                share,
                stuck,
            } = &expected;
            let promises = [
                gap.is_some(),
                client_gap.is_some(),
                breaks.is_some(),
                holder.is_some(),
                moves.is_some(),
                held.is_some(),
                share.is_some(),
                *stuck,
            ];
            // That nothing is lost, and that there is service after the last step, is promised by all.
            let count = 2 + promises.into_iter().filter(|promised| *promised).count();
            let bad: &[(&[&str], f64)] = &[(&["lb2"], 0.2), (&["lb1"], 1.0), (&["lb1", "lb2"], 9.0)];
            let said = of(&broken, bad);
            assert_eq!(said.len(), count, "{}: {said:?}", drill.name);
        }
    }

    #[test]
    fn the_address_leaves_when_it_is_seen_to_leave() {
        let mut report = report(Figures::default(), &[]);
        report.steps = vec![Done {
            at: 1000.0,
            ..Done::default()
        }];
        assert!(report.held_ms() == 0.0, "nobody had it");
        report.holders = vec![stretch(&["lb1"], 0.0, 1040.0)];
        assert!(report.held_ms().is_infinite());
        report.holders.push(stretch(&["lb1", "lb2"], 1040.0, 1060.0));
        report.holders.push(stretch(&["lb2"], 1060.0, 3000.0));
        assert!((report.held_ms() - 60.0).abs() < 0.1, "{}", report.held_ms());
    }

    #[test]
    fn patience_makes_times_longer_and_nothing_else() {
        let late = Figures {
            acknowledged_at_last: 5,
            gap_ms: 200.0,
            ..Figures::default()
        };
        let of = |patience| verdict("balancer-drained", report(late.clone(), &["lb1"]), patience);
        assert_eq!(
            of(1.0),
            ["no new connection was answered for 200 ms, and 150 ms were allowed"]
        );
        assert!(of(1.5).is_empty());
    }
}
