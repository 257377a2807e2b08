//! Reloads one router after the other, as an operator does them: while they last no two routers have the same settings,
//! and every promise holds all the same.

use std::time::Duration;

use tandem_sim::NodeId;
use tandem_vrrp_core::settings::*;

use crate::net::vip;
use crate::shape::Shape;
use crate::site::Site;
use crate::{each_seed, settle};

#[derive(Clone, Copy)]
enum Change {
    Priority(Priority),
    Interval(Centis),
    Addresses { advertised: bool, excluded: bool },
    Grouping(bool),
    Preempt(Preempt),
    Tracking(bool),
    Refresh(Duration),
}

fn any_change(site: &mut Site) -> Change {
    let seed = &mut site.seed;
    match seed.below(7) {
        0 => {
            let value = [20, 90, 100, 101, 180, 254][seed.below(6) as usize];
            Change::Priority(Priority::new(value).expect("not 0"))
        }
        1 => {
            let value = [1, 2, 5, 10, 100][seed.below(5) as usize];
            Change::Interval(Centis::new(value).expect("in range"))
        }
        2 => Change::Addresses {
            advertised: seed.chance(1, 2),
            excluded: seed.chance(1, 2),
        },
        3 => Change::Grouping(seed.chance(2, 3)),
        4 => Change::Preempt(match seed.below(3) {
            0 => Preempt::Never,
            1 => Preempt::After(Duration::ZERO),
            _ => Preempt::After(site.interval * 2),
        }),
        5 => Change::Tracking(seed.chance(1, 2)),
        _ => Change::Refresh(site.interval * seed.below(3) as u32),
    }
}

impl Change {
    /// Whether it is done to all of them or to one, which then differs.
    fn is_shared(self) -> bool {
        !matches!(self, Change::Priority(_) | Change::Refresh(_))
    }

    fn apply(self, settings: &mut RouterSettings, shape: &Shape) {
        match self {
            Change::Grouping(true) => settings.groups = vec![shape.group()],
            Change::Grouping(false) => settings.groups = Vec::new(),
            _ => {}
        }
        for (segment, instance) in settings.instances.iter_mut().enumerate() {
            self.apply_to(instance, segment, shape);
        }
    }

    fn apply_to(self, s: &mut InstanceSettings, segment: usize, shape: &Shape) {
        let address = |number| VirtualAddress::host(vip(shape.family, segment, number));
        match self {
            // Nobody becomes an owner, and the owner stays it.
            Change::Priority(priority) if !s.priority.is_owner() => s.priority = priority,
            Change::Interval(wanted) => {
                // Version 2 refuses other intervals than its own, so there they are never mixed.
                if let Protocol::V3 { interval, .. } = &mut s.protocol {
                    *interval = wanted;
                }
            }
            Change::Addresses { advertised, excluded } => {
                s.vips.truncate(1);
                s.vips.extend(advertised.then(|| address(2)));
                s.excluded.clear();
                s.excluded.extend(excluded.then(|| address(3)));
            }
            Change::Preempt(preempt) => s.preempt = preempt,
            Change::Tracking(tracked) => s.track = if tracked { shape.track() } else { Vec::new() },
            Change::Refresh(refresh) => s.garp.refresh = refresh,
            Change::Priority(_) | Change::Grouping(_) => {}
        }
    }
}

#[test]
fn reloads_move_nothing_that_they_do_not_change() {
    each_seed(11, |number, replay, mut seed| {
        let shape = Shape {
            segments: 2,
            grouped: seed.chance(1, 2),
            ..Shape::any(&mut seed)
        };
        let mut site = Site::new(number, replay, seed, &shape);
        site.start_all();
        for _ in 0..8 {
            let change = any_change(&mut site);
            let all = site.routers();
            let one = site.pick(&all);
            let whom: Vec<NodeId> = if change.is_shared() {
                all
            } else {
                one.into_iter().collect()
            };
            for id in whom {
                let shape = site.shape.clone();
                site.reload(id, |settings| change.apply(settings, &shape));
                // Now and then long enough for a master that falls silent to be missed, however often the others reload.
                let longest = if site.seed.chance(1, 4) { 6000 } else { 3000 };
                let pause = site.seed.below(longest) as f64 / 1000.0;
                site.run(pause);
            }
            if site.seed.chance(1, 3) {
                crate::disturb(&mut site);
            }
        }
        // Scripts run as often as they did.
        site.interval = site.interval.max(site.slowest());
        settle(&mut site);
    });
}
