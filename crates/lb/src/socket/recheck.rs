//! `set server … check-addr` and `check-port`: where a server is checked, while its clients go where they went.

use std::net::IpAddr;

use tandem_ops::control::Reply;

use crate::address::Recheck;
use crate::orders::ServerOrders;

const NOT_CHECKED: &str = "health checks are not enabled on this server";

/// HAProxy says nothing when it has done it.
pub(super) fn at(server: &ServerOrders, address: &str, port: Option<&str>) -> Reply {
    if server.check_place().is_none() {
        return Reply::error(NOT_CHECKED);
    }
    let Ok(ip) = address.parse::<IpAddr>() else {
        return Reply::error(format!("invalid addr '{address}'"));
    };
    match port.map(read_port).transpose() {
        Ok(port) => {
            server.check_at(Recheck { ip: Some(ip), port });
            Reply::Done
        }
        Err(why) => Reply::error(why),
    }
}

pub(super) fn port(server: &ServerOrders, text: &str) -> Reply {
    if server.check_place().is_none() {
        return Reply::error(NOT_CHECKED);
    }
    match read_port(text) {
        Ok(port) => {
            server.check_at(Recheck {
                ip: None,
                port: Some(port),
            });
            Reply::Done
        }
        Err(why) => Reply::error(why),
    }
}

pub(super) fn read_port(text: &str) -> Result<u16, &'static str> {
    let has_sign = text.starts_with('+');
    let number = text.parse::<i64>().ok().filter(|_| !has_sign);
    let number = number.ok_or("provided port is not an integer")?;
    u16::try_from(number).map_err(|_| "provided port is invalid")
}
