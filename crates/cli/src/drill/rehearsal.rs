//! One drill from the building of its hosts to its report.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;
use tandem_lab::Ground;

use super::catalog::{Drill, Step};
use super::judge::judge;
use super::report::{Done, End, Report, Window};
use crate::load::Load;
use crate::load::ledger::Ledger;
use crate::load::scene::Scene;
use crate::pair::act::{Act, Part};
use crate::pair::slot::DIED;
use crate::pair::{PATIENCE, Pair, Wishes};
use crate::theirs::Theirs;

/// What is stored in a broker that just came back must have come out then.
const SETTLE: Duration = Duration::from_secs(10);
/// However long the last step took, and however early somebody wants to go: so long is looked at what it came to.
const AFTERWARDS: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(20);

/// Who looks on.
pub trait Audience {
    /// Every few milliseconds; true when it wants the end now.
    fn looks(&mut self, _: &mut dyn Scene, _: &Ledger) -> anyhow::Result<bool> {
        Ok(false)
    }

    /// What is done next.
    fn hears(&mut self, _: &Act, _: &mut dyn Scene) -> anyhow::Result<()> {
        Ok(())
    }
}

struct Nobody;

impl Audience for Nobody {}

pub fn rehearse(ground: &Ground, drill: &Drill, wishes: &Wishes, patience: f64) -> anyhow::Result<Report> {
    let mut pair = Pair::build(ground, wishes)?;
    let mut report = play(&mut pair, drill, wishes.cast.to_string(), &mut Nobody)?;
    judge(&mut report, &drill.promised_by(wishes.cast, wishes.interval), patience);
    Ok(report)
}

/// With somebody's own files. What the drill promises is theirs already.
pub fn rehearse_theirs(
    ground: &Ground,
    drill: &Drill,
    wishes: &Wishes,
    theirs: &Theirs,
    patience: f64,
) -> anyhow::Result<Report> {
    let mut pair = Pair::at(ground, wishes, &theirs.site)?;
    let mut report = play(&mut pair, drill, wishes.cast.to_string(), &mut Nobody)?;
    report.changes.clone_from(&theirs.changes);
    judge(&mut report, &drill.expected, patience);
    Ok(report)
}

/// The steps under load, and what became of every message. The verdict is another's.
pub fn play(scene: &mut dyn Scene, drill: &Drill, cast: String, audience: &mut dyn Audience) -> anyhow::Result<Report> {
    let load = Load::start(scene, drill.amount)?;
    let mut run = Run {
        ledger: Arc::clone(&load.ledger),
        scene,
        audience,
        from: Duration::ZERO,
        is_over: false,
        killed: Vec::new(),
        steps: Vec::new(),
        ends: Vec::new(),
    };
    run.warm_up(drill.amount.clients)?;
    for step in &drill.steps {
        run.wait_until(step.at)?;
        // What is dead comes back, even if somebody wants to go.
        if !run.is_over || run.is_owed(step) {
            run.perform(step)?;
        }
    }
    run.wait_until(drill.lasts)?;
    std::thread::sleep((run.last_step() + AFTERWARDS).saturating_sub(run.ledger.now()));
    let window = Window {
        from: run.from,
        to: run.ledger.now(),
    };
    let Run { scene, steps, ends, .. } = run;
    let book = load.finish(SETTLE).copy();
    let mut report = Report::draw(drill, cast, &book, window, steps, scene.brokers().len(), &ends);
    report.broken_promises.extend(deaths(scene));
    Ok(report)
}

struct Run<'a> {
    scene: &'a mut dyn Scene,
    audience: &'a mut dyn Audience,
    ledger: Arc<Ledger>,
    /// When the load ran evenly.
    from: Duration,
    /// The audience wants to go.
    is_over: bool,
    killed: Vec<Part>,
    steps: Vec<Done>,
    ends: Vec<End>,
}

impl Run<'_> {
    /// Every client has been answered, and more than once on the average.
    fn warm_up(&mut self, clients: u8) -> anyhow::Result<()> {
        let begun = Instant::now();
        while self.ledger.acked() < u64::from(clients) * 3 || self.ledger.now() < Duration::from_millis(300) {
            if begun.elapsed() > PATIENCE {
                bail!(
                    "the pair runs, but {} messages were acknowledged in {PATIENCE:?}",
                    self.ledger.acked()
                );
            }
            self.is_over |= self.audience.looks(self.scene, &self.ledger)?;
            std::thread::sleep(Duration::from_millis(5));
        }
        self.from = self.ledger.now();
        Ok(())
    }

    fn wait_until(&mut self, at: Duration) -> anyhow::Result<()> {
        loop {
            self.is_over |= self.audience.looks(self.scene, &self.ledger)?;
            let left = (self.from + at).saturating_sub(self.ledger.now());
            if self.is_over || left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(TICK));
        }
    }

    fn is_owed(&self, step: &Step) -> bool {
        matches!(step.act, Act::Start(part) if self.killed.contains(&part))
    }

    fn perform(&mut self, step: &Step) -> anyhow::Result<()> {
        self.audience.hears(&step.act, self.scene)?;
        let begun = self.ledger.now();
        if let Act::Kill(Part::Broker(node)) | Act::Stop(Part::Broker(node)) = step.act {
            self.ends.push(End {
                broker: node.0,
                at: begun,
            });
        }
        match step.act {
            Act::Kill(part) => self.killed.push(part),
            Act::Start(part) => self.killed.retain(|dead| *dead != part),
            _ => {}
        }
        self.scene.perform(&step.act)?;
        self.steps.push(Done {
            at: millis(begun - self.from),
            took: millis(self.ledger.now() - begun),
            act: step.act.to_string(),
        });
        Ok(())
    }

    /// When it was over, in the ledger's time.
    fn last_step(&self) -> Duration {
        let over = self.steps.last().map_or(0.0, |step| step.at + step.took);
        self.from + Duration::from_secs_f64(over / 1000.0)
    }
}

fn deaths(scene: &mut dyn Scene) -> Vec<String> {
    let died = |(part, word): (Part, &str)| (word == DIED).then_some(part);
    let parts: Vec<Part> = scene.state().into_iter().filter_map(died).collect();
    let words = |part: Part| format!("{part} {DIED}; it had said:\n{}", scene.last_words(part));
    parts.into_iter().map(words).collect()
}

fn millis(span: Duration) -> f64 {
    (span.as_secs_f64() * 10_000.0).round() / 10.0
}
