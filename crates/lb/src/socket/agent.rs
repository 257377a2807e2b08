//! `set server … agent`, `agent-addr`, `agent-port` and `agent-send`.

use std::net::IpAddr;

use tandem_ops::control::{Call, Reply};

use super::recheck::read_port;
use crate::orders::ServerOrders;
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
        _ => at(place, value, (call.arg(3) == "port").then(|| call.arg(4))),
    };
    match moved {
        Ok(place) => {
            server.put_agent(place);
            Reply::Done
        }
        Err(why) => Reply::error(why),
    }
}

fn at(place: AgentPlace, address: &str, port: Option<&str>) -> Result<AgentPlace, String> {
    let ip: IpAddr = address.parse().map_err(|_| format!("invalid addr '{address}'"))?;
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
