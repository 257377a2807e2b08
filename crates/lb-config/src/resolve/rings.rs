//! Buffers for log lines: that their names are their own, and that `log` lines name one that is there.

use std::collections::BTreeSet;
use std::sync::Arc;

use tandem_text::Diagnostic;

use super::reach::origination;
use super::references::unless_known;
use crate::code;
use crate::draft::{Draft, Ring};
use crate::plan::{self, LogAddress, LogTarget};
use crate::tls::Defaults;

/// What HAProxy has beside those of the configuration.
const OWN: [&str; 3] = ["stdout", "stderr", "buf0"];

pub(super) fn check(draft: &Draft, report: &mut Vec<Diagnostic>) {
    for (at, ring) in draft.rings.iter().enumerate() {
        let name = &ring.plan.name;
        if OWN.contains(&&**name) || draft.rings[..at].iter().any(|other| other.plan.name == *name) {
            let message = format!("another sink is `{name}` already");
            report.push(Diagnostic::error(code::DUPLICATE, ring.at, message).help("give it another name"));
        }
    }
    let of_proxies = draft.proxies.iter().flat_map(|proxy| &proxy.settings.logs.own);
    let of_peers = draft.peers.iter().flat_map(|section| &section.plan.logs);
    let of_defaults = draft.defaults.iter().flat_map(|settings| &settings.logs.own);
    let all = draft
        .global
        .logs
        .iter()
        .chain(of_defaults)
        .chain(of_proxies)
        .chain(of_peers);
    let mut said = BTreeSet::new();
    for target in all {
        let missing = missing(target, &draft.rings);
        report.extend(missing.filter(|error| said.insert(error.span)));
    }
}

pub(super) fn all(rings: &[Ring], defaults: &Defaults, report: &mut Vec<Diagnostic>) -> Vec<plan::Ring> {
    let one = |ring: &Ring| {
        let mut plan = ring.plan.clone();
        plan.longest = plan.longest.min(plan.size);
        for (server, words) in plan.servers.iter_mut().zip(&ring.tls_of_servers) {
            server.tls = origination(words, "on a ring's way", defaults, report);
        }
        plan
    };
    rings.iter().map(one).collect()
}

fn missing(target: &LogTarget, rings: &[Ring]) -> Option<Diagnostic> {
    let LogAddress::Ring(ring) = &target.to else {
        return None;
    };
    let names = rings.iter().map(|ring: &Ring| -> &Arc<str> { &ring.plan.name });
    unless_known("ring", &ring.name, names.map(|name| &**name), ring.at?)
}
