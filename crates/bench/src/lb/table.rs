//! The figures for people: a line for each load and program, with ours as a ratio to each of the others.

use std::fmt::Write;

use super::{Figures, Report, Row};
use crate::figures::Ratio;

const LOAD: usize = 18;
const PROGRAM: usize = 16;
const CELL: usize = 12;
const RATIO: usize = 20;

type Reading = fn(&Figures) -> Option<f64>;

const RATE: Reading = |f| f.rate;
const PROCESSOR: Reading = |f| f.processor;
const P99: Reading = |f| f.waits.map(|w| w.p99);
const MEMORY: Reading = |f| f.memory;

/// What is promised of ours beside HAProxy: load, figure, whom beside, at most or at least this ratio.
const GOALS: [(&str, &str, Reading, usize, Bound); 8] = [
    ("bulk-8", "throughput", RATE, 0, Bound::AtLeast(1.6)),
    ("bulk-8", "throughput", RATE, 1, Bound::AtLeast(1.1)),
    ("bulk-8", "CPU per byte", PROCESSOR, 0, Bound::AtMost(0.35)),
    ("bulk-8", "CPU per byte", PROCESSOR, 1, Bound::AtMost(0.6)),
    ("exchange-64b-64", "CPU per exchange", PROCESSOR, 0, Bound::AtMost(0.85)),
    ("exchange-64b-64", "rate", RATE, 0, Bound::AtLeast(1.05)),
    ("exchange-64b-64", "p99", P99, 0, Bound::AtMost(0.95)),
    ("connect", "CPU per connection", PROCESSOR, 0, Bound::AtMost(0.85)),
];

/// Of user space, for an idle connection.
const IDLE: f64 = 0.8 * 1024.0;

#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

pub(super) fn text(report: &Report) -> String {
    let mut out = report.machine.text();
    out.push('\n');
    let heads = ["rate", "CPU each", "p50 us", "p99 us", "p99.9 us", "B/conn"];
    let mut line = format!("{:LOAD$}{:PROGRAM$}", "load", "program");
    heads.iter().for_each(|head| pad(&mut line, head, CELL));
    ["ours: rate x", "CPU x", "p99 x"]
        .iter()
        .for_each(|head| pad(&mut line, head, RATIO));
    push(&mut out, &line);
    for row in &report.rows {
        for (contender, name) in report.contenders.iter().enumerate() {
            push(&mut out, &one(row, contender, name));
        }
    }
    out.push_str(
        "\nMedians. Ratios are ours divided by that line's program, of runs beside each other: the median, and all of them in \
         parentheses.\nMore is better of rates, less of everything else. CPU is the proxy's own, from the kernel; rates are of a \
         machine that clients,\nproxy and servers share.\n\n",
    );
    goals(&mut out, report);
    out
}

fn one(row: &Row, contender: usize, name: &str) -> String {
    let (rate_unit, rate_scale, each_unit, each_scale) = row.load.units();
    let shown = |reading: Reading, scale: f64, unit: &str, decimals: usize| {
        let median = median(row, contender, reading);
        median.map_or_else(|| "-".into(), |median| format!("{:.decimals$}{unit}", median * scale))
    };
    let mut line = format!("{:LOAD$}{name:PROGRAM$}", row.load.to_string());
    for cell in [
        shown(RATE, 1.0 / rate_scale, &format!(" {rate_unit}"), 2),
        shown(PROCESSOR, each_scale, &format!(" {each_unit}"), 2),
        shown(|f| f.waits.map(|w| w.p50), 1.0, "", 0),
        shown(P99, 1.0, "", 0),
        shown(|f| f.waits.map(|w| w.p999), 1.0, "", 0),
        shown(MEMORY, 1.0, "", 0),
    ] {
        pad(&mut line, &cell, CELL);
    }
    if contender + 1 < row.runs.len() {
        for reading in [RATE, PROCESSOR, P99] {
            pad(
                &mut line,
                &ratio(row, contender, reading).map_or_else(String::new, |r| r.to_string()),
                RATIO,
            );
        }
    }
    line
}

fn goals(out: &mut String, report: &Report) {
    let row = |name: &str| report.rows.iter().find(|row| row.load.to_string() == name);
    for (load, figure, reading, beside, bound) in GOALS {
        let peer = report
            .contenders
            .get(beside)
            .filter(|_| beside + 1 < report.contenders.len());
        let (Some(row), Some(peer)) = (row(load), peer) else {
            continue;
        };
        let Some(ratio) = ratio(row, beside, reading) else {
            continue;
        };
        let (kept, words) = match bound {
            Bound::AtLeast(goal) => (ratio.median >= goal, format!("at least {goal}")),
            Bound::AtMost(goal) => (ratio.median <= goal, format!("at most {goal}")),
        };
        let verdict = if kept { "met" } else { "NOT MET" };
        push(out, &format!("{load}, {figure}: {words} x {peer}: {ratio} {verdict}"));
    }
    let ours = report.contenders.len() - 1;
    if let Some(memory) = row("idle").and_then(|row| median(row, ours, MEMORY)) {
        let verdict = if memory <= IDLE { "met" } else { "NOT MET" };
        push(
            out,
            &format!("idle, memory: at most {IDLE:.0} B a connection: {memory:.0} B {verdict}"),
        );
    }
}

fn median(row: &Row, contender: usize, reading: Reading) -> Option<f64> {
    let figures = row.runs[contender].iter().filter_map(reading);
    crate::figures::Spread::of(figures).map(|spread| spread.median)
}

/// Ours to another's, run by run.
fn ratio(row: &Row, other: usize, reading: Reading) -> Option<Ratio> {
    let ours = row.runs.last()?.iter().filter_map(reading);
    Ratio::of(ours.zip(row.runs[other].iter().filter_map(reading)))
}

fn pad(line: &mut String, cell: &str, width: usize) {
    // Writing to a String cannot fail.
    let _ = write!(line, "{cell:<width$}");
}

fn push(out: &mut String, line: &str) {
    out.push_str(line.trim_end());
    out.push('\n');
}
