//! The report for a terminal.

use std::fmt::Write;

use super::report::{Report, Stretch};
use crate::theirs::change::Change;

/// What is otherwise in the lab than in somebody's own files.
pub fn changes(changes: &[Change]) -> String {
    let lines: String = changes.iter().map(|change| format!("  {change}\n")).collect();
    match lines.as_str() {
        "" => "the files are rehearsed as they are\n\n".into(),
        lines => format!("the files are rehearsed as they are, but for:\n{lines}\n"),
    }
}

pub fn write(report: &Report) -> String {
    let mut out = format!("{}: {}\n  with {}\n", report.drill, report.about, report.cast);
    let f = &report.figures;
    for step in &report.steps {
        line(
            &mut out,
            format_args!("{:7.0} ms  {} (took {:.0} ms)", step.at, step.act, step.took),
        );
    }
    let stretches: Vec<String> = report.holders.iter().map(stretch).collect();
    if !stretches.is_empty() {
        line(&mut out, format_args!("address       {}", stretches.join(", ")));
    }
    line(
        &mut out,
        format_args!(
            "messages      {} acknowledged, {} lost, {} came twice, {} stranded and came later, {} never answered",
            f.acknowledged, f.lost, f.duplicated, f.stranded, f.unanswered
        ),
    );
    line(
        &mut out,
        format_args!(
            "answers       {:.0} a second, median {:.1} ms, worst {:.0} ms, {} later than 300 ms",
            f.per_second, f.median_ms, f.worst_ms, f.late
        ),
    );
    line(
        &mut out,
        format_args!(
            "connections   {} established broke; none was answered for {:.0} ms, of one address for {:.0} ms",
            f.broken_connections, f.gap_ms, f.client_gap_ms
        ),
    );
    let shares: Vec<String> = f
        .share_of_broker
        .iter()
        .enumerate()
        .map(|(n, c)| format!("broker{} {c}", n + 1))
        .collect();
    line(&mut out, format_args!("served        {}", shares.join(", ")));
    for promise in &report.broken_promises {
        line(&mut out, format_args!("NOT KEPT      {promise}"));
    }
    line(
        &mut out,
        format_args!("{}", if report.passed { "passed" } else { "FAILED" }),
    );
    out
}

fn stretch(stretch: &Stretch) -> String {
    let hosts = if stretch.hosts.is_empty() {
        "nobody".into()
    } else {
        stretch.hosts.join("+")
    };
    format!("{hosts} {:.0} ms", stretch.to - stretch.from)
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "  {text}");
}
