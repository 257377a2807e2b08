//! Two that both say they own the addresses: a mistake of whoever wrote their files, and one of them may not even listen.

use tandem_sim::NodeId;
use tandem_vrrp_core::settings::Priority;

use crate::shape::Shape;
use crate::site::Site;
use crate::{each_seed, one_master};

/// One gives way soon, and is an owner again when the other is gone.
#[test]
fn of_two_owners_one_gives_way() {
    each_seed(12, |number, replay, mut seed| {
        let shape = Shape {
            owner: None,
            nopreempt: false,
            dialect: None,
            weight: None,
            ..Shape::any(&mut seed)
        };
        let both = [NodeId(0), NodeId(1)];
        let mut site = Site::new(number, replay, seed, &shape);
        let ignorant = site.pick(&both).filter(|_| site.seed.chance(1, 2));
        for id in both {
            site.reload(id, |settings| {
                for instance in &mut settings.instances {
                    instance.priority = Priority::OWNER;
                    instance.owner_ignores_adverts = ignorant == Some(id);
                }
            });
        }
        site.rules.cut = true;
        site.routers().into_iter().for_each(|id| site.start(id, false));
        settles(&mut site);
        let first = owner(&site);
        if ignorant.is_some_and(|ignorant| ignorant != first) {
            site.fail("whoever listens to nobody has given way");
        }

        site.crash(first);
        site.run(9.0);
        let second = owner(&site);
        site.start(first, false);
        settles(&mut site);
        let last = owner(&site);
        if ![first, second].contains(&last) {
            site.fail("another one is master");
        }
    });
}

/// It has the time of three adverts to find out that it has to give way, and another to do so.
fn settles(site: &mut Site) {
    let longest = site.longest_together(9.0);
    if longest > site.interval * 5 + site.rules.slack {
        site.fail(&format!("two masters for {longest:?}"));
    }
    one_master(site);
}

/// The only master.
fn owner(site: &Site) -> NodeId {
    one_master(site);
    let master = site.masters(0)[0];
    let priority = site.router(master).map(|router| router.view(0).effective);
    if priority != Some(Priority::OWNER) {
        site.fail(&format!("the master has {priority:?}"));
    }
    master
}
