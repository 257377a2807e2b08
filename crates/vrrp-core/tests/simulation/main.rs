//! The VRRP router on a virtual LAN: hundreds of seeds of loss, delay, duplication, reordering, partition, crash and
//! clock skew, and the promises that must hold in all of them.
//!
//! `TANDEM_SEED=n cargo test -p tandem-vrrp-core --test simulation` replays one with its trace; `TANDEM_SEEDS=n` runs n.

mod checks;
mod link;
mod net;
mod node;
mod owners;
mod reloads;
mod rules;
mod shape;
mod site;

use std::cell::Cell;
use std::time::Duration;

use tandem_sim::{LanSettings, NodeId, Seeds};
use tandem_time::Seed;
use tandem_vrrp_core::Release;
use tandem_vrrp_core::settings::Weight;

use net::{CLIENTS, own_address};
use shape::Shape;
use site::Site;

const SEEDS: u64 = 500;

/// What is true of half of them shows in so many.
const MANY: u32 = 50;

fn each_seed(label: u64, act: impl Fn(u64, bool, Seed)) {
    let seeds = Seeds::from_env(SEEDS);
    let replay = seeds.is_replay();
    for number in seeds {
        act(number, replay, Seed::new(number).fork(label));
    }
}

fn lossy(seed: &mut Seed) -> LanSettings {
    LanSettings {
        latency_max: Duration::from_micros(50 + seed.below(1000)),
        loss: seed.below(300),
        duplicate: seed.below(200),
        reorder: seed.below(300),
        reorder_by: Duration::from_micros(seed.below(3000)),
        ..LanSettings::default()
    }
}

/// All start within two intervals; then every few intervals something happens.
fn chaos(site: &mut Site, steps: u64) {
    for id in site.routers() {
        site.start(id, false);
        let wait = site.seed.below(1000) as f64 / 500.0;
        site.run(wait);
    }
    for _ in 0..steps {
        disturb(site);
        let wait = site.seed.below(8000) as f64 / 1000.0;
        site.run(wait);
    }
}

fn disturb(site: &mut Site) {
    let alive = site.alive();
    let dead: Vec<NodeId> = site.routers().into_iter().filter(|id| !alive.contains(id)).collect();
    let Some(any) = site.pick(&alive) else {
        return dead.into_iter().for_each(|id| site.start(id, false));
    };
    match site.seed.below(14) {
        0 | 1 if alive.len() > 1 => {
            let masters = site.masters(0);
            let whom = if site.seed.chance(1, 2) {
                site.pick(&masters)
            } else {
                Some(any)
            };
            whom.into_iter().for_each(|id| site.crash(id));
        }
        2 | 3 => {
            let fresh = site.seed.chance(1, 2);
            site.pick(&dead).into_iter().for_each(|id| site.start(id, fresh));
        }
        4 => {
            let successor = site.pick(&alive).filter(|_| site.seed.chance(1, 2));
            let successor = successor.map(|id| own_address(site.shape.family, 0, id));
            let why = if site.seed.chance(1, 2) {
                Release::Stop
            } else {
                Release::Handover { successor }
            };
            if let Some(id) = site.pick(&site.masters(0)) {
                site.release(id, why);
            }
        }
        5 => site.release(any, Release::Drain),
        6 => site.resume(any),
        7 | 8 => site.set_check(any, 0, !site.is_good(any, 0)),
        9 | 10 => site.set_check(any, 1, !site.is_good(any, 1)),
        11 => {
            let segment = site.seed.below(site.segments.len() as u64) as usize;
            let up = site.seed.chance(1, 2);
            site.plug(any, segment, up);
        }
        _ => {
            // A stopped host is as good as a crashed one: it may be started again.
            for id in alive {
                if site.router(id).is_some_and(|r| r.view(0).stopped) {
                    site.crash(id);
                }
            }
        }
    }
}

/// Everything works again and takes part.
fn settle(site: &mut Site) {
    for id in site.routers() {
        for segment in 0..site.segments.len() {
            site.plug(id, segment, true);
        }
        site.set_check(id, 0, true);
        site.set_check(id, 1, true);
        if site.router(id).is_none() || site.stopping.contains(&id) {
            site.crash(id);
            site.start(id, false);
        }
        site.resume(id);
    }
    // A script that must succeed twice may take four, and then each waits its down interval.
    site.run(12.0);
    one_master(site);
    if !site.is_best(site.masters(0)[0]) {
        site.fail("the best router is not the master");
    }
    if (0..site.segments.len()).all(|segment| site.must_be_known(segment)) && !site.clients_agree() {
        site.fail("a client sends to the wrong host in the end");
    }
}

fn one_master(site: &Site) {
    for segment in 0..site.segments.len() {
        let masters = site.masters(segment);
        if masters.len() != 1 {
            site.fail(&format!("{} masters in the end", masters.len()));
        }
    }
}

#[test]
fn a_net_that_loses_nothing() {
    each_seed(1, |number, replay, mut seed| {
        let shape = Shape::any(&mut seed);
        let mut site = Site::new(number, replay, seed, &shape);
        chaos(&mut site, 25);
        settle(&mut site);
    });
}

#[test]
fn a_net_that_loses_doubles_and_mixes_up() {
    each_seed(2, |number, replay, mut seed| {
        let mut shape = Shape::any(&mut seed);
        shape.lan = lossy(&mut seed);
        let mut site = Site::new(number, replay, seed, &shape);
        chaos(&mut site, 25);
        site.clear();
        settle(&mut site);
    });
}

/// Cuts off some routers, perhaps one way only.
fn cut(site: &mut Site, both_ways: bool) {
    let routers = site.routers();
    let segment = site.segments[site.seed.below(site.segments.len() as u64) as usize];
    let island: Vec<NodeId> = routers.iter().copied().filter(|_| site.seed.chance(1, 2)).collect();
    let others: Vec<NodeId> = routers.iter().copied().filter(|id| !island.contains(id)).collect();
    for a in &island {
        for b in &others {
            site.world.cut(segment, *a, *b);
            if both_ways {
                site.world.cut(segment, *b, *a);
            }
        }
        // Clients are with the others, when there are others.
        for client in CLIENTS.into_iter().filter(|_| both_ways && !others.is_empty()) {
            site.world.cut(segment, *a, client);
            site.world.cut(segment, client, *a);
        }
    }
    site.rules.cut = true;
    site.disturb();
}

#[test]
fn after_a_heal_one_master_and_every_cache_is_right() {
    heals(3, false);
}

/// The winner is told nothing, and finds out all the same.
#[test]
fn after_a_heal_of_routers_that_yield_in_silence_every_cache_is_right() {
    heals(9, true);
}

/// In half of them frames are lost, doubled and late on both sides of the cut as well. Then it may be that nobody is master
/// when it heals, and that nobody knows who was.
fn heals(label: u64, mute: bool) {
    each_seed(label, |number, replay, mut seed| {
        let mut shape = Shape {
            mute,
            ..Shape::any(&mut seed)
        };
        // With unicast the network is asked for rivals ten times a second at most: whoever yields to one of the adverts in
        // between, and without a word, has not been asked and is not found.
        shape.unicast &= !mute || shape.protocol.interval() >= Duration::from_millis(100);
        let trouble = seed.chance(1, 2).then(|| lossy(&mut seed));
        let mut site = Site::new(number, replay, seed, &shape);
        site.start_all();
        for _ in 0..6 {
            let both_ways = site.seed.chance(2, 3);
            cut(&mut site, both_ways);
            trouble.into_iter().for_each(|lan| site.lose(lan));
            let length = 1.0 + site.seed.below(12_000) as f64 / 1000.0;
            site.run(length);
            if trouble.is_some() {
                site.calm();
            }
            site.heal();
            site.run(if trouble.is_some() { 9.0 } else { 1.1 });
            one_master(&site);
            if (trouble.is_none() || site.must_be_known(0)) && !site.clients_agree() {
                site.fail("a client sends to the wrong host after the heal");
            }
            if !site.is_best(site.masters(0)[0]) {
                site.fail("the best router is not the master");
            }
            let pause = site.seed.below(8000) as f64 / 1000.0;
            site.run(pause);
        }
    });
}

/// After the heal everything between two is lost until `k` adverts each way were. No two routers are master together for
/// longer than that takes, and there would be nothing to see if something else ended it earlier: in half of the splits it
/// must last for more than `k - 1` intervals.
#[test]
fn after_k_losses_two_masters_for_at_most_k_and_one_intervals() {
    let (splits, lasted) = (Cell::new(0), Cell::new(0));
    each_seed(4, |number, replay, mut seed| {
        let mut shape = Shape::any(&mut seed);
        // Of what is not lost some comes twice, and some late.
        shape.lan = LanSettings {
            loss: 0,
            ..lossy(&mut seed)
        };
        let mut site = Site::new(number, replay, seed, &shape);
        site.start_all();
        cut(&mut site, true);
        site.run(6.0);
        let were_two = site.masters(0).len() > 1;
        let losses = site.seed.below(6) as u32;
        site.heal();
        site.lose_adverts(losses);
        let longest = site.longest_together(3.0 * f64::from(losses) + 5.0);
        let bound = site.interval * (losses + 1) + site.rules.slack;
        if longest > bound {
            site.fail(&format!("two masters for {longest:?} after {losses} losses"));
        }
        one_master(&site);
        if were_two && losses > 0 {
            splits.set(splits.get() + 1);
            lasted.set(lasted.get() + u32::from(longest > site.interval * (losses - 1)));
        }
    });
    let (splits, lasted) = (splits.get(), lasted.get());
    // Of a few seeds, or the one that is looked at, most may be otherwise.
    assert!(
        splits < MANY || lasted * 2 >= splits,
        "of {splits} splits only {lasted} lasted as long as adverts were lost"
    );
}

#[test]
fn groups_are_of_one_mind() {
    each_seed(5, |number, replay, mut seed| {
        let shape = Shape {
            segments: 2,
            grouped: true,
            ..Shape::any(&mut seed)
        };
        let mut site = Site::new(number, replay, seed, &shape);
        site.start_all();
        one_master(&site);
        for _ in 0..4 {
            cut(&mut site, true);
            let length = 1.0 + site.seed.below(12_000) as f64 / 1000.0;
            site.run(length);
            site.heal();
            site.run(9.0);
            one_master(&site);
            if site.masters(0) != site.masters(1) {
                site.fail("the group is master on different routers");
            }
            if !site.clients_agree() {
                site.fail("a client sends to the wrong host after the heal");
            }
        }
    });
}

/// Whatever is lost, and whoever dies: the members of a group agree at every moment, and there is one master in the end.
#[test]
fn groups_are_of_one_mind_on_a_net_that_loses() {
    each_seed(10, |number, replay, mut seed| {
        let shape = Shape {
            segments: 2,
            grouped: true,
            lan: lossy(&mut seed),
            ..Shape::any(&mut seed)
        };
        let mut site = Site::new(number, replay, seed, &shape);
        chaos(&mut site, 10);
        site.clear();
        settle(&mut site);
        if site.masters(0) != site.masters(1) {
            site.fail("the group is master on different routers");
        }
    });
}

#[test]
fn a_planned_handover_has_no_gap() {
    each_seed(6, |number, replay, mut seed| {
        let mut shape = Shape {
            distinct: true,
            ..Shape::any(&mut seed)
        };
        // Of those that add nothing while all is well, or two may be 254.
        shape.weight = shape.weight.map(|_| Weight::of(-60));
        let mut site = Site::new(number, replay, seed, &shape);
        site.start_all();
        for why in [Release::Handover { successor: None }, Release::Stop] {
            let master = site.masters(0)[0];
            site.release(master, why);
            // The skew of version 2 is up to a second, whatever the interval.
            let intervals = 3.0 + Duration::from_secs(1).div_duration_f64(site.interval);
            site.always_served(intervals, "a client's traffic met a host without the address");
            one_master(&site);
            if site.masters(0)[0] == master {
                site.fail("the master that left is the master");
            }
            if shape.routers == 2 {
                break;
            }
        }
    });
}

#[test]
fn a_named_successor_takes_over_at_once() {
    each_seed(8, |number, replay, mut seed| {
        let shape = Shape {
            routers: 2,
            owner: None,
            ..Shape::any(&mut seed)
        };
        let mut site = Site::new(number, replay, seed, &shape);
        site.start_all();
        let master = site.masters(0)[0];
        let other = NodeId(1 - master.0);
        let successor = Some(own_address(shape.family, 0, other));
        site.release(master, Release::Handover { successor });
        let moment = site.world.now() + shape.lan.latency_max * 2;
        site.world.run_until(moment, |_| {});
        if site.masters(0) != [other] {
            site.fail("the named successor waits");
        }
        site.run(4.0);
        if site.masters(0) != [other] {
            site.fail("the successor did not stay master");
        }
    });
}

#[test]
fn a_crashed_master_resumes_with_the_address_in_place() {
    each_seed(7, |number, replay, mut seed| {
        let shape = Shape {
            // A script that is said to have failed before its first result is a fault, whatever was served a moment ago.
            init_fail: false,
            // Who restarts does not know how a silent backup computes its checksum, and is not heard by it.
            dialect: None,
            ..Shape::any(&mut seed)
        };
        let mut site = Site::new(number, replay, seed, &shape);
        site.start_all();
        let master = site.masters(0)[0];
        site.crash(master);
        // Back before the others can have given it up: three intervals, less one to listen, less one for the last advert.
        let dead = site.seed.below(700) as f64 / 1000.0;
        site.run(dead);
        site.start(master, true);
        site.always_served(4.0, "the address was away although nobody else had it");
        if site.masters(0) != [master] {
            site.fail("the restarted master did not resume");
        }
    });
}
