//! What went through the kernel, counted for those who ask about servers, backends and frontends.

use std::collections::BTreeMap;
use std::sync::Arc;

use tandem_lb_core::forward::{Flow, Lane, Ruleset, Target, Traffic};
use tandem_time::Mono;

use super::wanted;
use crate::frontend::Frontend;

/// The kernel's counters at the last look. They count on over our restarts, and what was before the first look is not ours.
#[derive(Debug, Default)]
pub(super) struct Carried {
    last: Option<BTreeMap<String, Traffic>>,
}

impl Carried {
    pub(super) fn note(
        &mut self,
        counters: &BTreeMap<String, Traffic>,
        ruleset: &Ruleset,
        frontends: &[Arc<Frontend>],
        now: Mono,
    ) {
        let last = self.last.replace(counters.clone());
        let Some(last) = last else { return };
        let since = |name: String| {
            let is = counters.get(&name).copied().unwrap_or_default();
            let was = last.get(&name).copied().unwrap_or_default();
            Traffic {
                // One that is less has begun anew.
                packets: is.packets.checked_sub(was.packets).unwrap_or(is.packets),
                bytes: is.bytes.checked_sub(was.bytes).unwrap_or(is.bytes),
            }
        };
        for lane in &ruleset.lanes {
            let Some(frontend) = frontends.iter().find(|frontend| frontend.plan.name == lane.frontend) else {
                continue;
            };
            for target in &lane.targets {
                let flow = |flow| since(lane.counter(target, flow));
                share(
                    frontend,
                    lane,
                    target,
                    (flow(Flow::New), flow(Flow::In), flow(Flow::Out)),
                    now,
                );
            }
        }
    }
}

fn share(frontend: &Frontend, lane: &Lane, target: &Target, (new, to, from): (Traffic, Traffic, Traffic), now: Mono) {
    let Some(backend) = &frontend.backend else { return };
    let places = wanted::servers(frontend, lane.at);
    let server = places
        .iter()
        .find(|(_, at)| *at == target.at)
        .and_then(|(idx, _)| backend.server(*idx));
    for traffic in [&*frontend.traffic, &backend.traffic]
        .into_iter()
        .chain(server.as_ref().map(|s| &s.traffic))
    {
        traffic.carried(new.packets, (to.bytes, from.bytes), now);
    }
    for attempts in [&backend.attempts]
        .into_iter()
        .chain(server.as_ref().map(|s| &s.attempts))
    {
        attempts.connects.add(new.packets);
        attempts.balanced.add(new.packets);
    }
}
