//! Sections `peers`, and whether each peer can be met.

use tandem_text::{Diagnostic, Span, nearest};

use crate::code;
use crate::draft::Peers;
use crate::plan::{Global, Peers as Plan};

pub(super) fn all(sections: Vec<Peers>, global: &Global, report: &mut Vec<Diagnostic>) -> Vec<Plan> {
    for (place, section) in sections.iter().enumerate() {
        let name = &section.plan.name;
        if sections[..place].iter().any(|before| before.plan.name == *name) {
            let message = format!("there is another section `peers {name}` before this one");
            report.push(Diagnostic::error(code::DUPLICATE, section.at, message).help("give it another name"));
        }
        let without = section.plan.peers.iter().zip(&section.places);
        let without: Vec<_> = without.filter(|(peer, _)| peer.place.is_none()).collect();
        // The local peer is found by its name; of two that have no address one is somebody else.
        if let [_, (peer, at), ..] = without[..] {
            let message = format!("peer `{}` has no address", peer.name);
            report.push(
                Diagnostic::error(code::NO_ADDRESS, *at, message)
                    .help("only the local peer may listen at a `bind` line"),
            );
        }
        let too_high = section.plan.peers.iter().zip(&section.places);
        for (peer, at) in too_high.filter(|(peer, _)| peer.shard > section.plan.shards) {
            let message = format!(
                "there are {} shards, and peer `{}` gets number {}",
                section.plan.shards, peer.name, peer.shard
            );
            report.push(Diagnostic::error(code::BAD_VALUE, *at, message).help("write `shards N` in the section"));
        }
    }
    let with_logs = |section: Peers| {
        let mut plan = section.plan;
        if section.logs_globally {
            plan.logs.splice(0..0, global.logs.iter().cloned());
        }
        plan
    };
    sections.into_iter().map(with_logs).collect()
}

/// The section that a table names; whether it is in force.
pub(super) fn named(name: &str, at: Span, sections: &[Peers], report: &mut Vec<Diagnostic>) -> bool {
    let names = || sections.iter().map(|section| &*section.plan.name);
    if let Some(found) = sections.iter().find(|section| *section.plan.name == *name) {
        return !found.plan.disabled;
    }
    let message = format!("there is no section `peers {name}`");
    let error = Diagnostic::error(code::UNDEFINED, at, message);
    report.push(error.help(match nearest(name, names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("add a section `peers {name}`"),
    }));
    false
}
