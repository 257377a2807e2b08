//! What comes of a failure in the simulator, once.
//!
//! A host on which something that it tracks has failed does not serve, whether or not it has the address: why else would it
//! be tracked.

use std::time::Duration;

use tandem_sim::{LanSettings, NodeId, Trace, World};
use tandem_time::{Mono, Seed};
use tandem_vrrp_core::settings::{InstanceSettings, Preempt};
use tandem_vrrp_core::{Input, Release, Who};

use super::failure::{Failure, Pair};
use super::machine::{Host, LAN, LINK};
use super::side::Tracked;

/// How long something was so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lasting {
    For(Duration),
    /// Nothing ends it but somebody who mends the failure.
    Ever,
}

/// Which of both.
pub type Which = [bool; 2];

/// What came of it once.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// Nobody who can be reached served.
    pub gap: Lasting,
    /// Both had the address.
    pub double: Lasting,
    /// Who has the address in the end, of those that can be reached.
    pub holders: Which,
}

const FIRST: NodeId = NodeId(0);
const SECOND: NodeId = NodeId(1);
/// Clocks of cheap machines differ by so many millionths.
const CLOCKS: u64 = 200;
/// Two masters are believed over the link when it says so twice, a second apart.
const SPLIT: Duration = Duration::from_secs(4);

impl Pair {
    /// Who has the address while nothing fails, if that is not the first alone in each of so many runs.
    pub fn misfit(&self, seeds: u64) -> Option<Which> {
        let mut all = (0..seeds).map(|number| {
            let (world, _) = self.begin(number);
            self.holders(&world)
        });
        all.find(|holders| *holders != [true, false])
    }

    fn holders(&self, world: &World<Host>) -> Which {
        let addresses = self.hosts[0].addresses();
        [FIRST, SECOND].map(|id| world.machine(id).is_some_and(|host| host.has(&addresses)))
    }

    /// The first has the address when the second comes, which may be of those that never preempt. Both run for so long that
    /// whoever waits longest is through; and then for a part of an interval, which is a matter of chance.
    fn begin(&self, number: u64) -> (World<Host>, Seed) {
        let mut seed = Seed::new(number);
        let mut world = World::new(seed.next_u64(), Trace::new(0));
        world.segment(LanSettings::default());
        world.segment(LanSettings::default());
        self.start(&mut world, FIRST, &mut seed);
        world.run_for(self.down() * 2 + self.hosts[0].settings.startup_delay, |_| {});
        self.start(&mut world, SECOND, &mut seed);
        let interval = self.first().protocol.interval();
        let part = interval.mul_f64(seed.below(1000) as f64 / 1000.0);
        world.run_for(self.settling() + part, |_| {});
        (world, seed)
    }

    /// Once, with the chances of this seed: when in an interval it happens, how the clocks run, how long frames take.
    pub fn simulate(&self, failure: &Failure, number: u64) -> Run {
        let (mut world, mut seed) = self.begin(number);
        let settle = self.settling();
        match failure {
            Failure::Returns => {
                world.crash(FIRST);
                world.run_for(settle, |_| {});
            }
            Failure::StandbyReturns => {
                cut_off(&mut world, SECOND);
                world.run_for(settle, |_| {});
            }
            _ => {}
        }
        let mut eye = Eye::new(world.now(), self.holders(&world));
        eye.able = self.strike(&mut world, failure, &mut seed);
        eye.look(&world, self);
        world.run_for(settle, |world| eye.look(world, self));
        eye.finish(&world)
    }

    /// Long enough for everything that follows from one event.
    fn settling(&self) -> Duration {
        let delay = |instance: &InstanceSettings| match instance.preempt {
            Preempt::After(delay) => delay,
            Preempt::Never => Duration::ZERO,
        };
        let startup = self.hosts.each_ref().map(|side| side.settings.startup_delay);
        let split = if self.linked { SPLIT } else { Duration::ZERO };
        self.down() * 4 + delay(self.first()).max(delay(self.second())) + startup[0].max(startup[1]) + split
    }

    /// Does it; says who can serve from then on.
    fn strike(&self, world: &mut World<Host>, failure: &Failure, seed: &mut Seed) -> Able {
        match failure {
            Failure::Stopped => {
                let release = Input::Release {
                    who: Who::All,
                    why: Release::Stop,
                };
                world.tell(FIRST, |host, now| host.tell(release, now));
            }
            // Its kernel goes on with the address.
            Failure::RouterDies => drop(world.crash(FIRST)),
            Failure::PowerLost => {
                world.crash(FIRST);
                return Able::without(0);
            }
            Failure::CablePulled => {
                cut_off(world, FIRST);
                world.tell(FIRST, |host, now| host.link(false, now));
                return Able::without(0);
            }
            Failure::CutOff => {
                cut_off(world, FIRST);
                return Able::without(0);
            }
            Failure::OneWay => world.cut(LAN, FIRST, SECOND),
            Failure::BalancerDies | Failure::BalancerHangs => {
                return fail(world, &self.seen(failure).by);
            }
            Failure::Tracked(tracked) => return fail(world, std::slice::from_ref(tracked)),
            Failure::Returns => self.start(world, FIRST, seed),
            Failure::StandbyLost => {
                world.crash(SECOND);
                return Able::without(1);
            }
            Failure::StandbyReturns => {
                world.heal();
                let witnesses = self.hosts[1].witnesses();
                world.tell(SECOND, |host, _| host.witnesses = witnesses);
            }
        }
        Able::default()
    }

    /// With a clock of its own, and all that it tracks well.
    fn start(&self, world: &mut World<Host>, id: NodeId, seed: &mut Seed) {
        let side = &self.hosts[usize::from(id == SECOND)];
        let ppm = i32::try_from(seed.below(2 * CLOCKS)).unwrap_or(0) - CLOCKS as i32;
        let host = Host::new(side.settings.clone(), side.source, self.linked);
        world.start(id, host, ppm, &[LAN, LINK]);
        world.tell(id, |host, now| {
            host.witnesses = side.witnesses();
            host.begin(now);
            for tracked in &side.tracked {
                host.tell(tracked.tells(true), now);
            }
        });
    }
}

/// From everybody, and so from the witnesses.
fn cut_off(world: &mut World<Host>, id: NodeId) {
    world.partition(LAN, &[id]);
    world.partition(LINK, &[id]);
    world.tell(id, |host, _| host.witnesses = 0);
}

fn fail(world: &mut World<Host>, all: &[Tracked]) -> Able {
    world.tell(FIRST, |host, now| {
        for tracked in all {
            host.tell(tracked.tells(false), now);
        }
    });
    Able {
        well: [false, true],
        ..Able::default()
    }
}

/// What was done to the hosts.
#[derive(Clone, Copy)]
struct Able {
    /// Clients reach it.
    reachable: Which,
    /// It serves whoever reaches it.
    well: Which,
}

impl Default for Able {
    fn default() -> Able {
        Able {
            reachable: [true; 2],
            well: [true; 2],
        }
    }
}

impl Able {
    fn without(host: usize) -> Able {
        let mut reachable = [true; 2];
        reachable[host] = false;
        Able {
            reachable,
            ..Able::default()
        }
    }
}

/// Looks after every step who has the address.
struct Eye {
    since: Mono,
    able: Able,
    /// The kernel of a host whose router died still has what it had.
    kernel: Which,
    gap: Duration,
    double: Duration,
}

impl Eye {
    fn new(since: Mono, kernel: Which) -> Eye {
        Eye {
            since,
            able: Able::default(),
            kernel,
            gap: Duration::ZERO,
            double: Duration::ZERO,
        }
    }

    fn look(&mut self, world: &World<Host>, pair: &Pair) {
        self.count(world.now());
        let holders = pair.holders(world);
        for (id, host) in [FIRST, SECOND].into_iter().zip(0..) {
            if world.machine(id).is_some() {
                self.kernel[host] = holders[host];
            }
        }
    }

    fn holders(&self) -> Which {
        [0, 1].map(|host| self.able.reachable[host] && self.kernel[host])
    }

    fn serves_nobody(&self) -> bool {
        let holders = self.holders();
        !(0..2).any(|host| holders[host] && self.able.well[host])
    }

    fn count(&mut self, now: Mono) {
        let lasted = now.since(self.since);
        self.since = now;
        if self.serves_nobody() {
            self.gap += lasted;
        }
        if self.holders() == [true; 2] {
            self.double += lasted;
        }
    }

    fn finish(mut self, world: &World<Host>) -> Run {
        self.count(world.now());
        let until = |still: bool, lasted| if still { Lasting::Ever } else { Lasting::For(lasted) };
        Run {
            gap: until(self.serves_nobody(), self.gap),
            double: until(self.holders() == [true; 2], self.double),
            holders: self.holders(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::plan::side::Side;
    use crate::{check, plan};

    fn pair(more: &str) -> Pair {
        let router = |priority| {
            let text = format!(
                "vrrp_script alive {{\n script /bin/true\n}}\n\
                 vrrp_instance V {{\n interface eth0\n virtual_router_id 51\n priority {priority}\n{more}\n\
                 virtual_ipaddress {{\n 10.0.0.100/24\n }}\n}}\n"
            );
            let plan = check::read_router("test.conf", text.into_bytes(), &mut Vec::new());
            plan.expect("it is well").router
        };
        let (a, b) = (router(150), router(100));
        let pairs = plan::pairs((Path::new("a"), &a), (Path::new("b"), &b));
        pairs.expect("they fit").remove(0)
    }

    #[test]
    fn two_hosts_that_both_serve_nothing_do_not_take_turns() {
        for weight in ["", "weight -60"] {
            for number in 0..40 {
                let pair = pair(&format!("track_script {{\n alive {weight}\n}}"));
                let (mut world, mut seed) = pair.begin(number);
                let fail = |world: &mut World<Host>, id: NodeId, side: &Side| {
                    let tells = side.tracked[0].tells(false);
                    world.tell(id, |host, now| host.tell(tells, now));
                };
                fail(&mut world, FIRST, &pair.hosts[0]);
                world.run_for(Duration::from_millis(seed.below(8000)), |_| {});
                fail(&mut world, SECOND, &pair.hosts[1]);
                let mut gains = [0; 2];
                let mut before = pair.holders(&world);
                world.run_for(Duration::from_secs(60), |world| {
                    let now = pair.holders(world);
                    for host in 0..2 {
                        gains[host] += u32::from(now[host] && !before[host]);
                    }
                    before = now;
                });
                // It may go to the one that failed last, and back to who is better.
                assert!(gains[0] <= 1 && gains[1] <= 1, "{weight} {number}: {gains:?}");
            }
        }
    }

    #[test]
    fn a_successor_is_named_over_the_link_and_does_not_wait() {
        let mut pair = pair("");
        for linked in [false, true] {
            pair.linked = linked;
            let (mut world, mut seed) = pair.begin(0);
            pair.strike(&mut world, &Failure::Stopped, &mut seed);
            // The skew alone is 0.6 s.
            world.run_for(Duration::from_millis(2), |_| {});
            assert_eq!(pair.holders(&world)[1], linked);
        }
    }
}
