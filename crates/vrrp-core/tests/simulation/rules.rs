//! What must never be broken, looked at after every event.

use std::collections::BTreeMap;
use std::time::Duration;

use tandem_sim::{NodeId, World};
use tandem_time::Mono;

use crate::node::{Host, RouterHost};

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
    /// What delays and clocks may add to a bound.
    pub slack: Duration,
    /// Two masters at once are counted after this.
    pub healed: Mono,
    interval: Duration,
    /// A group waits for the slowest of its members, so that nobody is master for longer than one of them waits.
    grouped: bool,
    eligible_since: BTreeMap<(NodeId, usize), Mono>,
}

pub fn masters(world: &World<Host>, segment: usize) -> impl Iterator<Item = NodeId> {
    routers(world)
        .filter(move |(_, r)| r.is_master(segment))
        .map(|(id, _)| id)
}

fn routers(world: &World<Host>) -> impl Iterator<Item = (NodeId, &RouterHost)> {
    world.machines().filter_map(|(id, m)| m.as_router().map(|r| (id, r)))
}

impl Rules {
    pub fn new(number: u64, segments: usize, interval: Duration, slack: Duration) -> Rules {
        Rules {
            number,
            cut: false,
            lossy: false,
            disturbed: Mono::ZERO,
            two_since: vec![None; segments],
            none_since: vec![None; segments],
            slack,
            healed: Mono::ZERO,
            interval,
            grouped: false,
            eligible_since: BTreeMap::new(),
        }
    }

    pub fn grouped(self, grouped: bool) -> Rules {
        Rules { grouped, ..self }
    }

    /// A host that starts is another than the one that crashed.
    pub fn forget(&mut self, id: NodeId) {
        self.eligible_since.retain(|(known, _), _| *known != id);
    }

    pub fn check(&mut self, world: &World<Host>) {
        for segment in 0..self.two_since.len() {
            self.not_two_for_long(world, segment);
            self.not_none_for_long(world, segment);
        }
        self.groups_agree(world);
    }

    fn not_two_for_long(&mut self, world: &World<Host>, segment: usize) {
        if masters(world, segment).nth(1).is_none() {
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
        let none = masters(world, segment).next().is_none();
        let since = none.then(|| *self.none_since[segment].get_or_insert(world.now()));
        self.none_since[segment] = since;
        for (id, router) in routers(world) {
            if !router.standing()[segment].eligible {
                self.eligible_since.remove(&(id, segment));
                continue;
            }
            let eligible = *self.eligible_since.entry((id, segment)).or_insert(world.now());
            let Some(since) = since else { continue };
            let lasted = world.now().since(since.max(eligible).max(self.disturbed));
            let waits = router.waits(segment, !self.lossy && !self.cut);
            if !self.grouped && lasted > waits + waits / 100 + self.slack {
                self.fail(
                    world,
                    &format!("no master on segment {segment} for {lasted:?}, but {id:?} waits {waits:?}"),
                );
            }
        }
    }

    /// Only where there is a group; leaving members let go one by one.
    fn groups_agree(&self, world: &World<Host>) {
        for (id, router) in routers(world) {
            let standing = router.standing();
            if router.router.settings().groups.is_empty() || standing.iter().any(|s| s.leaving) {
                continue;
            }
            if standing.iter().any(|s| s.state != standing[0].state) {
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
