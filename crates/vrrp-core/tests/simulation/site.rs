//! A site: routers and clients on one or more segments, built from a seed, and what can be done to it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tandem_sim::{LanSettings, NodeId, SegmentId, Trace, World};
use tandem_time::{Mono, Seed};
use tandem_vrrp_core::settings::*;
use tandem_vrrp_core::{Input, Release, Who};

use crate::checks::Check;
use crate::net::{CLIENTS, Frame, vip};
use crate::node::{Client, Held, Host, RouterHost};
use crate::rules::{Rules, masters};
use crate::shape::Shape;

pub struct Site {
    pub world: World<Host>,
    pub seed: Seed,
    pub interval: Duration,
    pub segments: Vec<SegmentId>,
    pub shape: Shape,
    settings: BTreeMap<NodeId, RouterSettings>,
    ppm: BTreeMap<NodeId, i32>,
    /// What the scripts of each host would say.
    good: BTreeMap<NodeId, Vec<bool>>,
    /// Who was told to stop, and has or will.
    pub stopping: BTreeSet<NodeId>,
    /// Whose cable is not in its card.
    unplugged: BTreeSet<(NodeId, usize)>,
    /// Kernel addresses of crashed hosts.
    kernels: BTreeMap<NodeId, BTreeSet<Held>>,
    pub rules: Rules,
}

impl Site {
    pub fn new(number: u64, replay: bool, mut seed: Seed, shape: &Shape) -> Site {
        let mut world = World::new(seed.next_u64(), Trace::new(if replay { 4000 } else { 0 }));
        let segments: Vec<SegmentId> = (0..shape.segments).map(|_| world.segment(shape.lan)).collect();
        let interval = shape.protocol.interval();
        for client in CLIENTS {
            world.start(client, Host::Client(Client::default()), 0, &segments);
        }
        let mut rules = Rules::new(number, shape.segments, interval, shape.slack());
        rules.lossy = shape.lan.loss > 0;
        let mut site = Site {
            world,
            interval,
            shape: shape.clone(),
            settings: BTreeMap::new(),
            ppm: BTreeMap::new(),
            good: BTreeMap::new(),
            stopping: BTreeSet::new(),
            unplugged: BTreeSet::new(),
            kernels: BTreeMap::new(),
            rules,
            segments,
            seed,
        };
        for id in (0..shape.routers).map(NodeId) {
            let settings = shape.settings(id, &mut site.seed);
            site.good.insert(id, vec![true; settings.trackers.len()]);
            site.settings.insert(id, settings);
            site.ppm.insert(id, site.seed.below(2001) as i32 - 1000);
        }
        site
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
        masters(&self.world, segment).collect()
    }

    pub fn pick(&mut self, from: &[NodeId]) -> Option<NodeId> {
        from.get(self.seed.below(from.len() as u64) as usize).copied()
    }

    pub fn start(&mut self, id: NodeId, fresh_journal: bool) {
        let kernel = self.kernels.remove(&id).unwrap_or_default();
        let checks = self.checks(id);
        let plugged = |segment: &SegmentId| !self.unplugged.contains(&(id, segment.0));
        let links: Vec<bool> = self.segments.iter().map(plugged).collect();
        let segments: Vec<SegmentId> = self.segments.iter().copied().filter(plugged).collect();
        let host = Host::router(id, self.settings[&id].clone(), kernel, checks, links);
        self.rules.forget(id);
        self.stopping.remove(&id);
        self.world.start(id, host, self.ppm[&id], &segments);
        self.world.tell(id, |host, now| {
            if let Host::Router(host) = host {
                host.begin(fresh_journal, now);
            }
        });
        self.disturb();
    }

    /// All at once, until they have found a master. Whoever waits for its scripts, twice if they must succeed twice, begins
    /// up to seven intervals later.
    pub fn start_all(&mut self) {
        self.routers().into_iter().for_each(|id| self.start(id, false));
        self.run(if self.shape.weight.is_some() { 13.0 } else { 6.0 });
    }

    /// Up to twice an interval apart, and the first result perhaps as late.
    fn checks(&mut self, id: NodeId) -> Vec<Check> {
        let mut moment = |least: f64| self.interval.mul_f64(least + self.seed.below(1500) as f64 / 1000.0);
        let checks = self.good[&id].iter().enumerate();
        checks
            .map(|(i, good)| Check::new(TrackerId(i as u16), moment(0.5), moment(0.0), *good))
            .collect()
    }

    pub fn crash(&mut self, id: NodeId) {
        if let Some(Host::Router(host)) = self.world.crash(id) {
            self.kernels.insert(id, host.kernel);
        }
        self.disturb();
    }

    pub fn release(&mut self, id: NodeId, why: Release) {
        if why == Release::Stop {
            self.stopping.insert(id);
        }
        self.world
            .tell(id, |host, now| host.say(Input::Release { who: Who::All, why }, now));
        self.disturb();
    }

    /// New settings: for a host that runs a reload, for another what it will start with.
    pub fn reload(&mut self, id: NodeId, change: impl FnOnce(&mut RouterSettings)) {
        let Some(settings) = self.settings.get_mut(&id) else {
            return;
        };
        let old = settings.clone();
        change(settings);
        let settings = settings.clone();
        if waits_otherwise(&old, &settings) {
            self.rules.disturbed = self.world.now();
        }
        self.rules.interval = self.longest_interval();
        if let Some(router) = self
            .router(id)
            .filter(|_| settings.groups.is_empty() != old.groups.is_empty())
        {
            let waits = (0..self.segments.len()).map(|segment| router.view(segment).down_interval);
            let within = waits.max().unwrap_or_default().max(self.rules.interval * 4) + self.rules.slack;
            self.rules.regroup(id, within, self.world.now());
        }
        self.world
            .tell(id, |host, now| host.say(Input::Settings(Box::new(settings)), now));
    }

    fn longest_interval(&self) -> Duration {
        let instances = self.settings.values().flat_map(|s| &s.instances);
        instances.map(|i| i.protocol.interval()).max().unwrap_or_default()
    }

    /// The longest interval that anybody has, or that the master has whom somebody follows: whoever would take over from a
    /// faster one that is less waits for that one's silence first.
    pub fn slowest(&self) -> Duration {
        let alive = self.alive().into_iter().filter_map(|id| self.router(id));
        let followed = alive
            .flat_map(|host| host.router.instances())
            .map(|view| view.master_interval);
        followed.max().unwrap_or_default().max(self.rules.interval)
    }

    pub fn resume(&mut self, id: NodeId) {
        self.world
            .tell(id, |host, now| host.say(Input::Resume { who: Who::All }, now));
        self.disturb();
    }

    pub fn plug(&mut self, id: NodeId, segment: usize, up: bool) {
        let changed = if up {
            self.unplugged.remove(&(id, segment))
        } else {
            self.unplugged.insert((id, segment))
        };
        if !changed {
            return;
        }
        self.world.plug(self.segments[segment], id, up);
        self.world.tell(id, |host, now| {
            if let Host::Router(host) = host {
                host.link(segment, up, now);
            }
        });
        self.disturb();
    }

    /// From its next run on a script says this.
    pub fn set_check(&mut self, id: NodeId, which: usize, good: bool) {
        let Some(known) = self.good.get_mut(&id).and_then(|all| all.get_mut(which)) else {
            return;
        };
        *known = good;
        self.world.tell(id, |host, _| {
            if let Host::Router(host) = host {
                host.checks[which].good = good;
            }
        });
        self.disturb();
    }

    pub fn is_good(&self, id: NodeId, which: usize) -> bool {
        self.good[&id].get(which).is_none_or(|good| *good)
    }

    pub fn heal(&mut self) {
        self.world.heal();
        self.rules.cut = false;
        self.rules.healed = self.world.now();
        self.disturb();
    }

    /// From now on frames are lost, doubled and late.
    pub fn lose(&mut self, lan: LanSettings) {
        let shape = Shape {
            lan,
            ..self.shape.clone()
        };
        self.rules.slack = shape.slack();
        self.rules.lossy = true;
        self.be(lan);
    }

    /// What is on its way still arrives, and nothing else is disturbed.
    pub fn calm(&mut self) {
        self.be(self.shape.lan);
        let end = self.world.now() + self.rules.slack;
        let rules = &mut self.rules;
        self.world.run_until(end, |world| rules.check(world));
        self.rules.slack = self.shape.slack();
        self.rules.lossy = false;
    }

    fn be(&mut self, lan: LanSettings) {
        for segment in self.segments.clone() {
            self.world.set_lan(segment, lan);
        }
    }

    /// Nothing is lost any more.
    pub fn clear(&mut self) {
        self.be(LanSettings::default());
        self.rules.lossy = false;
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
            let masters: Vec<NodeId> = masters(world, 0).collect();
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

    /// Everything between two routers is lost, each way, until so many adverts were.
    pub fn lose_adverts(&mut self, losses: u32) {
        let routers = self.routers();
        let pairs = routers.iter().flat_map(|a| routers.iter().map(move |b| (*a, *b)));
        for (a, b) in pairs.filter(|(a, b)| a != b) {
            let advert = |frame: &Frame| matches!(frame, Frame::Advert(_));
            self.world.lose(self.segments[0], a, b, losses, advert);
        }
    }

    /// Nobody who takes part and would preempt it has a higher priority. (Of equals any may be master: a backup does not
    /// preempt its equal.)
    pub fn is_best(&self, id: NodeId) -> bool {
        let priority = |id: NodeId| self.router(id).map(|r| r.view(0).effective);
        let better = |other: &NodeId| priority(*other) > priority(id);
        let preempts = |other: &NodeId| self.router(*other).is_some_and(|r| r.view(0).preempts);
        let alive = self.alive().into_iter();
        !alive
            .filter(|other| self.takes_part(*other))
            .any(|other| better(&other) && preempts(&other))
    }

    pub fn takes_part(&self, id: NodeId) -> bool {
        self.router(id).is_some_and(|r| r.standing()[0].eligible)
    }

    /// Every client sends to the node that is master, whatever address of its it means.
    pub fn clients_agree(&self) -> bool {
        let clients = || self.world.machines().filter_map(|(_, m)| m.as_client());
        (0..self.segments.len()).all(|segment| match self.masters(segment)[..] {
            [master] => {
                let mut addresses = self.settings[&master].instances[segment].addresses();
                addresses.all(|a| clients().all(|c| c.cache.find(a.address) == Some(master)))
            }
            _ => false,
        })
    }

    /// Announcements are not answered, so a master whose first and second round were lost cannot know. Whoever took over
    /// since then, or announces again and again, must be known; of frames that are lost with `p` the chance that a
    /// client hears none of ten is `p` to the tenth.
    pub fn must_be_known(&self, segment: usize) -> bool {
        let known = |id: &NodeId| {
            let Some(router) = self.router(*id) else { return false };
            let settings = &self.settings[id].instances[segment].garp;
            let since = self.world.local(*id, self.rules.healed);
            !settings.refresh.is_zero() || router.view(segment).changed_at + settings.delay > since
        };
        self.masters(segment).iter().all(known)
    }

    /// Every client's traffic meets a host that has the address, now and for so many intervals.
    pub fn always_served(&mut self, intervals: f64, why: &str) {
        let address = vip(self.shape.family, 0, 0);
        let end = self.world.now() + self.interval.mul_f64(intervals);
        let rules = self.rules.clone();
        self.world.run_until(end, |world| {
            let served = |client: &Client| {
                let host = client.cache.find(address).and_then(|id| world.machine(id));
                host.and_then(Host::as_router).is_some_and(|h| h.has(0, address))
            };
            if !world.machines().filter_map(|(_, m)| m.as_client()).all(served) {
                rules.fail(world, why);
            }
        });
    }

    pub fn fail(&self, why: &str) -> ! {
        self.rules.fail(&self.world, why)
    }
}

/// Whatever else a reload changes, nobody waits longer for a silent master than without it.
fn waits_otherwise(old: &RouterSettings, new: &RouterSettings) -> bool {
    let waits = |settings: &RouterSettings| {
        let instances = settings.instances.iter();
        let instances = instances.map(|i| (i.priority, i.protocol, i.track.clone()));
        (instances.collect::<Vec<_>>(), settings.groups.len())
    };
    waits(old) != waits(new)
}
