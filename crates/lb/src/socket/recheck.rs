//! `set server … check-addr` and `check-port`: where a server is checked, while its clients go where they went.

use std::net::{IpAddr, SocketAddr};

use tandem_ops::control::Reply;

use crate::orders::ServerOrders;

const NOT_CHECKED: &str = "health checks are not enabled on this server";

/// HAProxy says nothing when it has done it.
pub(super) fn at(server: &ServerOrders, address: &str, port: Option<&str>) -> Reply {
    let Some(before) = server.check_place() else {
        return Reply::error(NOT_CHECKED);
    };
    let Ok(ip) = address.parse::<IpAddr>() else {
        return Reply::error(format!("invalid addr '{address}'"));
    };
    let port = match port.map(read_port) {
        None => before.port(),
        Some(Ok(port)) => port,
        Some(Err(why)) => return Reply::error(why),
    };
    server.check_at(SocketAddr::new(ip, port));
    Reply::Done
}

pub(super) fn port(server: &ServerOrders, text: &str) -> Reply {
    let Some(before) = server.check_place() else {
        return Reply::error(NOT_CHECKED);
    };
    match read_port(text) {
        Ok(port) => {
            server.check_at(SocketAddr::new(before.ip(), port));
            Reply::Done
        }
        Err(why) => Reply::error(why),
    }
}

pub(super) fn read_port(text: &str) -> Result<u16, &'static str> {
    let number: i64 = text.parse().map_err(|_| "provided port is not an integer")?;
    u16::try_from(number).map_err(|_| "provided port is invalid")
}
