//! The figures for people: a line for each load and program, with ours as a ratio to the other.

use std::fmt::Write;

use super::goals::{self, per_processor_second, ratio};
use super::{Figures, Pairing, Report, Row};
use crate::figures::Spread;

const PROTOCOL: usize = 12;
const LOAD: usize = 10;
const PROGRAM: usize = 11;
const CELL: usize = 13;
const RATIO: usize = 20;

pub(super) fn text(report: &Report) -> String {
    let mut out = report.machine.text();
    out.push('\n');
    let mut line = format!("{:PROTOCOL$}{:LOAD$}{:PROGRAM$}", "protocol", "load", "program");
    ["msg/s", "CPU us/msg", "p99 ms"]
        .iter()
        .for_each(|head| pad(&mut line, head, CELL));
    ["ours: rate x", "msg/CPU s x", "p99 x"]
        .iter()
        .for_each(|head| pad(&mut line, head, RATIO));
    push(&mut out, &line);
    for pairing in &report.pairings {
        for row in &pairing.rows {
            for side in 0..pairing.programs.len() {
                push(&mut out, &one(pairing, row, side));
            }
        }
    }
    starts(&mut out, report);
    out.push_str(
        "\nMedians. A load is publishers x size; each publisher has up to 64 messages on their way, or 256 KiB. Ratios are \
         ours divided by the\nother's, of runs beside each other: the median, and all of them in parentheses. CPU is the \
         broker's own, until all messages had been\ndelivered and acknowledged; rates and waits are of a machine that \
         clients and broker share.\n\n",
    );
    goals::lines(report).iter().for_each(|line| push(&mut out, line));
    out
}

fn one(pairing: &Pairing, row: &Row, side: usize) -> String {
    let runs = &row.runs[side];
    let shown = |reading: fn(&Figures) -> f64, decimals: usize| {
        let median = Spread::of(runs.iter().map(reading)).map(|spread| spread.median);
        median.map_or_else(|| "-".into(), |median| format!("{median:.decimals$}"))
    };
    let (protocol, program) = (pairing.protocol.name(), pairing.programs[side]);
    let mut line = format!("{protocol:PROTOCOL$}{:LOAD$}{program:PROGRAM$}", row.load);
    for cell in [
        shown(|f| f.rate, 0),
        shown(|f| f.processor * 1e6, 1),
        shown(|f| f.p99, 2),
    ] {
        pad(&mut line, &cell, CELL);
    }
    // Ratios stand beside the peer, as in the balancer's table.
    if side == 0 {
        let ratios = [ratio(row, |f| f.rate), per_processor_second(row), ratio(row, |f| f.p99)];
        for ratio in ratios {
            pad(&mut line, &ratio.map_or_else(String::new, |r| r.to_string()), RATIO);
        }
    }
    line
}

fn starts(out: &mut String, report: &Report) {
    out.push('\n');
    for pairing in &report.pairings {
        for (program, starts) in pairing.programs.iter().zip(&pairing.starts) {
            let ready = Spread::of(starts.iter().map(|start| start.ready));
            let idle = Spread::of(starts.iter().map(|start| start.idle / 1024.0 / 1024.0));
            if let Some((ready, idle)) = ready.zip(idle) {
                let line = format!(
                    "{program:PROGRAM$} ready after {} s, idle with {} MiB",
                    ready.text(3),
                    idle.text(1)
                );
                push(out, &line);
            }
        }
    }
    let gigabytes = |figures: Vec<f64>| Spread::of(figures.into_iter().map(|each| each / 1e9));
    let start = gigabytes(report.recovery.iter().map(|each| each.start).collect());
    let read = gigabytes(report.recovery.iter().map(|each| each.read).collect());
    if let Some((start, read)) = start.zip(read) {
        let line = format!(
            "a gibibyte of journal: ready at {:.2} GB/s, read at {:.2} GB/s",
            start.median, read.median
        );
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
