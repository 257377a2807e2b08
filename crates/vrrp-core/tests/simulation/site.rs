//! A site: routers and clients on one or more segments, built from a seed, and the rules that it must never break.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tandem_sim::{LanSettings, NodeId, SegmentId, Trace, World};
use tandem_time::{Mono, Seed};
use tandem_vrrp_core::settings::*;
use tandem_vrrp_core::{Input, Release, Who};

use crate::node::{Client, FIRST_ADDRESS, Host, RouterHost, interface, vip};

pub struct Site {
    pub world: World<Host>,
    pub seed: Seed,
    pub interval: Duration,
    pub segments: Vec<SegmentId>,
    settings: BTreeMap<NodeId, RouterSettings>,
    ppm: BTreeMap<NodeId, i32>,
    /// Kernel addresses of crashed hosts.
    kernels: BTreeMap<NodeId, BTreeSet<std::net::IpAddr>>,
    pub rules: Rules,
}

/// What has been going on, and for how long.
#[derive(Clone, Debug)]
pub struct Rules {
    pub number: u64,
    /// Cuts are in place, so two masters are as it must be.
    pub cut: bool,
    /// Frames may be lost, so two masters may last.
    pub lossy: bool,
    /// The last thing that was done to the site from outside.
    pub disturbed: Mono,
    two_since: Vec<Option<Mono>>,
    none_since: Vec<Option<Mono>>,
    slack: Duration,
    /// Two masters at once are counted after this.
    pub healed: Mono,
    interval: Duration,
    /// A group waits for the slowest of its members, so that nobody is master for longer than one of them waits.
    grouped: bool,
    eligible_since: BTreeMap<(NodeId, usize), Mono>,
}

pub struct Shape {
    pub routers: u64,
    pub segments: usize,
    pub grouped: bool,
    /// No two of a priority: equals that take over at once serve for some microseconds both, then one.
    pub distinct: bool,
    /// Who yields says no last word, as Keepalived at its defaults does not.
    pub mute: bool,
    pub lan: LanSettings,
}

impl Site {
    pub fn new(number: u64, replay: bool, mut seed: Seed, shape: &Shape) -> Site {
        let mut world = World::new(seed.next_u64(), Trace::new(if replay { 4000 } else { 0 }));
        let segments: Vec<SegmentId> = (0..shape.segments).map(|_| world.segment(shape.lan)).collect();
        let protocol = any_protocol(&mut seed);
        let interval = protocol.interval();
        let nopreempt = seed.chance(1, 6);
        let mut site = Site {
            world,
            interval,
            settings: BTreeMap::new(),
            ppm: BTreeMap::new(),
            kernels: BTreeMap::new(),
            rules: Rules {
                number,
                cut: false,
                lossy: shape.lan.loss > 0,
                disturbed: Mono::ZERO,
                two_since: vec![None; shape.segments],
                none_since: vec![None; shape.segments],
                slack: shape.lan.latency_max * 3 + shape.lan.reorder_by + interval / 50,
                healed: Mono::ZERO,
                interval,
                grouped: shape.grouped,
                eligible_since: BTreeMap::new(),
            },
            segments,
            seed,
        };
        for router in 0..shape.routers {
            let priority = if shape.distinct {
                [150, 50, 200, 100, 254][router as usize]
            } else {
                site.any_priority()
            };
            let mut settings = site.settings_of(protocol, priority, nopreempt, shape.grouped);
            settings.instances.iter_mut().for_each(|i| i.last_word = !shape.mute);
            let id = NodeId(router as usize);
            let ppm = site.seed.below(2001) as i32 - 1000;
            site.ppm.insert(id, ppm);
            site.settings.insert(id, settings);
        }
        for client in 0..2 {
            let host = Host::Client(Client::default());
            site.world.start(NodeId(100 + client), host, 0, &site.segments.clone());
        }
        site
    }

    /// Few values, so that equal ones happen.
    fn any_priority(&mut self) -> u8 {
        [50, 100, 100, 150, 200, 254][self.seed.below(6) as usize]
    }

    fn settings_of(&mut self, protocol: Protocol, priority: u8, nopreempt: bool, grouped: bool) -> RouterSettings {
        let initial = if self.seed.chance(1, 3) && !nopreempt {
            Initial::Master
        } else {
            Initial::Backup
        };
        let instances = (0..self.segments.len()).map(|i| {
            let vrid = Vrid::new(51 + i as u8).expect("not 0");
            let mut s = InstanceSettings::new(InstanceId(i as u32), &format!("VI_{i}"), vrid, Family::V4);
            s.interface = Some(interface(i).as_str().into());
            s.priority = Priority::new(priority).expect("not 0");
            s.protocol = protocol;
            s.initial = initial;
            s.vips = vec![VirtualAddress::host(vip(i).into())];
            if nopreempt {
                s.preempt = Preempt::Never;
            }
            s
        });
        let instances: Vec<InstanceSettings> = instances.collect();
        let group = GroupSettings {
            id: GroupId(0),
            name: "G".into(),
            members: instances.iter().map(|i| i.id).collect(),
            track: Vec::new(),
            member_weights: false,
        };
        RouterSettings {
            instances,
            groups: if grouped { vec![group] } else { Vec::new() },
            ..RouterSettings::default()
        }
    }

    pub fn routers(&self) -> Vec<NodeId> {
        self.settings.keys().copied().collect()
    }

    pub fn alive(&self) -> Vec<NodeId> {
        self.world
            .machines()
            .filter(|(_, m)| m.as_router().is_some())
            .map(|(id, _)| id)
            .collect()
    }

    pub fn router(&self, id: NodeId) -> Option<&RouterHost> {
        self.world.machine(id).and_then(Host::as_router)
    }

    pub fn masters(&self, segment: usize) -> Vec<NodeId> {
        masters(&self.world, segment)
    }

    pub fn pick(&mut self, from: &[NodeId]) -> Option<NodeId> {
        from.get(self.seed.below(from.len() as u64) as usize).copied()
    }

    pub fn start(&mut self, id: NodeId, fresh_journal: bool) {
        let kernel = self.kernels.remove(&id).unwrap_or_default();
        let host = Host::router(self.settings[&id].clone(), (FIRST_ADDRESS + id.0) as u8, kernel);
        self.world.start(id, host, self.ppm[&id], &self.segments.clone());
        self.world.tell(id, |host, now| {
            if let Host::Router(host) = host {
                host.begin(fresh_journal, now);
            }
        });
        self.disturb();
    }

    pub fn crash(&mut self, id: NodeId) {
        if let Some(Host::Router(host)) = self.world.crash(id) {
            self.kernels.insert(id, host.kernel);
        }
        self.disturb();
    }

    pub fn release(&mut self, id: NodeId, why: Release) {
        self.world
            .tell(id, |host, now| host.say(Input::Release { who: Who::All, why }, now));
        self.disturb();
    }

    pub fn heal(&mut self) {
        self.world.heal();
        self.rules.cut = false;
        self.rules.healed = self.world.now();
        self.disturb();
    }

    pub fn disturb(&mut self) {
        self.rules.disturbed = self.world.now();
    }

    pub fn run(&mut self, intervals: f64) {
        let end = self.world.now() + self.interval.mul_f64(intervals);
        let rules = &mut self.rules;
        self.world.run_until(end, |world| rules.check(world));
    }

    /// Runs for so many intervals, whatever the rules say of two masters, and tells how long the same two were master
    /// together at the longest.
    pub fn longest_together(&mut self, intervals: f64) -> Duration {
        let end = self.world.now() + self.interval.mul_f64(intervals);
        let mut since: BTreeMap<(NodeId, NodeId), Mono> = BTreeMap::new();
        let mut longest = Duration::ZERO;
        self.world.run_until(end, |world| {
            let masters = masters(world, 0);
            let pairs = masters.iter().flat_map(|a| masters.iter().map(move |b| (*a, *b)));
            let pairs: Vec<_> = pairs.filter(|(a, b)| a < b).collect();
            since.retain(|pair, _| pairs.contains(pair));
            for pair in pairs {
                let began = *since.entry(pair).or_insert(world.now());
                longest = longest.max(world.now().since(began));
            }
        });
        longest
    }

    /// What delays and clocks may add to a bound.
    pub fn slack(&self) -> Duration {
        self.rules.slack
    }

    /// Nobody alive has a higher priority. (Of equals any may be master: a backup does not preempt its equal.)
    pub fn is_best(&self, id: NodeId) -> bool {
        let priority = |id: &NodeId| self.settings[id].instances[0].priority;
        self.alive().iter().all(|other| priority(other) <= priority(&id))
    }

    pub fn preempts(&self) -> bool {
        self.settings.values().all(|s| s.instances[0].preempt != Preempt::Never)
    }

    /// Every client sends to the node that is master.
    pub fn clients_agree(&self) -> bool {
        (0..self.segments.len()).all(|segment| {
            let masters = self.masters(segment);
            let caches = self
                .world
                .machines()
                .filter_map(|(_, m)| m.as_client())
                .map(|c| &c.cache);
            masters.len() == 1
                && caches
                    .into_iter()
                    .all(|c| c.find(vip(segment).into()) == Some(masters[0]))
        })
    }

    /// Every client's traffic meets a host that has the address.
    pub fn served(world: &World<Host>, segment: usize) -> bool {
        let address = vip(segment).into();
        let served = |client: &Client| {
            let host = client
                .cache
                .find(address)
                .and_then(|id| world.machine(id))
                .and_then(Host::as_router);
            host.is_some_and(|h| h.kernel.contains(&address))
        };
        world.machines().filter_map(|(_, m)| m.as_client()).all(served)
    }

    pub fn fail(&self, why: &str) -> ! {
        self.rules.fail(&self.world, why)
    }
}

fn any_protocol(seed: &mut Seed) -> Protocol {
    match seed.below(4) {
        0 => Protocol::V2 {
            interval: Seconds::ONE,
            auth: AuthV2::None,
        },
        n => {
            let interval = Centis::new([1, 10, 100][n as usize - 1]).expect("in range");
            Protocol::V3 {
                interval,
                checksum: ChecksumPolicy::Auto,
            }
        }
    }
}

fn masters(world: &World<Host>, segment: usize) -> Vec<NodeId> {
    let routers = world.machines().filter_map(|(id, m)| m.as_router().map(|r| (id, r)));
    routers
        .filter(|(_, r)| r.is_master(segment))
        .map(|(id, _)| id)
        .collect()
}

impl Rules {
    pub fn check(&mut self, world: &World<Host>) {
        for segment in 0..self.two_since.len() {
            self.not_two_for_long(world, segment);
            self.not_none_for_long(world, segment);
        }
        self.groups_agree(world);
    }

    fn not_two_for_long(&mut self, world: &World<Host>, segment: usize) {
        if masters(world, segment).len() < 2 {
            self.two_since[segment] = None;
            return;
        }
        let since = *self.two_since[segment].get_or_insert(world.now());
        let lasted = world.now().since(since.max(self.healed));
        if !self.cut && !self.lossy && lasted > self.interval + self.slack {
            self.fail(
                world,
                &format!("two masters for {lasted:?} on a net that loses nothing"),
            );
        }
    }

    fn not_none_for_long(&mut self, world: &World<Host>, segment: usize) {
        let none = masters(world, segment).is_empty();
        let since = none.then(|| *self.none_since[segment].get_or_insert(world.now()));
        self.none_since[segment] = since;
        for (id, router) in world.machines().filter_map(|(id, m)| m.as_router().map(|r| (id, r))) {
            if !router.is_eligible(segment) {
                self.eligible_since.remove(&(id, segment));
                continue;
            }
            let eligible = *self.eligible_since.entry((id, segment)).or_insert(world.now());
            let Some(since) = since else { continue };
            let lasted = world.now().since(since.max(eligible).max(self.disturbed));
            let down = router.view(segment).down_interval;
            if !self.grouped && lasted > down + down / 100 + self.slack {
                self.fail(
                    world,
                    &format!("no master on segment {segment} for {lasted:?}, but {id:?} waits {down:?}"),
                );
            }
        }
    }

    /// Only where there is a group; leaving members let go one by one.
    fn groups_agree(&self, world: &World<Host>) {
        for (id, router) in world.machines().filter_map(|(id, m)| m.as_router().map(|r| (id, r))) {
            if router.router.settings().groups.is_empty() || router.router.instances().any(|i| i.leaving) {
                continue;
            }
            let mut states = (0..self.two_since.len()).map(|i| router.view(i).state);
            let first = states.next();
            if !states.all(|s| Some(s) == first) {
                self.fail(world, &format!("the members of the group on {id:?} do not agree"));
            }
        }
    }

    pub fn fail(&self, world: &World<Host>, why: &str) -> ! {
        let number = self.number;
        panic!(
            "{}{} at {}; replay with TANDEM_SEED={number}",
            world.trace,
            why,
            world.now()
        )
    }
}
