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
    /// What a balancer said last of how full it is: between its bounds that counts.
    overloaded: Rc<Cell<bool>>,
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
            let entry = match before.remove(&tracker.id) {
                Some(known) if known.tracker == *tracker => Some(known),
                Some(known) => {
                    known.task.abort();
                    let same = known.tracker.watches_the_same(tracker);
                    self.start(tracker, same && known.overloaded.get())
                }
                None => self.start(tracker, false),
            };
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
    fn start(&self, tracker: &Tracker, was_overloaded: bool) -> Option<AtWork> {
        let stage = Rc::new(Cell::default());
        let overloaded = Rc::new(Cell::new(was_overloaded));
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
            TrackerKind::Lb(settings) => tokio::task::spawn_local(balancer::track(settings, tell, overloaded.clone())),
            TrackerKind::Interface(_) | TrackerKind::Bfd => return None,
        };
        Some(AtWork {
            tracker: tracker.clone(),
            stage,
            overloaded,
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tandem_vrrp_core::settings::{LbCondition, LbSettings};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixListener;

    use super::*;
    use crate::args::Args;

    const PATIENCE: Duration = Duration::from_secs(20);

    async fn next(orders: &mut mpsc::Receiver<Order>) -> bool {
        let order = tokio::time::timeout(PATIENCE, orders.recv()).await.expect("in time");
        match order {
            Some(Order::Observed {
                observation: Observation::Holds(holds),
                ..
            }) => holds,
            other => panic!("{other:?}"),
        }
    }

    /// It is between its bounds when a reload changes how often it is asked.
    #[tokio::test(flavor = "local")]
    async fn whoever_was_full_is_full_until_it_has_room_again() {
        let socket = std::env::temp_dir().join(format!("tandem-room-{}", std::process::id()));
        let listener = UnixListener::bind(&socket).expect("a socket");
        let used = Rc::new(Cell::new(95));
        let told = used.clone();
        tokio::task::spawn_local(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                // An end with a question that nobody has read is a failure to whoever asked.
                stream.read_exact(&mut [0; 10]).await.ok();
                let text = format!("Maxconn: 100\nCurrConns: {}\n", told.get());
                stream.write_all(text.as_bytes()).await.ok();
            }
        });
        let (orders, mut heard) = mpsc::channel(64);
        let launcher = Launcher::new(&Args::read(["tandem-vrrp".into()]).expect("no arguments are needed"));
        let mut trackers = Trackers::new(orders, Rc::new(Log::default()), launcher, None);
        let room = |milliseconds| {
            let settings = LbSettings {
                socket: socket.clone(),
                condition: LbCondition::HasRoom { full: 90, again: 70 },
                interval: Duration::from_millis(milliseconds),
                timeout: Some(PATIENCE),
                rise: 1,
                fall: 1,
            };
            [Tracker {
                id: TrackerId(0),
                name: "room".into(),
                kind: TrackerKind::Lb(settings),
            }]
        };
        trackers.adjust(&room(20));
        assert!(!next(&mut heard).await, "it is full");
        used.set(80);
        for interval in [25, 30] {
            trackers.adjust(&room(interval));
            while heard.try_recv().is_ok() {}
            for _ in 0..3 {
                assert!(!next(&mut heard).await, "it has no room yet");
            }
        }
        used.set(60);
        let room_again = async { while !next(&mut heard).await {} };
        tokio::time::timeout(PATIENCE, room_again)
            .await
            .expect("it has room again");
        used.set(80);
        trackers.adjust(&room(20));
        for _ in 0..3 {
            assert!(next(&mut heard).await, "it is not full yet");
        }
        std::fs::remove_file(&socket).expect("ours");
    }
}
