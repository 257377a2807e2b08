//! `set server … addr`: moving a server while it serves. Connections that it has stay where they are.

use std::net::IpAddr;

use tandem_lb_config::ServerPort;
use tandem_ops::control::{Reply, Severity};

use super::server::missing;
use crate::address::ServerAddress;
use crate::orders::ServerOrders;
use crate::servers::Server;

/// As HAProxy says it, which forgets the parenthesis.
const FOLLOWS: &str = "can't change <port> to port map because it is incompatible with current health check port configuration \
                       (use 'port' statement from the 'server' directive.";

/// The answer says what of it happens, in HAProxy's words: the address also where the port cannot be.
pub(super) fn relocate(server: &ServerOrders, address: &str, port: Option<&str>) -> Reply {
    if address.is_empty() {
        return Reply::error(missing("addr"));
    }
    let Ok(to) = address.parse::<IpAddr>() else {
        return told(format!("Invalid addr '{address}'"));
    };
    let Some(now) = server.address() else {
        return Reply::error("No such server.");
    };
    let ServerAddress::Ip { ip, port: before } = *now else {
        return told("Update for the current server address family is only supported through configuration file.");
    };
    let moves = if ip == to {
        "no need to change the addr".to_owned()
    } else {
        format!("IP changed from '{ip}' to '{to}'")
    };
    let is_checked_elsewhere = server.server().is_some_and(|live| has_check_port(&live));
    let (after, why) = match port.map(|text| read_port(text, before, is_checked_elsewhere)) {
        None => (before, None),
        Some(Ok(after)) => (after, None),
        Some(Err(why)) => (before, Some(why)),
    };
    if ip != to || after != before {
        server.relocate(ServerAddress::Ip { ip: to, port: after });
    }
    told(match (port, why) {
        (_, Some(why)) => format!("{moves}, {why}"),
        (None, None) => moves,
        (Some(_), None) if after == before => format!("{moves}, no need to change the port"),
        (Some(_), None) => format!("{moves}, port changed from '{}' to '{}'", shown(before), shown(after)),
    })
}

fn told(what: impl std::fmt::Display) -> Reply {
    Reply::Message(Severity::Warning, format!("{what} by 'stats socket command'"))
}

/// Whether its checks go to a port of their own.
fn has_check_port(server: &Server) -> bool {
    let said = server.rechecked().and_then(|to| to.port);
    let plan = server.plan();
    said.or_else(|| plan.check.as_ref()?.port).is_some()
}

/// A number, or with a sign what is added to the port that the client connected to, where checks know another.
fn read_port(text: &str, before: ServerPort, is_checked_elsewhere: bool) -> Result<ServerPort, String> {
    let bad = || format!("problem converting port '{text}' to an int");
    if text.starts_with(['+', '-']) {
        let by: i32 = text.parse().map_err(|_| bad())?;
        return match before {
            ServerPort::Fixed(_) if !is_checked_elsewhere => Err(FOLLOWS.to_owned()),
            ServerPort::Fixed(_) | ServerPort::Offset(_) => Ok(ServerPort::Offset(by)),
        };
    }
    let number: i64 = text.parse().map_err(|_| bad())?;
    match u16::try_from(number) {
        Ok(port @ 1..) => Ok(ServerPort::Fixed(port)),
        _ => Err("provided port is not valid".to_owned()),
    }
}

fn shown(port: ServerPort) -> String {
    match port {
        ServerPort::Fixed(port) => port.to_string(),
        ServerPort::Offset(by) => format!("{by:+}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports() {
        let fixed = ServerPort::Fixed(80);
        assert_eq!(read_port("81", fixed, false), Ok(ServerPort::Fixed(81)));
        assert_eq!(read_port("+1", ServerPort::Offset(0), false), Ok(ServerPort::Offset(1)));
        assert_eq!(read_port("-1", fixed, true), Ok(ServerPort::Offset(-1)));
        assert_eq!(read_port("+1", fixed, false), Err(FOLLOWS.to_owned()));
        assert_eq!(
            read_port("", fixed, false),
            Err("problem converting port '' to an int".to_owned())
        );
        for text in ["0", "65536"] {
            assert_eq!(
                read_port(text, fixed, false),
                Err("provided port is not valid".to_owned())
            );
        }
    }
}
