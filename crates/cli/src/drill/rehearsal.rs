//! One drill from the building of its hosts to its report.

use std::time::{Duration, Instant};

use anyhow::bail;
use tandem_lab::Ground;

use super::catalog::Drill;
use super::judge::judge;
use super::report::{Done, End, Report, Window};
use crate::load::Load;
use crate::load::ledger::Ledger;
use crate::pair::act::{Act, Part};
use crate::pair::{PATIENCE, Pair, Wishes};

/// What is stored in a broker that just came back must have come out then.
const SETTLE: Duration = Duration::from_secs(10);

pub fn rehearse(ground: &Ground, drill: &Drill, wishes: &Wishes, patience: f64) -> anyhow::Result<Report> {
    let mut pair = Pair::build(ground, wishes)?;
    let load = Load::start(&pair, drill.amount)?;
    warm_up(&load.ledger, drill.amount.clients)?;
    let from = load.ledger.now();
    let (mut steps, mut ends) = (Vec::new(), Vec::new());
    for step in &drill.steps {
        sleep_until(&load.ledger, from + step.at);
        let begun = load.ledger.now();
        if let Act::Kill(Part::Broker(node)) | Act::Stop(Part::Broker(node)) = step.act {
            ends.push(End {
                broker: node.0,
                at: begun,
            });
        }
        pair.perform(&step.act)?;
        steps.push(Done {
            at: millis(begun - from),
            took: millis(load.ledger.now() - begun),
            act: step.act.to_string(),
        });
    }
    sleep_until(&load.ledger, from + drill.lasts);
    let window = Window {
        from,
        to: load.ledger.now(),
    };
    let book = load.finish(SETTLE).copy();
    let mut report = Report::draw(drill, wishes.cast, &book, window, steps, wishes.brokers, &ends);
    report.broken_promises.extend(deaths(&mut pair));
    judge(&mut report, &drill.promised_by(wishes.cast, wishes.interval), patience);
    Ok(report)
}

/// Every client has been answered, and more than once on the average.
fn warm_up(ledger: &Ledger, clients: u8) -> anyhow::Result<()> {
    let begun = Instant::now();
    while ledger.acked() < u64::from(clients) * 3 || ledger.now() < Duration::from_millis(300) {
        if begun.elapsed() > PATIENCE {
            bail!(
                "the pair runs, but {} messages were acknowledged in {PATIENCE:?}",
                ledger.acked()
            );
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn deaths(pair: &mut Pair) -> Vec<String> {
    let dead = |(part, word): (Part, &str)| (word == "died by itself").then(|| format!("{part} died by itself"));
    pair.state().into_iter().filter_map(dead).collect()
}

fn sleep_until(ledger: &Ledger, at: Duration) {
    std::thread::sleep(at.saturating_sub(ledger.now()));
}

fn millis(span: Duration) -> f64 {
    (span.as_secs_f64() * 10_000.0).round() / 10.0
}
