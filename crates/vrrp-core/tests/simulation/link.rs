//! A pair whose adverts do not arrive, and a link beside VRRP that says how the other one is.

use std::time::Duration;

use tandem_sim::NodeId;
use tandem_vrrp_core::settings::InstanceId;
use tandem_vrrp_core::{Input, Partner};

use crate::rules::masters;
use crate::shape::Shape;
use crate::site::Site;
use crate::{each_seed, one_master};

/// The link says how the other one is as often as this.
const OFTEN: Duration = Duration::from_millis(500);

/// As long as two masters are nothing to be settled yet.
fn patience(site: &Site) -> Duration {
    (site.interval * 2).max(Duration::from_millis(200))
}

impl Site {
    /// To each how the other one is, now.
    fn tell_each_other(&mut self) {
        let word = |id| {
            let view = self.router(id)?.view(0);
            Some(Partner {
                stand: view.stand(),
                priority: view.effective.value(),
                source: view.source,
            })
        };
        let [one, other] = [NodeId(0), NodeId(1)];
        for (id, partner) in [(one, word(other)), (other, word(one))] {
            let instance = InstanceId(0);
            self.world
                .tell(id, |host, now| host.say(Input::Partner { instance, partner }, now));
        }
    }

    /// With a link, for so many intervals and some seconds more. Tells how long there were two masters at the longest.
    fn run_linked(&mut self, intervals: u32) -> Duration {
        let end = self.world.now() + self.interval * intervals + Duration::from_secs(4);
        let (mut since, mut longest) = (None, Duration::ZERO);
        while self.world.now() < end {
            self.tell_each_other();
            let pause = OFTEN.mul_f64(self.seed.below(1000) as f64 / 1000.0);
            let next = (self.world.now() + pause).min(end);
            let rules = &mut self.rules;
            self.world.run_until(next, |world| {
                rules.check(world);
                since = masters(world, 0).nth(1).map(|_| since.unwrap_or_else(|| world.now()));
                longest = longest.max(since.map_or(Duration::ZERO, |since| world.now().since(since)));
            });
        }
        longest
    }

    fn times_master(&self) -> u64 {
        let alive = self.alive().into_iter().filter_map(|id| self.router(id));
        alive.map(|router| router.view(0).stats.became_master).sum()
    }

    fn know_of_two(&self) -> usize {
        let alive = self.alive().into_iter().filter_map(|id| self.router(id));
        alive.filter(|router| router.view(0).split).count()
    }
}

/// The lesser one steps down and stays where it is, until adverts arrive again or the other one is gone.
#[test]
fn two_masters_that_do_not_hear_each_other_are_one_where_a_link_says_so() {
    each_seed(13, |number, replay, mut seed| {
        let shape = Shape {
            routers: 2,
            dialect: None,
            weight: None,
            ..Shape::any(&mut seed)
        };
        let mut site = Site::new(number, replay, seed, &shape);
        site.routers().into_iter().for_each(|id| site.start(id, false));
        site.run_linked(6);
        one_master(&site);

        let one = site.seed.below(2) as usize;
        let (one, other) = (NodeId(one), NodeId(1 - one));
        let both_ways = site.seed.chance(2, 3);
        site.world.cut(site.segments[0], one, other);
        if both_ways {
            site.world.cut(site.segments[0], other, one);
        }
        site.rules.cut = true;
        site.disturb();
        let longest = site.run_linked(8);
        if longest > patience(&site) + OFTEN * 2 + site.rules.slack {
            site.fail(&format!("two masters for {longest:?} that know of each other"));
        }
        one_master(&site);
        if both_ways && site.know_of_two() != 2 {
            site.fail("not both know why there is one");
        }
        let before = site.times_master();
        site.run_linked(20);
        if site.times_master() != before {
            site.fail("they take turns");
        }

        let master = site.masters(0)[0];
        let dies = site.seed.chance(1, 2);
        if dies {
            site.crash(master);
            site.run_linked(4);
            one_master(&site);
        }
        site.heal();
        if dies {
            site.start(master, false);
        }
        site.run_linked(9);
        one_master(&site);
        if site.know_of_two() != 0 {
            site.fail("they do not know that it is over");
        }
    });
}
