//! What is promised of ours beside HAProxy, and whether it was kept.

use super::chores::Chore;
use super::{Figures, HAPROXY, Measured, OURS, Row, SPLICE};
use crate::figures::{Ratio, Spread};

pub(super) type Reading = fn(&Figures) -> Option<f64>;

pub(super) const RATE: Reading = |f| f.rate;
pub(super) const PROCESSOR: Reading = |f| f.processor;
pub(super) const P99: Reading = |f| f.waits.map(|w| w.p99);
pub(super) const MEMORY: Reading = |f| f.memory;

/// Load, figure, whom beside, at most or at least this ratio.
const GOALS: [(&str, &str, Reading, &str, Bound); 8] = [
    ("bulk-8", "throughput", RATE, HAPROXY, Bound::AtLeast(1.6)),
    ("bulk-8", "throughput", RATE, SPLICE, Bound::AtLeast(1.1)),
    ("bulk-8", "CPU per byte", PROCESSOR, HAPROXY, Bound::AtMost(0.35)),
    ("bulk-8", "CPU per byte", PROCESSOR, SPLICE, Bound::AtMost(0.6)),
    (
        "exchange-64b-64",
        "CPU per exchange",
        PROCESSOR,
        HAPROXY,
        Bound::AtMost(0.85),
    ),
    ("exchange-64b-64", "rate", RATE, HAPROXY, Bound::AtLeast(1.05)),
    ("exchange-64b-64", "p99", P99, HAPROXY, Bound::AtMost(0.95)),
    ("connect", "CPU per connection", PROCESSOR, HAPROXY, Bound::AtMost(0.85)),
];

const CHORES: [(Chore, Bound); 4] = [
    (Chore::Start, Bound::AtMost(1.0)),
    (Chore::Reload, Bound::AtMost(0.1)),
    (Chore::Checks, Bound::AtMost(0.7)),
    (Chore::ShowStat, Bound::AtMost(1.0)),
];

/// Of user space, in bytes: for an idle connection, and for an entry of a stick table.
const IDLE: f64 = 0.8 * 1024.0;
const ENTRY: f64 = 64.0;

#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    fn verdict(self, found: f64) -> (String, &'static str) {
        let (kept, words) = match self {
            Bound::AtLeast(goal) => (found >= goal, format!("at least {goal}")),
            Bound::AtMost(goal) => (found <= goal, format!("at most {goal}")),
        };
        (words, if kept { "met" } else { "NOT MET" })
    }
}

/// A line for each goal whose figures were measured.
pub(super) fn lines(measured: &Measured) -> Vec<String> {
    let beside = GOALS.iter().filter_map(|(load, figure, reading, peer, bound)| {
        let row = measured.row(load)?;
        let ratio = measured.ratio(row, measured.place(peer)?, *reading)?;
        let (words, verdict) = bound.verdict(ratio.median);
        Some(format!("{load}, {figure}: {words} x {peer}: {ratio} {verdict}"))
    });
    let chores = CHORES.iter().filter_map(|(chore, bound)| {
        let task = measured.tasks.iter().find(|task| task.chore == *chore)?;
        let (ours, theirs) = (measured.place(OURS)?, measured.place(HAPROXY)?);
        let pairs = task.runs[ours].iter().copied().zip(task.runs[theirs].iter().copied());
        let ratio = Ratio::of(pairs)?;
        let (words, verdict) = bound.verdict(ratio.median);
        Some(format!("{}: {words} x {HAPROXY}: {ratio} {verdict}", chore.name()))
    });
    let memory = ["idle", "idle-after-burst"].into_iter().filter_map(|load| {
        let memory = measured.median(measured.row(load)?, measured.place(OURS)?, MEMORY)?;
        let (words, verdict) = Bound::AtMost(IDLE).verdict(memory);
        Some(format!(
            "{load}, memory: {words} B a connection: {memory:.0} B {verdict}"
        ))
    });
    let table = || {
        let task = measured.tasks.iter().find(|task| task.chore == Chore::Table)?;
        let bytes = Spread::of(task.runs[measured.place(OURS)?].iter().copied())?.median;
        let (words, verdict) = Bound::AtMost(ENTRY).verdict(bytes);
        Some(format!("{}: {words} B: {bytes:.0} B {verdict}", Chore::Table.name()))
    };
    let idle = || {
        let ours = measured.place(OURS)?;
        let reading = |load| {
            measured
                .row(load)?
                .runs
                .get(ours)
                .map(|runs| runs.iter().filter_map(P99))
        };
        let ratio = Ratio::of(reading("beside-idle")?.zip(reading("exchange-64b-64")?))?;
        let (words, verdict) = Bound::AtMost(1.0).verdict(ratio.median);
        Some(format!(
            "beside 9,000 idle, p99: {words} x without them: {ratio} {verdict}"
        ))
    };
    beside
        .chain(memory)
        .chain(idle())
        .chain(chores)
        .chain(table())
        .collect()
}

impl Measured {
    pub(super) fn row(&self, load: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.load == load)
    }

    pub(super) fn place(&self, contender: &str) -> Option<usize> {
        self.contenders.iter().position(|name| name == contender)
    }

    pub(super) fn median(&self, row: &Row, contender: usize, reading: Reading) -> Option<f64> {
        let figures = row.runs[contender].iter().filter_map(reading);
        Spread::of(figures).map(|spread| spread.median)
    }

    /// Ours to another's, run by run.
    pub(super) fn ratio(&self, row: &Row, other: usize, reading: Reading) -> Option<Ratio> {
        let ours = row.runs.get(self.place(OURS)?)?.iter().filter_map(reading);
        Ratio::of(ours.zip(row.runs[other].iter().filter_map(reading)))
    }
}
