//! Sections of peers.

use super::super::model::{Peer, Peers};
use super::super::value::{Number, Value};
use super::proxy::listener;
use super::{log, new};
use crate::draft;
use crate::plan;

pub(in super::super) fn peers(section: &draft::Peers) -> Peers {
    let draft::Peers {
        plan:
            plan::Peers {
                name,
                origin: _,
                disabled,
                shards,
                binds,
                peers,
                logs,
            },
        at: _,
        places: _,
        tables,
        logs_globally,
        // Each line has them.
        bind: _,
        options: _,
    } = section;
    let bind = |plan: &plan::Bind| {
        let bind = draft::Bind {
            plan: plan.clone(),
            tls: tandem_text::Spanned::new(crate::tls::Words::default(), section.at),
        };
        new(listener(&bind, std::slice::from_ref(&bind)))
    };
    Peers {
        name: Some(new(name.to_string())),
        disabled: *disabled,
        shards: (*shards > 0).then_some(Value(Number(*shards))),
        bind: binds.iter().map(bind).collect(),
        peer: peers.iter().map(|of| new(peer(of))).collect(),
        table: tables.iter().map(|table| new(table.written.clone())).collect(),
        log: logs.iter().map(|target| new(log(target))).collect(),
        log_global: *logs_globally,
    }
}

fn peer(peer: &plan::Peer) -> Peer {
    let plan::Peer {
        name,
        origin: _,
        place,
        shard,
        disabled,
    } = peer;
    Peer {
        name: Some(new(name.to_string())),
        address: place.clone().map(Value),
        shard: (*shard > 0).then_some(Value(Number(*shard))),
        disabled: *disabled,
    }
}
