//! Going on where the process before this one is, when it hands over.

use tandem_time::Mono;

use crate::keeper::Watched;
use crate::live::Live;
use crate::state::Past;
use crate::upgrade::{Heir, LinkError, TakenOver, Taker, Taking};

/// Hears what must be known before the first connection. What a predecessor says itself is later than any file; if it
/// says nothing, the file is what there is.
pub(super) async fn begin(
    predecessor: Option<Taker>,
    live: &Live,
    past: &mut Past,
    backends: &mut [Watched],
    now: Mono,
) -> Option<Taking> {
    let predecessor = predecessor?;
    let begun = predecessor.begin(live).await.map_err(not_everything).ok();
    let taking = begun.map(|(state, taking)| {
        *past = Past::of(state);
        taking
    });
    past.restore(backends, now);
    taking
}

/// Takes the connections, and what was counted until the last had left.
pub(super) async fn complete(taking: Option<Taking>, heir: Heir<'_>, past: &mut Past) -> Option<TakenOver> {
    let (counted, all) = taking?.connections(heir).await.map_err(not_everything).ok()?;
    *past = Past::of(counted);
    Some(all)
}

/// Whatever fails on the way, this process serves from now on.
fn not_everything(error: LinkError) {
    tracing::warn!(%error, "the process before this one did not hand over everything");
}
