//! Sections `peers`, and whether each peer can be met.

use std::sync::Arc;

use tandem_text::{Diagnostic, Span, Spanned, nearest};

use super::reach::origination;
use crate::code;
use crate::draft::Peers;
use crate::plan::{Global, Host, Peer, Peers as Plan, Termination};
use crate::tls::{Defaults, Settling, Words};

pub(super) fn all(sections: Vec<Peers>, global: &Global, tls: &Defaults, report: &mut Vec<Diagnostic>) -> Vec<Plan> {
    for (place, section) in sections.iter().enumerate() {
        let name = &section.plan.name;
        if sections[..place].iter().any(|before| before.plan.name == *name) {
            let message = format!("there is another section `peers {name}` before this one");
            report.push(Diagnostic::error(code::DUPLICATE, section.at, message).help("give it another name"));
        }
        let without = section.plan.peers.iter().zip(&section.places);
        let without: Vec<_> = without.filter(|(peer, _)| is_anywhere(peer)).collect();
        // The local peer is found by its name; of two that have no address one is somebody else.
        if let [_, (peer, at), ..] = without[..] {
            let message = match peer.place {
                None => format!("peer `{}` has no address", peer.name),
                Some(_) => format!("peer `{}` has no address of its own", peer.name),
            };
            report.push(
                Diagnostic::error(code::NO_ADDRESS, *at, message)
                    .help("only the local peer may listen at a `bind` line, or at any address"),
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
    let whole = |section: Peers| {
        let mut plan = with_tls(&section, tls, report);
        if section.logs_globally {
            plan.logs.splice(0..0, global.logs.iter().cloned());
        }
        plan
    };
    sections.into_iter().map(whole).collect()
}

/// Whether nobody could be connected to there.
fn is_anywhere(peer: &Peer) -> bool {
    match &peer.place {
        None => true,
        Some((Host::Ip(ip), _)) => ip.is_unspecified(),
        Some(_) => false,
    }
}

/// The section, with what its lines say of TLS.
fn with_tls(section: &Peers, defaults: &Defaults, report: &mut Vec<Diagnostic>) -> Plan {
    let mut plan = section.plan.clone();
    for (bind, words) in plan.binds.iter_mut().zip(&section.tls_of_binds) {
        bind.tls = termination(words, defaults, report);
    }
    // At an address that nobody listens at nothing is shown.
    let listens_itself =
        plan.binds.is_empty() || section.own_tls.as_ref().is_some_and(|own| !own.value.shown.is_empty());
    if let Some(own) = section.own_tls.as_ref().filter(|_| listens_itself) {
        plan.own_tls = termination(own, defaults, report);
    }
    for (peer, words) in plan.peers.iter_mut().zip(&section.tls_of_peers) {
        peer.tls = origination(words, "among peers", defaults, report);
    }
    plan
}

fn termination(words: &Spanned<Words>, defaults: &Defaults, report: &mut Vec<Diagnostic>) -> Option<Arc<Termination>> {
    Settling::new(words, defaults, report).termination().map(Arc::new)
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
