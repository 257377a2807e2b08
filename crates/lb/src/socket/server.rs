//! Changing one server: `set server`, and the older commands that do parts of it.

use tandem_lb_core::backend::Operation;
use tandem_lb_core::health::AdminChange;
use tandem_ops::control::{Call, Reply, Severity};

use super::relocate::relocate;
use super::{Room, agent, naming, recheck, rename};
use crate::orders::ServerOrders;

/// As HAProxy 2.6 says it, which does not know `name`.
const USAGE: &str = "usage: set server <backend>/<server> addr | agent | agent-addr | agent-port | agent-send | \
                     check-addr | check-port | fqdn | health | ssl | state | weight";

pub(super) fn set(room: &Room, call: &Call) -> Reply {
    on_server(room, call, |server| {
        let value = call.arg(2);
        match call.arg(1) {
            "state" => state(server, value),
            "health" => health(server, value),
            "weight" => weight(server, value),
            "addr" => relocate(server, value, (call.arg(3) == "port").then(|| call.arg(4))),
            "check-addr" | "check-port" | "agent-addr" | "agent-port" if value.is_empty() => {
                Reply::error(missing(call.arg(1)))
            }
            "check-addr" => recheck::at(server, value, (call.arg(3) == "port").then(|| call.arg(4))),
            "check-port" => recheck::port(server, value),
            "agent" | "agent-send" | "agent-addr" | "agent-port" => agent::set(room, server, call.arg(1), value, call),
            "fqdn" => rename::rename(room, server, value),
            "ssl" => ssl(server, value),
            "name" => naming::call(server, value),
            _ => Reply::error(USAGE),
        }
    })
}

pub(super) fn enable(room: &Room, call: &Call) -> Reply {
    on_server(room, call, |server| {
        server.admin(AdminChange::Ready);
        Reply::Done
    })
}

pub(super) fn disable(room: &Room, call: &Call) -> Reply {
    on_server(room, call, |server| {
        server.admin(AdminChange::Maint);
        Reply::Done
    })
}

pub(super) fn enable_health(room: &Room, call: &Call) -> Reply {
    on_server(room, call, |server| server.enable_checks().into())
}

pub(super) fn disable_health(room: &Room, call: &Call) -> Reply {
    on_server(room, call, |server| {
        server.disable_checks();
        Reply::Done
    })
}

pub(super) fn enable_agent(room: &Room, call: &Call) -> Reply {
    on_server(room, call, |server| server.agent(true).into())
}

/// Where there is none that is no error: HAProxy's clients disable what may not be there.
pub(super) fn disable_agent(room: &Room, call: &Call) -> Reply {
    on_server(room, call, |server| {
        let _none_is_fine = server.agent(false);
        Reply::Done
    })
}

pub(super) fn set_weight(room: &Room, call: &Call) -> Reply {
    on_server(room, call, |server| weight(server, call.arg(1)))
}

/// `3 (initial 3)`
pub(super) fn get_weight(room: &Room, call: &Call) -> Reply {
    on_server(room, call, |server| {
        let now = server.report(|r| r.view.weight).unwrap_or_default();
        Reply::Output(format!("{now} (initial {})", server.initial_weight()))
    })
}

pub(super) fn set_maxconn(room: &Room, call: &Call) -> Reply {
    on_server(room, call, |server| match read_maxconn(call.arg(1)) {
        Ok(maxconn) => {
            server.maxconn(maxconn);
            Reply::Done
        }
        Err(why) => Reply::error(why),
    })
}

/// As HAProxy reads it: what is below 0 is a number without a sign.
fn read_maxconn(text: &str) -> Result<u32, &'static str> {
    if text.is_empty() {
        return Err("Require <maxconn>.");
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return Err("maxconn string empty or preceded by garbage");
    }
    if digits < unsigned.len() {
        return Err("Trailing garbage in maxconn string");
    }
    let number = text.parse::<i64>().unwrap_or(i64::from(u32::MAX));
    Ok(u32::try_from(number).unwrap_or(u32::MAX))
}

fn on_server(room: &Room, call: &Call, act: impl FnOnce(&ServerOrders) -> Reply) -> Reply {
    match room.server(call.arg(0)) {
        Ok(server) => act(&server),
        Err(reply) => reply,
    }
}

fn ssl(server: &ServerOrders, value: &str) -> Reply {
    let Some(live) = server.server().filter(|live| live.plan().tls.is_some()) else {
        return Reply::error("'set server <srv> ssl' cannot be set.  default-server should define ssl settings");
    };
    match value {
        "on" => live.speak_tls(true),
        "off" => live.speak_tls(false),
        _ => return Reply::error("'set server <srv> ssl' expects 'on' or 'off'."),
    }
    Reply::Message(Severity::Notice, "server ssl setting updated.".to_owned())
}

fn state(server: &ServerOrders, word: &str) -> Reply {
    server.admin(match word {
        "ready" => AdminChange::Ready,
        "drain" => AdminChange::Drain,
        "maint" => AdminChange::Maint,
        _ => return Reply::error("'set server <srv> state' expects 'ready', 'drain' and 'maint'."),
    });
    Reply::Done
}

fn health(server: &ServerOrders, word: &str) -> Reply {
    if server.report(|report| report.tracks.is_some()) == Some(true) {
        return Reply::error("cannot change health on a tracking server.");
    }
    server.health(match word {
        "up" => Operation::Running,
        "stopping" => Operation::Stopping,
        "down" => Operation::Down,
        _ => return Reply::error("'set server <srv> health' expects 'up', 'stopping', or 'down'."),
    });
    Reply::Done
}

fn weight(server: &ServerOrders, text: &str) -> Reply {
    text.parse().and_then(|weight| server.weight(weight)).into()
}

pub(super) fn missing(what: &str) -> String {
    if what == "fqdn" {
        return "set server <b>/<s> fqdn requires a FQDN.".to_owned();
    }
    let also = if what.ends_with("-port") {
        "a port."
    } else {
        "an address and optionally a port."
    };
    format!("set server <b>/<s> {what} requires {also}")
}
