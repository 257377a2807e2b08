//! What the kernel should do, by the configuration and the servers as they are now.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use tandem_lb_config::{Forward, Plan};
use tandem_lb_core::ServerIdx;
use tandem_lb_core::forward::{BUCKETS, Lane, Target, numbers};

use crate::frontend::{Frontend, Gate};
use crate::publish::Snapshot;

pub(super) fn lanes(frontends: &[Arc<Frontend>]) -> Vec<Lane> {
    let open = frontends.iter().filter(|frontend| !frontend.plan.disabled);
    let all = open.flat_map(|frontend| {
        let forward = frontend.plan.forward.iter();
        forward.flat_map(|forward| forward.at.iter().map(|at| lane(frontend, forward, *at)))
    });
    all.collect()
}

/// The lanes of a configuration that nobody follows yet: they lead nowhere.
pub(super) fn empty_lanes(plan: &Plan) -> Vec<Lane> {
    let open = plan.frontends.iter().filter(|frontend| !frontend.disabled);
    let all = open.flat_map(|frontend| {
        let forward = frontend.forward.iter();
        forward.flat_map(|forward| forward.at.iter().map(|at| empty(&frontend.name, forward, *at)))
    });
    all.collect()
}

/// The servers of a lane: their places, and where they are for this address's clients.
pub(super) fn servers(frontend: &Frontend, at: SocketAddr) -> Vec<(ServerIdx, SocketAddr)> {
    let Some(backend) = &frontend.backend else {
        return Vec::new();
    };
    let mut taken = BTreeSet::new();
    let now = backend.now();
    let all = now.servers.all().filter_map(|server| {
        let place = server.address.load().for_client_of(|| at.port()).as_socket()?;
        let is_there = place.is_ipv4() == at.is_ipv4() && !place.ip().is_unspecified();
        // Two servers at one place are one to the kernel.
        (is_there && taken.insert(place)).then_some((server.place, place))
    });
    all.collect()
}

fn lane(frontend: &Frontend, forward: &Forward, at: SocketAddr) -> Lane {
    let servers = servers(frontend, at);
    let places: Vec<SocketAddr> = servers.iter().map(|(_, place)| *place).collect();
    let numbers = numbers(&places);
    let snapshot = frontend.backend.as_ref().map(|backend| backend.now().clone());
    let name = |idx: ServerIdx| {
        let known = snapshot
            .as_ref()
            .and_then(|now| Some((now.plan.name.clone(), now.servers.at(idx)?.name())));
        known.map_or_else(|| "".into(), |(backend, server)| format!("{backend}/{server}").into())
    };
    let targets = servers.iter().zip(&numbers).map(|((idx, at), number)| Target {
        name: name(*idx),
        at: *at,
        number: *number,
    });
    let number = |wanted: ServerIdx| {
        let place = servers.iter().position(|(idx, _)| *idx == wanted)?;
        numbers.get(place).copied()
    };
    // A frontend that an operator has stopped takes nobody new, and lets those go on who are there.
    let is_open = *frontend.gate.borrow() == Gate::Open;
    let view = snapshot
        .as_deref()
        .filter(|now| is_open && !now.plan.disabled)
        .and_then(view);
    let buckets = match view {
        Some(view) => {
            let owners = view.table.buckets(BUCKETS, forward.seed, |idx| number(idx).is_some());
            owners.into_iter().map(|owner| owner.and_then(number)).collect()
        }
        None => vec![None; BUCKETS as usize],
    };
    Lane {
        targets: targets.collect(),
        buckets,
        ..empty(&frontend.plan.name, forward, at)
    }
}

fn empty(frontend: &Arc<str>, forward: &Forward, at: SocketAddr) -> Lane {
    Lane {
        frontend: frontend.clone(),
        at,
        key: forward.key,
        seed: forward.seed,
        pin_for: forward.pin_for,
        pins: forward.pins,
        targets: Vec::new(),
        buckets: vec![None; BUCKETS as usize],
    }
}

fn view(now: &Snapshot) -> Option<&tandem_lb_core::backend::View> {
    now.view.as_deref()
}
