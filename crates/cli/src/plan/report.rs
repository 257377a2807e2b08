//! The plan of one pair in figures: as a table for people, and as JSON.

use std::time::Duration;

use serde_json::{Value, json};

use super::brokers::Backend;
use super::failure::{Failure, Pair};
use super::simulated::{Lasting, Run, Which};

pub struct Report {
    pair: Pair,
    rows: Vec<Row>,
    /// What the balancer's file says, if it was given.
    backends: Vec<Backend>,
    seeds: u64,
}

pub struct Row {
    pub failure: Failure,
    pub noticed: Duration,
    pub arithmetic: Option<Duration>,
    pub median: Lasting,
    pub worst: Lasting,
    pub double: Lasting,
    pub holders: Which,
}

impl Report {
    pub fn of(pair: Pair, backends: Vec<Backend>, seeds: u64) -> Report {
        let failures = pair.failures().into_iter();
        let rows = failures.map(|failure| Row::of(&pair, failure, seeds)).collect();
        Report {
            pair,
            rows,
            backends,
            seeds,
        }
    }

    pub fn table(&self) -> String {
        let Report { pair, rows, seeds, .. } = self;
        let [first, second] = pair.hosts.each_ref().map(|side| side.explain(&[]).effective);
        let mut out = format!(
            "{}: {} is master with {first}, {} stands by with {second}; adverts each {} s\n\
             seconds in which nobody serves; simulated {seeds} times\n\n\
             {:32}{:>10}{:>12}{:>10}{:>10}{:>10}{:>11}  then has it\n",
            pair.first().name,
            pair.hosts[0].name,
            pair.hosts[1].name,
            pair.first().protocol.interval().as_secs_f64(),
            "what happens to the master",
            "noticed",
            "arithmetic",
            "median",
            "worst",
            "in all",
            "both have",
        );
        for row in rows {
            let arithmetic = row.arithmetic.map_or("stays".into(), seconds);
            out += &format!(
                "{:32}{:>10}{arithmetic:>12}{:>10}{:>10}{:>10}{:>11}  {}\n",
                row.failure.to_string(),
                seconds(row.noticed),
                lasting(row.median),
                lasting(row.worst),
                lasting(row.in_all()),
                lasting(row.double),
                names(pair, row.holders)
            );
        }
        for backend in &self.backends {
            out += &format!("\n{backend}");
        }
        out + &self.notes()
    }

    fn notes(&self) -> String {
        let mut out = String::from(
            "\nnoticed: how long at most until the router knows; in all: that, and the longest of the times beside it\n",
        );
        for failure in [Failure::BalancerDies, Failure::BalancerHangs] {
            let by = seen_by(&self.pair, &failure);
            out += &match by.is_empty() {
                true => format!("{failure}: nothing that is tracked looks\n"),
                false => format!("{failure}: seen by {}\n", by.join(", ")),
            };
        }
        if self.rows.iter().any(Row::has_no_end) {
            out += "for ever: until somebody mends it; a router that dies leaves the address on its host until it is started again\n";
        }
        for left_out in self.pair.left_out() {
            out += &format!("left out: {left_out}\n");
        }
        out
    }

    /// What lasts for ever is null.
    pub fn value(&self) -> Value {
        let Report { pair, rows, .. } = self;
        let rows: Vec<Value> = rows
            .iter()
            .map(|row| {
                json!({
                    "failure": row.failure.to_string(),
                    "noticed": row.noticed.as_secs_f64(),
                    "seen_by": seen_by(pair, &row.failure),
                    "arithmetic": row.arithmetic.map(|time| time.as_secs_f64()),
                    "median": number(row.median),
                    "worst": number(row.worst),
                    "in_all": number(row.in_all()),
                    "both_have": number(row.double),
                    "then_has_it": having(pair, row.holders),
                })
            })
            .collect();
        json!({
            "instance": &*pair.first().name,
            "master": pair.hosts[0].name,
            "backup": pair.hosts[1].name,
            "linked": pair.linked,
            "seeds": self.seeds,
            "failures": rows,
            "backends": self.backends.iter().map(Backend::value).collect::<Vec<_>>(),
            "left_out": pair.left_out().collect::<Vec<_>>(),
        })
    }
}

impl Row {
    pub fn of(pair: &Pair, failure: Failure, seeds: u64) -> Row {
        let runs: Vec<Run> = (0..seeds).map(|number| pair.simulate(&failure, number)).collect();
        let mut gaps: Vec<Lasting> = runs.iter().map(|run| run.gap).collect();
        gaps.sort_unstable();
        let none = Lasting::For(Duration::ZERO);
        let often = |host: usize| runs.iter().filter(|run| run.holders[host]).count() * 2 > runs.len();
        Row {
            noticed: pair.noticed(&failure),
            arithmetic: pair.arithmetic(&failure),
            median: gaps.get(gaps.len() / 2).copied().unwrap_or(none),
            worst: gaps.last().copied().unwrap_or(none),
            double: runs.iter().map(|run| run.double).max().unwrap_or(none),
            holders: [often(0), often(1)],
            failure,
        }
    }

    fn in_all(&self) -> Lasting {
        match self.worst {
            Lasting::Ever => Lasting::Ever,
            Lasting::For(worst) => Lasting::For(self.noticed + worst.max(self.arithmetic.unwrap_or_default())),
        }
    }

    fn has_no_end(&self) -> bool {
        self.worst == Lasting::Ever || self.double == Lasting::Ever
    }
}

fn seen_by(pair: &Pair, failure: &Failure) -> Vec<String> {
    let by = pair.seen(failure).by;
    by.iter().map(|tracked| tracked.name.to_string()).collect()
}

fn having(pair: &Pair, which: Which) -> Vec<&str> {
    let both = pair.hosts.iter().zip(which);
    both.filter(|(_, is_one)| *is_one)
        .map(|(side, _)| side.name.as_str())
        .collect()
}

pub fn names(pair: &Pair, which: Which) -> String {
    match having(pair, which).as_slice() {
        [] => "nobody".into(),
        all => all.join(" and "),
    }
}

fn lasting(time: Lasting) -> String {
    match time {
        Lasting::For(time) => seconds(time),
        Lasting::Ever => "for ever".into(),
    }
}

fn number(time: Lasting) -> Option<f64> {
    match time {
        Lasting::For(time) => Some(time.as_secs_f64()),
        Lasting::Ever => None,
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64())
}
