//! What must never be broken, looked at after every event.

use std::collections::BTreeMap;
use std::time::Duration;

use tandem_sim::{NodeId, World};
use tandem_time::Mono;

use tandem_vrrp_core::State;

use crate::node::{Host, RouterHost, Standing};

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
    /// The longest that anybody has.
    pub interval: Duration,
    /// Until then the members of a new group may find together.
    regrouped: BTreeMap<NodeId, Mono>,
    eligible_since: BTreeMap<(NodeId, usize), Mono>,
    /// How long each waits for a silent master, and since when it is not longer.
    waits: BTreeMap<(NodeId, usize), (Duration, Mono)>,
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
            regrouped: BTreeMap::new(),
            eligible_since: BTreeMap::new(),
            waits: BTreeMap::new(),
        }
    }

    /// A host that starts is another than the one that crashed.
    pub fn forget(&mut self, id: NodeId) {
        self.eligible_since.retain(|(known, _), _| *known != id);
        self.waits.retain(|(known, _), _| *known != id);
        self.regrouped.remove(&id);
    }

    /// A reload may group a master with one that is none. Where somebody else is master on that one's segment, it hears so
    /// in an interval and takes the others along; where nobody is, it takes over when it has waited.
    pub fn regroup(&mut self, id: NodeId, within: Duration, now: Mono) {
        self.regrouped.insert(id, now + within);
    }

    pub fn check(&mut self, world: &World<Host>) {
        for segment in 0..self.two_since.len() {
            self.not_two_for_long(world, segment);
            self.count_none(world, segment);
        }
        self.not_none_for_long(world);
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

    fn count_none(&mut self, world: &World<Host>, segment: usize) {
        let none = masters(world, segment).next().is_none();
        let since = none.then(|| *self.none_since[segment].get_or_insert(world.now()));
        self.none_since[segment] = since;
        let lossless = !self.lossy && !self.cut;
        for (id, router) in routers(world) {
            let (waits, now) = (router.waits(segment, lossless), world.now());
            let known = self.waits.entry((id, segment)).or_insert((waits, now));
            *known = (waits, if waits < known.0 { now } else { known.1 });
            if router.standing()[segment].eligible {
                self.eligible_since.entry((id, segment)).or_insert(world.now());
            } else {
                self.eligible_since.remove(&(id, segment));
            }
        }
    }

    /// Who is alone waits for its segment. Who does not have to wait as long as before (its priority rose) has had no time
    /// before that to ask its witnesses. The members of a group wait for the slowest of them, and take over only where
    /// nobody is master of any.
    fn not_none_for_long(&self, world: &World<Host>) {
        if self.none_since.iter().all(Option::is_none) {
            return;
        }
        let all: Vec<usize> = (0..self.none_since.len()).collect();
        for (id, router) in routers(world) {
            if router.router.settings().groups.is_empty() {
                all.iter().for_each(|segment| self.not_none_on(&[*segment], id, world));
            } else {
                self.not_none_on(&all, id, world);
            }
        }
    }

    fn not_none_on(&self, segments: &[usize], id: NodeId, world: &World<Host>) {
        let since = |segment: &usize| {
            let eligible = self.eligible_since.get(&(id, *segment))?;
            self.none_since[*segment].map(|since| since.max(*eligible))
        };
        let since: Option<Vec<Mono>> = segments.iter().map(since).collect();
        let Some(since) = since.into_iter().flatten().max() else {
            return;
        };
        let known = segments.iter().filter_map(|segment| self.waits.get(&(id, *segment)));
        let (waits, shortened) = known.fold((Duration::ZERO, Mono::ZERO), |(waits, at), known| {
            (waits.max(known.0), at.max(known.1))
        });
        let since = since.max(self.disturbed);
        let end = (since + waits + waits / 100).max(shortened) + self.slack;
        let lasted = world.now().since(since);
        if world.now() > end {
            let why = format!("no master on segments {segments:?} for {lasted:?}, but {id:?} waits {waits:?}");
            self.fail(world, &why);
        }
    }

    /// Only where there is a group; leaving members let go one by one, and whoever has stopped is in the state it stopped in.
    fn groups_agree(&self, world: &World<Host>) {
        for (id, router) in routers(world) {
            let standing = router.standing();
            if router.router.settings().groups.is_empty() || standing.iter().any(|s| s.leaving || s.stopped) {
                continue;
            }
            if self.regrouped.get(&id).is_some_and(|until| world.now() <= *until) {
                continue;
            }
            // Whoever listens after a crash has not said what it is, and is master as little as a backup is, or one that
            // waits for its trackers.
            let listens = standing.iter().any(|s| s.listening);
            let state = |s: &Standing| match s.state {
                State::Init if listens => State::Backup,
                state => state,
            };
            if standing.iter().any(|s| state(s) != state(&standing[0])) {
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
