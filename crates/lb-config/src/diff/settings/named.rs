//! Of sections that others name: whom to ask for names, with whom tables are shared, where lines are kept.

use super::{Setting, set};
use crate::diff::change::Effect::{AtOnce, ForNewConnections};
use crate::diff::shown::{self, flag};
use crate::plan::{Peers, Resolvers, Ring};

/// All sections `resolvers` are begun anew when one of them changes.
pub(in crate::diff) fn resolvers(sections: &[Resolvers]) -> Vec<Setting> {
    let names = sections.iter().map(|section| section.name.to_string());
    vec![set("resolvers", &sections, shown::list(names), AtOnce)]
}

/// A ring keeps its lines when it is told otherwise.
pub(in crate::diff) fn rings(rings: &[Ring]) -> Vec<Setting> {
    let names = rings.iter().map(|ring| ring.name.to_string());
    vec![set("ring", &rings, shown::list(names), AtOnce)]
}

/// Where a section listens is a matter of a start; all else is followed.
pub(in crate::diff) fn peers(section: &Peers) -> Vec<Setting> {
    let Peers {
        name: _,
        origin: _,
        disabled,
        shards,
        binds,
        own_tls,
        peers,
        logs,
    } = section;
    let names = shown::list(peers.iter().map(|peer| peer.name.to_string()));
    let places: Vec<_> = binds.iter().map(|bind| &bind.address).collect();
    let told: Vec<_> = peers.iter().map(|p| (&p.name, &p.place, p.shard, p.disabled)).collect();
    let of_binds: Vec<_> = binds
        .iter()
        .filter_map(|b| Some((&b.address, b.tls.as_ref()?)))
        .collect();
    let of_peers: Vec<_> = peers.iter().filter_map(|p| Some((&p.name, p.tls.as_ref()?))).collect();
    let secured = (own_tls, of_binds, of_peers);
    vec![
        set("disabled", disabled, flag(*disabled), AtOnce),
        set("shards", shards, shards.to_string(), AtOnce),
        set(
            "bind",
            &places,
            shown::list(binds.iter().map(|bind| shown::address(&bind.address))),
            AtOnce,
        ),
        set("peer", &told, names, AtOnce),
        set("ssl", &secured, flag(own_tls.is_some()), ForNewConnections),
        set("log", logs, shown::targets(logs), AtOnce),
    ]
}
