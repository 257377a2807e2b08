//! Whether a failure on one host moves the addresses to the other.

use std::sync::Arc;

use tandem_vrrp_core::settings::{InstanceSettings, Preempt, TrackUse, TrackerKind};

use super::Pair;
use crate::plan::Plan;

type Side<'a> = (&'a Plan, &'a InstanceSettings);

impl Pair<'_> {
    /// Whether a failure here moves the address there.
    pub(super) fn weights(&mut self, (plan, own): Side<'_>, (others, other): Side<'_>) {
        if own.priority.is_owner() {
            return;
        }
        // The better of both is the one whose failure must show.
        let (own_best, other_best) = (best(plan, own), best(others, other));
        for tracked in weighted(plan, own).filter(|tracked| is_two_sided(plan, tracked)) {
            let loss = i64::from(tracked.weight.value).abs();
            let name = tracker_name(plan, tracked);
            if own_best > other_best && own_best - loss >= other_best {
                let message = format!(
                    "`{}`: when `{name}` fails, {own_best} falls to {}, which is not below the other's {other_best}",
                    own.name,
                    own_best - loss
                );
                self.warning(
                    "weight",
                    message,
                    "make the weight larger than the difference of the priorities",
                );
            }
            if other.preempt == Preempt::Never {
                let message = format!(
                    "`{}`: the weight of `{name}` moves nothing, since the other router has `nopreempt`",
                    own.name
                );
                self.warning(
                    "nopreempt-weight",
                    message,
                    "leave the weight out, so that a failure is a fault",
                );
            }
        }
    }
}

/// What moves its priority: in a sync group what the group looks at, and what it looks at itself only if the group says so.
fn weighted<'a>(plan: &'a Plan, instance: &'a InstanceSettings) -> impl Iterator<Item = &'a TrackUse> {
    let group = plan.router.groups.iter().find(|g| g.members.contains(&instance.id));
    let own = instance
        .track
        .iter()
        .filter(move |_| group.is_none_or(|g| g.member_weights));
    let shared = group.into_iter().flat_map(|g| &g.track);
    own.chain(shared).filter(|tracked| !tracked.weight.is_fault())
}

/// The priority when all is well.
fn best(plan: &Plan, instance: &InstanceSettings) -> i64 {
    let base = i64::from(instance.priority.value());
    if instance.priority.is_owner() {
        return base;
    }
    let gains = weighted(plan, instance).map(|tracked| match (tracked.weight.value, tracked.weight.reverse) {
        (value, false) => i64::from(value.max(0)),
        (value, true) => i64::from(value.min(0)).abs(),
    });
    (base + gains.sum::<i64>()).clamp(1, 254)
}

/// A number in a file may be worth anything.
fn is_two_sided(plan: &Plan, tracked: &TrackUse) -> bool {
    let tracker = plan
        .router
        .trackers
        .iter()
        .find(|tracker| tracker.id == tracked.tracker);
    tracker.is_some_and(|tracker| !matches!(tracker.kind, TrackerKind::File(_)))
}

fn tracker_name(plan: &Plan, tracked: &TrackUse) -> Arc<str> {
    let tracker = plan
        .router
        .trackers
        .iter()
        .find(|tracker| tracker.id == tracked.tracker);
    tracker.map_or_else(|| "".into(), |tracker| tracker.name.clone())
}
