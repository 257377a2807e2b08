//! `set server … agent`, `agent-addr`, `agent-port` and `agent-send`.

use std::net::IpAddr;
use std::sync::Arc;

use tandem_ops::control::{Call, Reply};

use super::Room;
use super::recheck::read_port;
use crate::orders::{Orders, ServerOrders};
use crate::outside::Outside;
use crate::servers::{AgentPlace, Server};

const NONE: &str = "agent checks are not enabled on this server.";

pub(super) fn set(room: &Room, server: &ServerOrders, what: &str, value: &str, call: &Call) -> Reply {
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
            Err(_) => return named(room, server.clone(), value.to_owned(), port(call).map(str::to_owned)),
        },
    };
    put(server, moved)
}

/// A name is looked up, and others get their turn meanwhile.
fn named(room: &Room, server: ServerOrders, name: String, port: Option<String>) -> Reply {
    let pending = Pending {
        orders: room.orders.clone(),
        whom: server.server(),
        server,
    };
    Reply::Later(Box::pin(async move {
        let asked = name.clone();
        let found = tokio::task::spawn_blocking(move || Outside::Here.resolve(&asked)).await;
        let Ok(Ok(ip)) = found else {
            return Reply::error(format!("invalid addr '{name}'"));
        };
        pending.carry_out(ip, port.as_deref())
    }))
}

/// An order that waits for an address.
struct Pending {
    orders: Orders,
    server: ServerOrders,
    /// Who was meant. While somebody knows him his place is nobody else's.
    whom: Option<Arc<Server>>,
}

impl Pending {
    /// By now a successor may have begun, and the server may be gone.
    fn carry_out(&self, ip: IpAddr, port: Option<&str>) -> Reply {
        if let Some(recess) = self.orders.recess() {
            return Reply::error(recess);
        }
        let is_there = self.whom.is_some() && self.server.is_configured();
        match self.server.agent_place().filter(|_| is_there) {
            Some(place) => put(&self.server, at(place, ip, port)),
            None => Reply::error(NONE.trim_end_matches('.')),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::tests::{keeper, plan};
    use crate::orders::Recess;

    #[tokio::test(flavor = "local")]
    async fn an_order_that_waited_looks_again_who_is_there_and_whether_it_may() {
        let keeper = keeper(&plan(
            " server a 127.0.0.1:1 agent-check agent-port 5\n server b 127.0.0.1:1\n",
        ));
        let orders = Orders::new(vec![keeper.clone()]);
        let server = orders.server("be", "a").expect("it is configured");
        let pending = Pending {
            orders: orders.clone(),
            whom: server.server(),
            server: server.clone(),
        };
        let carried_out = || matches!(pending.carry_out([127, 0, 0, 7].into(), Some("6")), Reply::Done);
        orders.set_recess(Some(Recess::Given));
        assert!(!carried_out());
        orders.set_recess(None);
        assert!(carried_out());
        assert_eq!(server.agent_place().map(|place| place.port), Some(6));
        keeper.remove(server.server().expect("it was there").place);
        let newcomer = plan(" server n 127.0.0.1:2 agent-check agent-port 9\n").backends[0].servers[0].clone();
        keeper.add(newcomer, "").expect("an address");
        assert!(!carried_out());
        let newcomer = orders.server("be", "n").expect("it was added");
        assert_eq!(newcomer.agent_place().map(|place| place.port), Some(9));
    }
}
