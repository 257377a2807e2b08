//! `set server … agent`, `agent-addr`, `agent-port` and `agent-send`.

use std::net::IpAddr;

use tandem_ops::control::{Call, Reply};

use super::recheck::read_port;
use crate::orders::ServerOrders;
use crate::outside::Outside;
use crate::servers::AgentPlace;

const NONE: &str = "agent checks are not enabled on this server.";

pub(super) fn set(server: &ServerOrders, what: &str, value: &str, call: &Call) -> Reply {
    let Some(place) = server.agent_place() else {
        // HAProxy's two sentences differ in the dot.
        let has_dot = matches!(what, "agent" | "agent-send");
        return Reply::error(if has_dot { NONE } else { NONE.trim_end_matches('.') });
    };
    let moved = match what {
        "agent" => match value {
            "up" => return server.agent_says(true).into(),
            "down" => return server.agent_says(false).into(),
            _ => return Reply::error("'set server <srv> agent' expects 'up' or 'down'."),
        },
        "agent-send" => Ok(AgentPlace {
            send: Some(value.into()),
            ..place
        }),
        "agent-port" => with_port(place, value),
        _ => match value.parse() {
            Ok(ip) => at(place, ip, port(call)),
            Err(_) => return named(server.clone(), value.to_owned(), port(call).map(str::to_owned)),
        },
    };
    put(server, moved)
}

/// A name is looked up, and others get their turn meanwhile.
fn named(server: ServerOrders, name: String, port: Option<String>) -> Reply {
    Reply::Later(Box::pin(async move {
        let asked = name.clone();
        let found = tokio::task::spawn_blocking(move || Outside::Here.resolve(&asked)).await;
        let Ok(Ok(ip)) = found else {
            return Reply::error(format!("invalid addr '{name}'"));
        };
        match server.agent_place() {
            Some(place) => put(&server, at(place, ip, port.as_deref())),
            None => Reply::error(NONE.trim_end_matches('.')),
        }
    }))
}

fn put(server: &ServerOrders, moved: Result<AgentPlace, String>) -> Reply {
    match moved {
        Ok(place) => {
            server.put_agent(place);
            Reply::Done
        }
        Err(why) => Reply::error(why),
    }
}

/// Behind an address.
fn port(call: &Call) -> Option<&str> {
    (call.arg(3) == "port").then(|| call.arg(4))
}

fn at(place: AgentPlace, ip: IpAddr, port: Option<&str>) -> Result<AgentPlace, String> {
    let place = AgentPlace { ip: Some(ip), ..place };
    match port {
        Some(port) => with_port(place, port),
        None => Ok(place),
    }
}

fn with_port(place: AgentPlace, port: &str) -> Result<AgentPlace, String> {
    let port = read_port(port)?;
    Ok(AgentPlace { port, ..place })
}
