//! Going on where the process before this one is, when it hands over.

use std::cell::RefCell;

use tandem_lb_core::acl::Library;
use tandem_time::Mono;

use tandem_ops::clock::Clock;

use crate::admission::Limit;
use crate::directory::Directory;
use crate::frontends::Frontends;
use crate::keeper::Watched;
use crate::live::Live;
use crate::state::{Past, Scene};
use crate::tls::Desk;
use crate::upgrade::{Aftermath, Heir, LinkError, TakenOver, Taker, Taking};

/// What goes on from what was before.
pub(super) struct Heritage<'a> {
    /// Of files, until a predecessor has said something.
    pub(super) past: &'a mut Past,
    pub(super) backends: &'a mut [Watched],
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
        self.past.restore(self.backends, &self.directory.tables, now);
        self.past.restore_orders(self.frontends, self.process, self.directory);
        self.past.restore_lists(self.library);
        self.files
            .borrow_mut()
            .resume(&self.directory.tls, &self.past.own.files);
        taking
    }
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
