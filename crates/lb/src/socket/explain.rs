//! `explain ADDRESS[:PORT] [FRONTEND]`: which server this client would get now, and why. Not a command of HAProxy's.

use std::net::{IpAddr, SocketAddr};

use tandem_lb_config::explain::{Contender, Explanation, Kind, Situation, explain};
use tandem_lb_core::ServerIdx;
use tandem_lb_core::balance::Candidate;
use tandem_lb_core::expr::Sample;
use tandem_ops::control::{Call, Reply};
use tandem_time::Mono;

use super::Room;
use crate::frontend::Frontend;
use crate::keeper::Keeper;
use crate::publish::Snapshot;

const USAGE: &str = "usage: explain <address>[:<port>] [<frontend>] [json]";

/// A client, as in a log line: with the port it is one connection, which may be there now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Client {
    address: IpAddr,
    port: Option<u16>,
}

pub(super) fn tell(room: &Room, call: &Call) -> Reply {
    let (mut names, mut as_json) = (Vec::new(), false);
    for word in call.args() {
        match word.as_str() {
            "json" => as_json = true,
            name => names.push(name),
        }
    }
    let Some(client) = names.first().and_then(|word| Client::parse(word)) else {
        return Reply::error(USAGE);
    };
    let wanted = names.get(1).copied();
    let frontends = room.frontends.all();
    let told: Vec<Explanation> = frontends
        .iter()
        .filter(|frontend| wanted.is_none_or(|name| *name == *frontend.plan.name))
        .map(|frontend| one(room, frontend, client))
        .collect();
    match (told.is_empty(), as_json) {
        (true, _) => Reply::error("No such frontend."),
        (false, true) => match serde_json::to_string(&told) {
            Ok(text) => Reply::Output(text),
            Err(error) => Reply::error(error),
        },
        (false, false) => Reply::Output(told.iter().map(ToString::to_string).collect()),
    }
}

fn one(room: &Room, frontend: &Frontend, client: Client) -> Explanation {
    let now = room.clock.now();
    let find = |name: &str| {
        let keeper = room.orders.backend(name).ok()?;
        let snapshot = keeper.backend().now();
        let situation = situation(room, &keeper, &snapshot, client.address, now);
        Some((snapshot.plan.clone(), situation))
    };
    let default = frontend.backend.as_ref().map(|backend| backend.name());
    let mut told = explain(&frontend.plan, default.as_deref(), find, client.address);
    present(room, frontend, client, now, &mut told);
    told
}

fn situation(room: &Room, keeper: &Keeper, snapshot: &Snapshot, source: IpAddr, now: Mono) -> Situation {
    let contender = |server: &std::sync::Arc<crate::servers::Server>| {
        let plan = server.plan();
        let (view, status) = keeper.report(server.place, |r| (r.view.clone(), r.status.to_string()))?;
        Some(Contender {
            candidate: Candidate {
                place: server.place,
                id: view.id,
                key: plan
                    .hash_key
                    .of(view.id, server.address.load().known(), plan.guid.as_deref()),
                weight: u32::from(view.weight) * 16,
                backup: view.is_backup,
                usable: view.takes_new(),
                maxconn: view.maxconn,
                minconn: view.minconn,
            },
            name: plan.name.clone(),
            origin: plan.origin.clone(),
            status,
            takes_known: view.takes_known(),
            sessions: server.traffic.sessions.now(),
        })
    };
    // Other keys are not known before the client is there.
    let mut by_source = snapshot
        .plan
        .stick
        .iter()
        .filter(|rule| rule.matches && rule.is_by_source());
    let entry = by_source.find_map(|rule| room.directory.tables.named(&rule.table)?.peek(Sample::Ip(source), now));
    let known = entry.map(|entry| {
        let named = entry
            .name
            .and_then(|name| snapshot.servers.named(&name).map(|s| s.plan().id));
        named.unwrap_or(entry.server)
    });
    Situation {
        contenders: snapshot.servers.all().filter_map(contender).collect(),
        ticket: keeper.backend().next_ticket(),
        known,
        is_unpublished: !keeper.backend().is_published(),
    }
}

/// Says where this very connection is, when there is one.
fn present(room: &Room, frontend: &Frontend, client: Client, now: Mono, told: &mut Explanation) {
    let Some(port) = client.port else { return };
    let peer = SocketAddr::new(client.address, port);
    let all = room.live.all();
    let found = all
        .values()
        .find(|c| c.peer.socket() == Some(peer) && c.frontend.plan.name == frontend.plan.name);
    let Some(connection) = found else { return };
    let name = |idx: ServerIdx| connection.backend().and_then(|b| b.server(idx)).map(|s| s.name());
    let seconds = now.since(connection.began).as_secs();
    let server = connection.server().and_then(name);
    let says = match server {
        Some(_) => format!("connected for {seconds} s"),
        None => format!("without a server for {seconds} s"),
    };
    told.add(Kind::Now, says, None).server = server.map(|name| name.to_string());
}

impl Client {
    fn parse(text: &str) -> Option<Client> {
        let with_port = text.parse::<SocketAddr>().ok().map(|at| Client {
            address: at.ip(),
            port: Some(at.port()),
        });
        let alone = || {
            let address = text.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
            Some(Client { address, port: None })
        };
        with_port.or_else(alone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_as_people_write_them() {
        let client = |address: &str, port| address.parse().ok().map(|address| Client { address, port });
        for (text, expect) in [
            ("192.0.2.7", client("192.0.2.7", None)),
            ("192.0.2.7:4000", client("192.0.2.7", Some(4000))),
            ("2001:db8::1", client("2001:db8::1", None)),
            ("[2001:db8::1]", client("2001:db8::1", None)),
            ("[2001:db8::1]:5", client("2001:db8::1", Some(5))),
            ("nobody", None),
            ("192.0.2.7:x", None),
            ("", None),
        ] {
            assert_eq!(Client::parse(text), expect, "{text}");
        }
    }
}
