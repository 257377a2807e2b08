//! Going on where the process before this one is, when it hands over.

use std::cell::RefCell;

use tandem_lb_config::{self as plan, Plan};
use tandem_lb_core::acl::Library;
use tandem_lb_core::snapshot::Unmade;
use tandem_time::{Mono, Seed};

use tandem_ops::clock::Clock;

use crate::admission::Limit;
use crate::directory::Directory;
use crate::frontends::Frontends;
use crate::keeper::Watched;
use crate::live::Live;
use crate::reload::resume;
use crate::state::{Past, Scene};
use crate::tls::Desk;
use crate::upgrade::{Aftermath, Heir, LinkError, TakenOver, Taker, Taking};

/// What goes on from what was before.
pub(super) struct Heritage<'a> {
    /// Of files, until a predecessor has said something.
    pub(super) past: &'a mut Past,
    pub(super) backends: &'a mut Vec<Watched>,
    /// What is configured.
    pub(super) plan: &'a Plan,
    pub(super) program: &'a str,
    pub(super) seed: &'a mut Seed,
    pub(super) frontends: &'a Frontends,
    pub(super) process: &'a Limit,
    pub(super) directory: &'a Directory,
    pub(super) library: &'a Library,
    /// Where files of TLS are changed.
    pub(super) files: &'a RefCell<Desk>,
    /// What the service manager keeps.
    pub(super) kept: &'a mut Vec<String>,
}

impl Heritage<'_> {
    /// Hears what must be known before the first connection. What a predecessor says itself is later than any file; if it
    /// says nothing, the file is what there is.
    pub(super) async fn begin(&mut self, predecessor: Option<Taker>, live: &Live, now: Mono) -> Option<Taking> {
        let predecessor = predecessor?;
        let begun = predecessor.begin(live).await.map_err(not_everything).ok();
        let taking = begun.map(|(state, mut taking)| {
            *self.past = Past::of(state);
            self.kept.append(&mut taking.kept);
            taking
        });
        self.make_backends(now);
        self.past.restore(self.backends, &self.directory.tables, now);
        self.past.restore_orders(self.frontends, self.process, self.directory);
        self.past.restore_lists(self.library);
        self.files
            .borrow_mut()
            .resume(&self.directory.tls, &self.past.own.files);
        taking
    }
}

impl Heritage<'_> {
    /// Has the backends that operators made, and not those that they deleted, where the files say nothing else.
    fn make_backends(&mut self, now: Mono) {
        let past = &self.past.own;
        self.backends.retain(|watched| {
            let unmade = past.unmade.iter().find(|unmade| unmade.name == watched.backend.name());
            unmade.is_none_or(|unmade| !goes_with(watched, unmade, self.plan))
        });
        let mut running = self.plan.clone();
        let present = self.backends.iter().map(plan_of);
        running.backends = present.collect();
        let rings = self.directory.rings.now();
        for state in &past.backends {
            let Some(made) = &state.made else { continue };
            let outfit = (self.program, &mut *self.seed, &*rings);
            match resume(&running, &state.name, made, outfit, now) {
                Ok(watched) => {
                    running.backends.push(plan_of(&watched));
                    self.backends.push(watched);
                }
                Err(why) => tracing::warn!(
                    "backend {}: it was made in the process before this one, and cannot be here: {why}",
                    state.name
                ),
            }
        }
        let backends = self.backends.iter().map(|watched| &watched.backend);
        self.directory.follow(&self.frontends.seats(), backends);
    }
}

fn plan_of(watched: &Watched) -> plan::Backend {
    plan::Backend::clone(&watched.backend.now().plan)
}

/// Whether an operator's word that there is no such backend counts for what the files say today.
fn goes_with(watched: &Watched, unmade: &Unmade, plan: &Plan) -> bool {
    let name = &unmade.name;
    let is_listen = || plan.frontends.iter().any(|frontend| frontend.name == *name);
    let counts = watched.roster.origin == unmade.origin && !watched.backend.now().plan.is_named && !is_listen();
    if !counts {
        tracing::info!("backend {name}: the files say something else now: it is there again");
    }
    counts
}

/// Takes the connections, and what was counted until the last had left.
pub(super) async fn complete(
    taking: Option<Taking>,
    heir: Heir<'_>,
    past: &mut Past,
    directory: &Directory,
    clock: Clock,
) -> Option<TakenOver> {
    let (counted, all) = taking?.connections(heir).await.map_err(not_everything).ok()?;
    *past = Past::of(counted);
    past.add_counted(directory, clock.now()).await;
    Some(all)
}

/// Adds what the process before this one counts for those who stayed there, until it ends.
pub(super) async fn count_on(mut aftermath: Aftermath, scene: Scene) {
    while let Ok(counted) = aftermath.next().await {
        let past = Past::of(counted);
        scene.stats.add(&past);
        past.add_counted(&scene.directory, scene.clock.now()).await;
    }
}

/// Whatever fails on the way, this process serves from now on.
fn not_everything(error: LinkError) {
    tracing::warn!(%error, "the process before this one did not hand over everything");
}
