//! Sections of peers.

use super::super::model::{Peer, Peers};
use super::super::tls::{OfBind, OfServer};
use super::super::value::{Number, Value};
use super::proxy::listener;
use super::{log, new};
use crate::draft;
use crate::plan;
use crate::tls::Words;

pub(in super::super) fn peers(section: &draft::Peers) -> Peers {
    let draft::Peers {
        plan:
            plan::Peers {
                name,
                origin: _,
                disabled,
                shards,
                binds,
                own_tls: _,
                peers,
                logs,
            },
        at: _,
        places: _,
        tables,
        logs_globally,
        tls_of_binds,
        tls_of_peers,
        own_tls,
        // Each line has them.
        bind: _,
        options: _,
    } = section;
    let bind = |(plan, tls): (&plan::Bind, &tandem_text::Spanned<Words>)| {
        let bind = draft::Bind {
            plan: plan.clone(),
            tls: tls.clone(),
        };
        new(listener(&bind, std::slice::from_ref(&bind)))
    };
    Peers {
        name: Some(new(name.to_string())),
        disabled: *disabled,
        shards: (*shards > 0).then_some(Value(Number(*shards))),
        bind: binds.iter().zip(tls_of_binds).map(bind).collect(),
        peer: peers
            .iter()
            .zip(tls_of_peers)
            .map(|(of, tls)| new(peer(of, &tls.value)))
            .collect(),
        table: tables.iter().map(|table| new(table.written.clone())).collect(),
        log: logs.iter().map(|target| new(log(target))).collect(),
        log_global: *logs_globally,
        tls: own_tls.as_ref().and_then(|own| OfBind::of(&own.value)),
    }
}

fn peer(peer: &plan::Peer, words: &Words) -> Peer {
    let plan::Peer {
        name,
        origin: _,
        place,
        shard,
        disabled,
        tls: _,
    } = peer;
    Peer {
        name: Some(new(name.to_string())),
        address: place.clone().map(Value),
        shard: (*shard > 0).then_some(Value(Number(*shard))),
        disabled: *disabled,
        tls: OfServer::of(words, &Words::default()),
    }
}
