//! One host as its file describes it: the virtual router alone, what it tracks, and what of the file the plan leaves out.
//!
//! Everything tracked is well until it is said to fail, on both hosts: a positive weight is what success adds, so that the
//! priorities of a healthy pair are not the ones written in the files.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use tandem_time::Mono;
use tandem_vrrp_core::settings::{
    InstanceSettings, LbCondition, RouterSettings, TrackUse, Tracker, TrackerId, TrackerKind, Weight,
};
use tandem_vrrp_core::track::{Contribution, Explanation, Level};
use tandem_vrrp_core::{Input, Observation, Router};

use super::machine::ONLY;

#[derive(Clone, Debug)]
pub struct Side {
    /// The file.
    pub name: String,
    /// Of one instance, [`ONLY`]; its trackers count at once, as how long it takes until they do is told apart.
    pub settings: RouterSettings,
    pub source: Ipv4Addr,
    pub tracked: Vec<Tracked>,
    /// What the file says and the plan does not look at.
    pub left_out: Vec<String>,
}

/// Something that the virtual router depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracked {
    tracker: TrackerId,
    pub name: Arc<str>,
    /// How long its failure may take until the router knows.
    pub noticed: Duration,
    /// What of the balancer's failures it may see.
    pub looks: Looks,
    /// The backend that it wants servers of.
    pub backend: Option<Arc<str>>,
    /// What its failure takes from the priority; `None` is a fault.
    pub costs: Option<i64>,
    well: Level,
    ill: Level,
}

/// At the balancer of this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looks {
    Elsewhere,
    /// Whether its process is there, and how long at most until it is known that it is not.
    IfItIsThere(Duration),
    /// Whether it answers. Of one that is gone that is known after so long.
    IfItAnswers(Duration),
}

impl Side {
    pub fn new(name: String, router: &RouterSettings, instance: &InstanceSettings, source: Ipv4Addr) -> Side {
        let mut alone = instance.clone();
        let mut left_out = Vec::new();
        if let Some(group) = router.groups.iter().find(|group| group.members.contains(&instance.id)) {
            alone
                .track
                .retain(|used| group.member_weights || used.weight.is_fault());
            alone.track.extend(&group.track);
            if group.members.len() > 1 {
                left_out.push(format!("the other virtual routers of the sync group {}", group.name));
            }
        }
        if !router.link_delays.is_empty() {
            left_out.push("interface_up_down_delays".into());
        }
        let used = |used: &TrackUse| {
            let tracker = router.trackers.iter().find(|tracker| tracker.id == used.tracker);
            tracker.map(|tracker| (tracker, used.weight))
        };
        let used: Vec<(&Tracker, Weight)> = alone.track.iter().filter_map(used).collect();
        let bfd = |(tracker, _): &&(&Tracker, Weight)| tracker.kind == TrackerKind::Bfd;
        if let Some((tracker, _)) = used.iter().find(bfd) {
            left_out.push(format!("how long BFD takes to notice ({})", tracker.name));
        }
        // What an instance and its group both track fails once, and counts with both weights.
        let mut weights: BTreeMap<TrackerId, (&Tracker, Vec<Weight>)> = BTreeMap::new();
        for (tracker, weight) in used {
            weights
                .entry(tracker.id)
                .or_insert((tracker, Vec::new()))
                .1
                .push(weight);
        }
        let tracked = weights
            .into_values()
            .map(|(tracker, weights)| Tracked::new(tracker, &weights));
        let tracked = tracked.collect();
        alone.id = ONLY;
        Side {
            name,
            settings: RouterSettings {
                instances: vec![alone],
                groups: Vec::new(),
                trackers: router.trackers.iter().cloned().map(at_once).collect(),
                link_delays: Vec::new(),
                ..router.clone()
            },
            source,
            tracked,
            left_out,
        }
    }

    pub fn instance(&self) -> &InstanceSettings {
        &self.settings.instances[0]
    }

    pub fn addresses(&self) -> Vec<IpAddr> {
        self.instance().addresses().map(|vip| vip.address).collect()
    }

    /// How many may answer.
    pub fn witnesses(&self) -> usize {
        let quorum = self.instance().quorum.as_ref();
        quorum.map_or(0, |quorum| quorum.witnesses.len() + usize::from(quorum.gateway))
    }

    /// The priority when all is well but these, as the router itself reckons it.
    pub fn explain(&self, failed: &[Tracked]) -> Explanation {
        let mut router = Router::new(self.settings.clone());
        for tracked in &self.tracked {
            router.handle(tracked.tells(!failed.contains(tracked)), Mono::ZERO);
        }
        let explained = router.explain(ONLY);
        explained.unwrap_or_else(|| Explanation::new(self.instance().priority, Vec::new()))
    }
}

impl Tracked {
    fn new(tracker: &Tracker, weights: &[Weight]) -> Tracked {
        // `None` is a fault.
        let points = |level: &Level| -> Option<i64> {
            let each = weights.iter().map(|weight| match Contribution::of(*weight, *level) {
                Contribution::Points(points) => Some(points),
                Contribution::Fault | Contribution::Pending => None,
            });
            each.sum()
        };
        let (well, ill) = match &tracker.kind {
            // One more or one less than it starts with, whichever is worse.
            TrackerKind::File(file) => {
                let number = file.init.map_or(0, |(number, _)| number);
                let near = [number, number.saturating_add(1), number.saturating_sub(1)].map(Level::Number);
                let sound = near.iter().find(|level| points(level).is_some());
                (
                    sound.copied().unwrap_or(near[0]),
                    near.into_iter().min_by_key(points).unwrap_or(near[1]),
                )
            }
            _ => {
                let (yes, no) = (Level::Good(true), Level::Good(false));
                if points(&yes) >= points(&no) {
                    (yes, no)
                } else {
                    (no, yes)
                }
            }
        };
        let costs = points(&ill).map(|ill| points(&well).unwrap_or_default() - ill);
        Tracked {
            tracker: tracker.id,
            name: Arc::clone(&tracker.name),
            noticed: noticed(&tracker.kind),
            looks: looks(&tracker.kind),
            backend: backend(&tracker.kind),
            costs,
            well,
            ill,
        }
    }

    pub fn tells(&self, well: bool) -> Input<'static> {
        let observation = match if well { self.well } else { self.ill } {
            Level::Number(number) => Observation::Number(Some(number)),
            level => Observation::Holds(level == Level::Good(true)),
        };
        Input::Observed {
            tracker: self.tracker,
            observation,
        }
    }
}

/// It fails just after it was found well, and then answers each look as late as it may.
fn noticed(kind: &TrackerKind) -> Duration {
    let looks = |interval: Duration, limit: Duration, fall: u32| {
        interval + interval.max(limit) * fall.saturating_sub(1) + limit
    };
    match kind {
        TrackerKind::Script(script) => looks(script.interval, script.limit(), script.fall),
        TrackerKind::Lb(lb) => looks(lb.interval, lb.patience(), lb.fall),
        TrackerKind::Process(process) => process.terminate_delay.max(process.fork_delay),
        // These are told by the kernel as they happen.
        TrackerKind::Interface(_) | TrackerKind::File(_) | TrackerKind::Bfd => Duration::ZERO,
    }
}

/// A script may look at anything; by the program that it runs it is told apart whether a process that hangs is there for it.
fn looks(kind: &TrackerKind) -> Looks {
    const OF_PROCESSES: [&str; 7] = ["killall", "pkill", "pidof", "pgrep", "ps", "systemctl", "service"];
    let is_of_processes = |word: &str| OF_PROCESSES.contains(&word.rsplit('/').next().unwrap_or(word));
    match kind {
        TrackerKind::Script(script) => match script.command.first().is_some_and(|word| is_of_processes(word)) {
            true => Looks::IfItIsThere(noticed(kind)),
            false => Looks::IfItAnswers(noticed(kind)),
        },
        TrackerKind::Process(_) => Looks::IfItIsThere(noticed(kind)),
        // Whoever is gone refuses at once.
        TrackerKind::Lb(lb) => Looks::IfItAnswers(lb.interval * lb.fall),
        TrackerKind::Interface(_) | TrackerKind::File(_) | TrackerKind::Bfd => Looks::Elsewhere,
    }
}

fn backend(kind: &TrackerKind) -> Option<Arc<str>> {
    match kind {
        TrackerKind::Lb(lb) => match &lb.condition {
            LbCondition::BackendHasServers { backend, .. } => Some(Arc::clone(backend)),
            _ => None,
        },
        _ => None,
    }
}

/// Of a kind that takes one look for the truth.
fn at_once(tracker: Tracker) -> Tracker {
    match tracker.kind {
        TrackerKind::File(_) => tracker,
        _ => Tracker {
            kind: TrackerKind::Bfd,
            ..tracker
        },
    }
}
