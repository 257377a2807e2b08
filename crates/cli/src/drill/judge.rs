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
