//! What is promised of ours beside the brokers of the distribution, and whether it was kept.

use super::{Figures, Pairing, Protocol, Report, Row};
use crate::figures::{Ratio, Spread};

/// Messages for each second of the processor, beside the peer.
const fn cheaper(protocol: Protocol) -> f64 {
    match protocol {
        Protocol::Amqp => 4.0,
        Protocol::Stomp => 3.0,
        Protocol::Mqtt => 1.5,
    }
}

/// An idle node, in bytes.
const IDLE: f64 = 20.0 * 1024.0 * 1024.0;
/// Its start, beside ActiveMQ's.
const START: f64 = 0.1;
/// A gibibyte of journal, beside reading it.
const RECOVERY: f64 = 1.0 / 3.0;

const PEER: usize = 0;
const OURS: usize = 1;

/// A line for each goal whose figures were measured.
pub(super) fn lines(report: &Report) -> Vec<String> {
    let mut lines: Vec<String> = report.pairings.iter().flat_map(work).collect();
    let starts = || report.pairings.iter().flat_map(|pairing| &pairing.starts[OURS]);
    if let Some(idle) = Spread::of(starts().map(|start| start.idle)) {
        let mebibytes = idle.median / 1024.0 / 1024.0;
        let verdict = verdict(idle.median < IDLE);
        lines.push(format!("idle, memory: under 20 MiB: {mebibytes:.1} MiB {verdict}"));
    }
    let stomp = report
        .pairings
        .iter()
        .find(|pairing| pairing.protocol == Protocol::Stomp);
    let starts = stomp.and_then(|pairing| {
        let pairs = pairing.starts[OURS].iter().zip(&pairing.starts[PEER]);
        Ratio::of(pairs.map(|(ours, theirs)| (ours.ready, theirs.ready)))
    });
    if let Some(ratio) = starts {
        let verdict = verdict(ratio.median <= START);
        lines.push(format!(
            "start on an empty folder: at most {START} x ActiveMQ: {ratio} {verdict}"
        ));
    }
    if let Some(ratio) = Ratio::of(report.recovery.iter().map(|each| (each.start, each.read))) {
        let verdict = verdict(ratio.median >= RECOVERY);
        lines.push(format!(
            "start on a gibibyte of journal: at least a third of the rate at which it can be read: {ratio} {verdict}"
        ));
    }
    lines
}

fn work(pairing: &Pairing) -> Vec<String> {
    let goal = cheaper(pairing.protocol);
    let peer = pairing.programs[PEER];
    let line = |row: &Row| {
        let ratio = per_processor_second(row)?;
        let verdict = verdict(ratio.median >= goal);
        let name = pairing.protocol.name();
        Some(format!(
            "{name} {}, messages per CPU second: at least {goal} x {peer}: {ratio} {verdict}",
            row.load
        ))
    };
    pairing.rows.iter().filter_map(line).collect()
}

/// Ours to the peer's.
pub(super) fn per_processor_second(row: &Row) -> Option<Ratio> {
    ratio(row, |figures| 1.0 / figures.processor)
}

pub(super) fn ratio(row: &Row, reading: fn(&Figures) -> f64) -> Option<Ratio> {
    let [theirs, ours] = &row.runs;
    Ratio::of(ours.iter().map(reading).zip(theirs.iter().map(reading)))
}

const fn verdict(kept: bool) -> &'static str {
    if kept { "met" } else { "NOT MET" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_of_ours_to_the_peer() {
        let figures = |processor| Figures {
            rate: 1.0,
            processor,
            p99: 1.0,
        };
        let row = Row {
            load: "1x100b".into(),
            runs: [vec![figures(8e-6)], vec![figures(2e-6)]],
        };
        let pairing = Pairing {
            protocol: Protocol::Amqp,
            programs: ["RabbitMQ", "tandem-mq"],
            starts: Default::default(),
            rows: vec![row],
        };
        assert_eq!(
            work(&pairing),
            ["AMQP 0-9-1 1x100b, messages per CPU second: at least 4 x RabbitMQ: 4.00 (4.00-4.00) met"]
        );
    }
}
