//! What can happen to the master of a pair, how long the other takes by the protocol's arithmetic, and in the simulator.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use tandem_sim::{LanSettings, NodeId, Trace, World};
use tandem_time::{Mono, Seed};
use tandem_vrrp_core::settings::{
    InstanceSettings, LbCondition, LbSettings, Preempt, RouterSettings, TrackUse, Tracker, TrackerId, TrackerKind,
    Transport, Weight,
};
use tandem_vrrp_core::timing::{master_down, skew};
use tandem_vrrp_core::{Input, Observation, Release, Who};

use super::machine::{Host, LAN};

/// The two routers as the files describe them; the first is the one that becomes master.
#[derive(Clone, Debug)]
pub struct Pair {
    pub hosts: [Side; 2],
}

#[derive(Clone, Debug)]
pub struct Side {
    /// The file.
    pub name: String,
    pub settings: RouterSettings,
    pub source: Ipv4Addr,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    Stopped,
    RouterDies,
    PowerLost,
    CablePulled,
    /// Nothing gets through, and nobody sees a carrier go.
    CutOff,
    /// The backup does not hear the master.
    OneWay,
    /// Something that the master's file tracks fails.
    Tracked {
        name: Arc<str>,
        check: Check,
        weight: Weight,
    },
    /// The lost host comes back.
    Returns,
}

/// How something tracked is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    pub interval: Duration,
    /// After which no answer is a bad one.
    pub silence: Duration,
    pub fall: u32,
}

impl Check {
    /// What hangs right after it was looked at is noticed last: a look that is not answered yet keeps the next one waiting.
    fn longest(&self) -> Duration {
        let more = self.fall.saturating_sub(1);
        self.interval + self.interval.max(self.silence) * more + self.silence
    }
}

/// What came of it once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Run {
    /// Nobody who can be reached had the address.
    pub gap: Duration,
    /// Both had it.
    pub double: Duration,
    /// The other had it in the end.
    pub moved: bool,
}

const FIRST: NodeId = NodeId(0);
const SECOND: NodeId = NodeId(1);
/// Clocks of cheap machines differ by so many millionths.
const CLOCKS: u64 = 200;

impl Pair {
    pub fn first(&self) -> &InstanceSettings {
        &self.hosts[0].settings.instances[0]
    }

    pub fn second(&self) -> &InstanceSettings {
        &self.hosts[1].settings.instances[0]
    }

    /// Everything that can be told of these files.
    pub fn failures(&self) -> Vec<Failure> {
        let mut all = vec![
            Failure::Stopped,
            Failure::RouterDies,
            Failure::PowerLost,
            Failure::CablePulled,
            Failure::CutOff,
            Failure::OneWay,
        ];
        for used in &self.first().track {
            let trackers = &self.hosts[0].settings.trackers;
            let Some(tracker) = trackers.iter().find(|tracker| tracker.id == used.tracker) else {
                continue;
            };
            let check = match &tracker.kind {
                TrackerKind::Script(script) => Check {
                    interval: script.interval,
                    silence: script.limit(),
                    fall: script.fall,
                },
                TrackerKind::Lb(lb) => Check {
                    interval: lb.interval,
                    silence: lb.patience(),
                    fall: lb.fall,
                },
                // These are told by the kernel as they happen.
                _ => Check {
                    interval: Duration::ZERO,
                    silence: Duration::ZERO,
                    fall: 1,
                },
            };
            all.push(Failure::Tracked {
                name: Arc::clone(&tracker.name),
                check,
                weight: used.weight,
            });
        }
        all.push(Failure::Returns);
        all
    }

    fn down(&self) -> Duration {
        let (first, second) = (self.first(), self.second());
        let interval = first.protocol.interval();
        master_down(
            second.protocol.version(),
            second.priority,
            interval,
            second.down_adverts,
        )
    }

    fn skew(&self) -> Duration {
        let second = self.second();
        skew(
            second.protocol.version(),
            second.priority,
            self.first().protocol.interval(),
        )
    }

    /// How long nobody serves, at most, by RFC 9568 section 6.1; `None` where the address does not move.
    pub fn arithmetic(&self, failure: &Failure) -> Option<Duration> {
        match failure {
            Failure::Stopped | Failure::RouterDies | Failure::OneWay | Failure::Returns => Some(Duration::ZERO),
            Failure::PowerLost | Failure::CablePulled | Failure::CutOff => Some(self.down()),
            Failure::Tracked { weight, .. } if weight.is_fault() => Some(self.skew()),
            Failure::Tracked { weight, .. } => self.is_overtaken(*weight).then_some(Duration::ZERO),
        }
    }

    /// How long until the failure is noticed at all, at most.
    pub fn noticed(failure: &Failure) -> Duration {
        match failure {
            Failure::Tracked { check, .. } => check.longest(),
            _ => Duration::ZERO,
        }
    }

    fn is_overtaken(&self, weight: Weight) -> bool {
        let (first, second) = (
            i32::from(self.first().priority.value()),
            i32::from(self.second().priority.value()),
        );
        // A positive weight is what success adds.
        let (before, after) = if weight.value > 0 {
            (first + weight.value, first)
        } else {
            (first, first + weight.value)
        };
        before > second && after < second && self.second().preempt != Preempt::Never
    }

    /// Once, with the chances of this seed: when in an interval it happens, how the clocks run, how long frames take.
    pub fn simulate(&self, failure: &Failure, number: u64) -> Run {
        let mut seed = Seed::new(number);
        let mut world = World::new(seed.next_u64(), Trace::new(0));
        world.segment(LanSettings::default());
        for (id, side) in [(FIRST, &self.hosts[0]), (SECOND, &self.hosts[1])] {
            self.start(&mut world, id, side, failure, &mut seed);
        }
        let interval = self.first().protocol.interval();
        // Whoever waits longest is through, and the first preempts where it may.
        let settle = self.settling();
        world.run_for(settle + interval.mul_f64(seed.below(1000) as f64 / 1000.0), |_| {});
        let mut lost = None;
        if *failure == Failure::Returns {
            lost = world.crash(FIRST);
            world.run_for(settle, |_| {});
        }
        let mut eye = Eye::new(world.now());
        let reachable = self.strike(&mut world, failure, lost.is_some(), &mut seed);
        eye.look(&world, reachable);
        world.run_for(settle, |world| eye.look(world, reachable));
        eye.finish(&world)
    }

    /// Long enough for everything that follows from one event.
    fn settling(&self) -> Duration {
        let delay = |instance: &InstanceSettings| match instance.preempt {
            Preempt::After(delay) => delay,
            Preempt::Never => Duration::ZERO,
        };
        self.down() * 4 + delay(self.first()).max(delay(self.second())) + self.hosts[0].settings.startup_delay
    }

    fn start(&self, world: &mut World<Host>, id: NodeId, side: &Side, failure: &Failure, seed: &mut Seed) {
        let mut settings = side.settings.clone();
        let mut tracked = None;
        settings.trackers.clear();
        settings.groups.clear();
        for instance in &mut settings.instances {
            instance.track.clear();
            instance.quorum = None;
            if let (Failure::Tracked { name, weight, .. }, FIRST) = (failure, id) {
                tracked = Some(TRACKER);
                instance.track.push(TrackUse {
                    tracker: TRACKER,
                    weight: *weight,
                });
                settings.trackers.push(tracker(name));
            }
        }
        let ppm = i32::try_from(seed.below(2 * CLOCKS)).unwrap_or(0) - CLOCKS as i32;
        world.start(id, Host::new(settings, side.source), ppm, &[LAN]);
        world.tell(id, |host, now| {
            host.begin(now);
            if let Some(tracker) = tracked {
                host.tell(holds(tracker, true), now);
            }
        });
    }

    /// Does it; says who can be reached from then on.
    fn strike(&self, world: &mut World<Host>, failure: &Failure, lost: bool, seed: &mut Seed) -> [bool; 2] {
        match failure {
            Failure::Stopped => {
                let release = Input::Release {
                    who: Who::All,
                    why: Release::Stop,
                };
                world.tell(FIRST, |host, now| host.tell(release, now));
            }
            Failure::RouterDies => {
                // Its kernel goes on with the address.
                world.crash(FIRST);
                return [true, true];
            }
            Failure::PowerLost => {
                world.crash(FIRST);
                return [false, true];
            }
            Failure::CablePulled => {
                world.partition(LAN, &[FIRST]);
                world.tell(FIRST, |host, now| host.link(false, now));
                return [false, true];
            }
            Failure::CutOff => {
                world.partition(LAN, &[FIRST]);
                return [false, true];
            }
            Failure::OneWay => world.cut(LAN, FIRST, SECOND),
            Failure::Tracked { .. } => world.tell(FIRST, |host, now| host.tell(holds(TRACKER, false), now)),
            Failure::Returns => {
                if lost {
                    self.start(world, FIRST, &self.hosts[0], failure, seed);
                }
            }
        }
        [true, true]
    }
}

const TRACKER: TrackerId = TrackerId(0);

fn holds(tracker: TrackerId, well: bool) -> Input<'static> {
    Input::Observed {
        tracker,
        observation: Observation::Holds(well),
    }
}

/// Counts at once: how long it takes to be noticed is arithmetic, and told apart.
fn tracker(name: &Arc<str>) -> Tracker {
    Tracker {
        id: TRACKER,
        name: Arc::clone(name),
        kind: TrackerKind::Lb(LbSettings {
            socket: "/".into(),
            condition: LbCondition::Alive,
            interval: Duration::from_secs(1),
            timeout: None,
            rise: 1,
            fall: 1,
        }),
    }
}

/// Looks after every step who has the address.
struct Eye {
    since: Mono,
    seen: [bool; 2],
    run: Run,
    /// The kernel of a host whose router died still has what it had.
    kernel: bool,
}

impl Eye {
    fn new(since: Mono) -> Eye {
        Eye {
            since,
            seen: [true, false],
            run: Run::default(),
            kernel: true,
        }
    }

    fn look(&mut self, world: &World<Host>, reachable: [bool; 2]) {
        let has = |id| world.machine(id).map(Host::serves);
        if let Some(has) = has(FIRST) {
            self.kernel = has;
        }
        let now = [
            reachable[0] && self.kernel,
            reachable[1] && has(SECOND).unwrap_or(false),
        ];
        self.count(world.now());
        self.seen = now;
    }

    fn count(&mut self, now: Mono) {
        let lasted = now.since(self.since);
        self.since = now;
        match self.seen {
            [false, false] => self.run.gap += lasted,
            [true, true] => self.run.double += lasted,
            _ => {}
        }
    }

    fn finish(mut self, world: &World<Host>) -> Run {
        self.count(world.now());
        self.run.moved = self.seen[1];
        self.run
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Stopped => f.write_str("router stopped, or handover"),
            Failure::RouterDies => f.write_str("router dies (SIGKILL)"),
            Failure::PowerLost => f.write_str("host loses its power"),
            Failure::CablePulled => f.write_str("cable pulled"),
            Failure::CutOff => f.write_str("cut off without a sign"),
            Failure::OneWay => f.write_str("backup does not hear it"),
            Failure::Tracked { name, weight, .. } if weight.is_fault() => write!(f, "{name} fails: a fault"),
            Failure::Tracked { name, weight, .. } => write!(f, "{name} fails: {:+}", weight.value),
            Failure::Returns => f.write_str("the lost host comes back"),
        }
    }
}

/// Where adverts of one router leave from: as its file says, or as the other's file expects it.
pub fn source(own: &InstanceSettings, other: &InstanceSettings, otherwise: Ipv4Addr) -> Ipv4Addr {
    let named = own.source.or_else(|| match &other.transport {
        Transport::Unicast { peers, .. } => peers.first().map(|peer| peer.address),
        Transport::Multicast { .. } => None,
    });
    match named {
        Some(IpAddr::V4(address)) => address,
        _ => otherwise,
    }
}
