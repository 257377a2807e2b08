//! Looking at what is tracked: scripts, processes, files and the balancer. What the results mean is decided elsewhere.

mod asked;
mod balancer;
mod count;
mod file;
mod process;
mod script;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::File;
use std::rc::Rc;

use tandem_vrrp_core::settings::{Tracker, TrackerId, TrackerKind};
use tandem_vrrp_core::{Observation, ScriptOutcome};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::brain::Order;
use crate::launcher::Launcher;
use crate::logs::Log;

/// How far a check script is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    #[default]
    Idle,
    Running,
    /// It took too long and was asked to end.
    Ending,
    /// It did not.
    Killed,
}

#[derive(Debug)]
struct AtWork {
    tracker: Tracker,
    stage: Rc<Cell<Stage>>,
    task: JoinHandle<()>,
}

/// The trackers at work, each a task.
#[derive(Debug)]
pub(crate) struct Trackers {
    orders: mpsc::Sender<Order>,
    log: Rc<Log>,
    launcher: Rc<Launcher>,
    first_network: Option<Rc<File>>,
    running: BTreeMap<TrackerId, AtWork>,
}

impl Trackers {
    /// `first_network` is the one that this process left, where the kernel tells of processes.
    pub(crate) fn new(
        orders: mpsc::Sender<Order>,
        log: Rc<Log>,
        launcher: Rc<Launcher>,
        first_network: Option<File>,
    ) -> Trackers {
        Trackers {
            orders,
            log,
            launcher,
            first_network: first_network.map(Rc::new),
            running: BTreeMap::new(),
        }
    }

    /// Starts what is new or changed and stops what is gone; what stayed goes on undisturbed.
    pub(crate) fn adjust(&mut self, wanted: &[Tracker]) {
        let mut before = std::mem::take(&mut self.running);
        for tracker in wanted {
            let same = before.remove(&tracker.id).filter(|known| {
                let same = known.tracker == *tracker;
                if !same {
                    known.task.abort();
                }
                same
            });
            let entry = same.or_else(|| self.start(tracker));
            self.running.extend(entry.map(|entry| (tracker.id, entry)));
        }
        for old in before.into_values() {
            old.task.abort();
        }
    }

    pub(crate) fn stage(&self, tracker: TrackerId) -> Stage {
        self.running
            .get(&tracker)
            .map_or(Stage::Idle, |at_work| at_work.stage.get())
    }

    /// Interfaces are the brain's own, BFD has a thread of its own.
    fn start(&self, tracker: &Tracker) -> Option<AtWork> {
        let stage = Rc::new(Cell::default());
        let tell = Teller {
            tracker: tracker.id,
            orders: self.orders.clone(),
            log: self.log.clone(),
            launcher: self.launcher.clone(),
            first_network: self.first_network.clone(),
            stage: stage.clone(),
        };
        let task = match tracker.kind.clone() {
            TrackerKind::Script(settings) => {
                tokio::task::spawn_local(script::track(tracker.name.clone(), settings, tell))
            }
            TrackerKind::Process(settings) => tokio::task::spawn_local(count::track(settings, tell)),
            TrackerKind::File(settings) => tokio::task::spawn_local(file::track(settings, tell)),
            TrackerKind::Lb(settings) => tokio::task::spawn_local(balancer::track(settings, tell)),
            TrackerKind::Interface(_) | TrackerKind::Bfd => return None,
        };
        Some(AtWork {
            tracker: tracker.clone(),
            stage,
            task,
        })
    }
}

/// Whether a check is answered without running anything.
pub(crate) fn answers_itself(words: &[&str]) -> bool {
    words.first().is_some_and(|word| word.starts_with('<')) || asked::Question::read(words).is_some()
}

impl Drop for Trackers {
    fn drop(&mut self) {
        for tracker in self.running.values() {
            tracker.task.abort();
        }
    }
}

/// The way of one tracker's results to the brain.
#[derive(Clone, Debug)]
struct Teller {
    tracker: TrackerId,
    orders: mpsc::Sender<Order>,
    log: Rc<Log>,
    launcher: Rc<Launcher>,
    first_network: Option<Rc<File>>,
    stage: Rc<Cell<Stage>>,
}

impl Teller {
    async fn observed(&self, observation: Observation) {
        let tracker = self.tracker;
        // Nobody to tell means that the brain has ended.
        self.orders.send(Order::Observed { tracker, observation }).await.ok();
    }

    async fn script(&self, outcome: ScriptOutcome) {
        self.observed(Observation::Script(outcome)).await;
    }
}
