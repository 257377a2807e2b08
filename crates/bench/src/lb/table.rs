//! The figures for people: a line for each load and program, with ours as a ratio to each of the others.

use std::fmt::Write;

use super::goals::{self, MEMORY, P99, PROCESSOR, RATE, Reading};
use super::load::Load;
use super::{Measured, OURS, Report, Row};
use crate::figures::Spread;

const LOAD: usize = 20;
const PROGRAM: usize = 16;
const CELL: usize = 12;
const RATIO: usize = 20;

pub(super) fn text(report: &Report) -> String {
    let measured = &report.measured;
    let mut out = report.machine.text();
    out.push('\n');
    let heads = ["rate", "CPU each", "p50 us", "p99 us", "p99.9 us", "B/conn"];
    let mut line = format!("{:LOAD$}{:PROGRAM$}", "load", "program");
    heads.iter().for_each(|head| pad(&mut line, head, CELL));
    ["ours: rate x", "CPU x", "p99 x"]
        .iter()
        .for_each(|head| pad(&mut line, head, RATIO));
    push(&mut out, &line);
    for row in &measured.rows {
        for (contender, name) in measured.contenders.iter().enumerate() {
            if !row.runs[contender].is_empty() {
                push(&mut out, &one(measured, row, contender, name));
            }
        }
    }
    chores(&mut out, measured);
    out.push_str(
        "\nMedians. Ratios are ours divided by that line's program, of runs beside each other: the median, and all of them in \
         parentheses.\nMore is better of rates, less of everything else. CPU is the proxy's own, from the kernel; rates are of a \
         machine that clients,\nproxy and servers share.\n\n",
    );
    goals::lines(measured).iter().for_each(|line| push(&mut out, line));
    out
}

fn one(measured: &Measured, row: &Row, contender: usize, name: &str) -> String {
    let load = row.load.parse::<Load>().map(Load::units);
    let (rate_unit, rate_scale, each_unit, each_scale) = load.unwrap_or(("/s", 1.0, "s", 1.0));
    let shown = |reading: Reading, scale: f64, unit: &str, decimals: usize| {
        let median = measured.median(row, contender, reading);
        median.map_or_else(|| "-".into(), |median| format!("{:.decimals$}{unit}", median * scale))
    };
    let mut line = format!("{:LOAD$}{name:PROGRAM$}", row.load);
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
    if name != OURS {
        for reading in [RATE, PROCESSOR, P99] {
            let ratio = measured.ratio(row, contender, reading);
            pad(&mut line, &ratio.map_or_else(String::new, |r| r.to_string()), RATIO);
        }
    }
    line
}

fn chores(out: &mut String, measured: &Measured) {
    out.push('\n');
    for task in &measured.tasks {
        let (unit, scale) = task.chore.unit();
        let mut line = format!("{:32}", task.chore.name());
        for (name, runs) in measured.contenders.iter().zip(&task.runs) {
            if let Some(spread) = Spread::of(runs.iter().map(|figure| figure * scale)) {
                let _ = write!(line, "{name} {} {unit}   ", spread.text(1));
            }
        }
        push(out, &line);
    }
}

fn pad(line: &mut String, cell: &str, width: usize) {
    // Writing to a String cannot fail.
    let _ = write!(line, "{cell:<width$}");
}

fn push(out: &mut String, line: &str) {
    out.push_str(line.trim_end());
    out.push('\n');
}
