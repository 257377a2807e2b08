//! What can happen to the master of a pair, how long the other takes by the protocol's arithmetic, and in the simulator.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use tandem_sim::{LanSettings, NodeId, Trace, World};
use tandem_time::{Mono, Seed};
use tandem_vrrp_core::settings::{InstanceSettings, Preempt, Transport};
use tandem_vrrp_core::timing::{master_down, skew};
use tandem_vrrp_core::{Input, Release, Who};

use super::machine::{Host, LAN};
use super::side::{Side, Tracked};

/// The two routers as the files describe them; the first is the one that becomes master.
#[derive(Clone, Debug)]
pub struct Pair {
    pub hosts: [Side; 2],
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
    Tracked(Tracked),
    /// The lost host comes back.
    Returns,
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
    /// The one with more priority while all is well; of equals the one with the higher address, RFC 9568 section 6.4.3.
    pub fn new(a: Side, b: Side) -> Pair {
        let rank = |side: &Side| (side.explain(None).effective, side.source);
        let hosts = if rank(&b) > rank(&a) { [b, a] } else { [a, b] };
        Pair { hosts }
    }

    pub fn first(&self) -> &InstanceSettings {
        self.hosts[0].instance()
    }

    pub fn second(&self) -> &InstanceSettings {
        self.hosts[1].instance()
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
        all.extend(self.hosts[0].tracked.iter().cloned().map(Failure::Tracked));
        all.push(Failure::Returns);
        all
    }

    pub fn left_out(&self) -> impl Iterator<Item = String> {
        let of = |side: &Side| {
            side.left_out
                .iter()
                .map(|what| format!("{}: {what}", side.name))
                .collect::<Vec<_>>()
        };
        self.hosts.iter().flat_map(of)
    }

    fn down(&self) -> Duration {
        let (interval, second) = (self.first().protocol.interval(), self.second());
        let priority = self.hosts[1].explain(None).effective;
        master_down(second.protocol.version(), priority, interval, second.down_adverts)
    }

    fn skew(&self) -> Duration {
        let priority = self.hosts[1].explain(None).effective;
        let version = self.second().protocol.version();
        skew(version, priority, self.first().protocol.interval())
    }

    /// How long nobody serves, at most, by RFC 9568 section 6.1; `None` where the address does not move.
    pub fn arithmetic(&self, failure: &Failure) -> Option<Duration> {
        match failure {
            Failure::Stopped | Failure::RouterDies | Failure::OneWay | Failure::Returns => Some(Duration::ZERO),
            Failure::PowerLost | Failure::CablePulled | Failure::CutOff => Some(self.down()),
            Failure::Tracked(tracked) => self.without(tracked),
        }
    }

    /// How long until the failure is noticed at all, at most.
    pub fn noticed(failure: &Failure) -> Duration {
        match failure {
            Failure::Tracked(tracked) => tracked.noticed,
            _ => Duration::ZERO,
        }
    }

    fn without(&self, tracked: &Tracked) -> Option<Duration> {
        let [first, second] = &self.hosts;
        let after = first.explain(Some(tracked));
        if after.has_fault() {
            return Some(self.skew());
        }
        let overtaken = after.effective < second.explain(None).effective && self.second().preempt != Preempt::Never;
        overtaken.then_some(Duration::ZERO)
    }

    /// Once, with the chances of this seed: when in an interval it happens, how the clocks run, how long frames take.
    pub fn simulate(&self, failure: &Failure, number: u64) -> Run {
        let mut seed = Seed::new(number);
        let mut world = World::new(seed.next_u64(), Trace::new(0));
        world.segment(LanSettings::default());
        for (id, side) in [(FIRST, &self.hosts[0]), (SECOND, &self.hosts[1])] {
            start(&mut world, id, side, &mut seed);
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
            Failure::Tracked(tracked) => world.tell(FIRST, |host, now| host.tell(tracked.tells(false), now)),
            Failure::Returns => {
                if lost {
                    start(world, FIRST, &self.hosts[0], seed);
                }
            }
        }
        [true, true]
    }
}

/// With a clock of its own, and all that it tracks well.
fn start(world: &mut World<Host>, id: NodeId, side: &Side, seed: &mut Seed) {
    let ppm = i32::try_from(seed.below(2 * CLOCKS)).unwrap_or(0) - CLOCKS as i32;
    world.start(id, Host::new(side.settings.clone(), side.source), ppm, &[LAN]);
    world.tell(id, |host, now| {
        host.begin(now);
        for tracked in &side.tracked {
            host.tell(tracked.tells(true), now);
        }
    });
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
            Failure::Tracked(Tracked { name, costs: None, .. }) => write!(f, "{name} fails: a fault"),
            Failure::Tracked(Tracked {
                name,
                costs: Some(costs),
                ..
            }) => write!(f, "{name} fails: {:+}", -costs),
            Failure::Returns => f.write_str("the lost host comes back"),
        }
    }
}

/// Where adverts of one router leave from: as its file says, or as the other's file expects it.
pub fn source(own: &InstanceSettings, other: &InstanceSettings) -> Option<Ipv4Addr> {
    let named = own.source.or_else(|| match &other.transport {
        Transport::Unicast { peers, .. } => peers.first().map(|peer| peer.address),
        Transport::Multicast { .. } => None,
    });
    match named {
        Some(IpAddr::V4(address)) => Some(address),
        _ => None,
    }
}
