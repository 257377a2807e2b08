//! Opening, closing and limiting frontends and the process as a whole.

use std::sync::Arc;

use tandem_ops::clock::Wall;
use tandem_ops::control::{Call, Reply, Severity};
use tandem_ops::syslog;

use super::Room;
use crate::frontend::{Frontend, Gate};
use crate::orders::numbered;

const RATE_LIMITS: &str = "'set rate-limit' only supports :\n   \
    - 'connections global' to set the per-process maximum connection rate\n   \
    - 'sessions global' to set the per-process maximum session rate\n   \
    - 'ssl-sessions global' to set the per-process maximum SSL session rate\n   \
    - 'http-compression global' to set the per-process maximum compression speed in kB/s";

pub(super) fn enable(room: &Room, call: &Call) -> Reply {
    on_frontend(room, call, |frontend| {
        let gate = *frontend.gate.borrow();
        match gate {
            Gate::Closed => Reply::error("Frontend was previously shut down, cannot enable."),
            Gate::Open => notice("All sockets are already enabled."),
            Gate::Paused => set(room, frontend, Gate::Open),
        }
    })
}

pub(super) fn disable(room: &Room, call: &Call) -> Reply {
    on_frontend(room, call, |frontend| {
        let gate = *frontend.gate.borrow();
        match gate {
            Gate::Closed => Reply::error("Frontend was previously shut down, cannot disable."),
            Gate::Paused => notice("All sockets are already disabled."),
            Gate::Open => set(room, frontend, Gate::Paused),
        }
    })
}

/// Closes its listeners for good; connections go on.
pub(super) fn shutdown(room: &Room, call: &Call) -> Reply {
    on_frontend(room, call, |frontend| {
        let gate = *frontend.gate.borrow();
        match gate {
            Gate::Closed => Reply::error("Frontend was already shut down."),
            Gate::Open | Gate::Paused => set(room, frontend, Gate::Closed),
        }
    })
}

pub(super) fn set_maxconn(room: &Room, call: &Call) -> Reply {
    on_frontend(room, call, |frontend| match call.arg(1) {
        "" => Reply::error("Integer value expected."),
        text => match text.parse() {
            Ok(most) => {
                frontend.limit.set(most);
                Reply::Done
            }
            Err(_) => Reply::error("Value out of range."),
        },
    })
}

pub(super) fn set_maxconn_global(room: &Room, call: &Call) -> Reply {
    let possible = room.stats.process().hard_maxconn;
    match call.arg(0) {
        "" => Reply::error("Expects an integer value."),
        text => match text.parse::<u32>() {
            Ok(most) if most <= possible => {
                // 0 is what the files allow, as at the start.
                room.process.set(if most == 0 { possible } else { most });
                Reply::Done
            }
            _ => Reply::error("Value out of range."),
        },
    }
}

pub(super) fn set_rate_limit(room: &Room, call: &Call) -> Reply {
    let paces = room.process.paces();
    let pace = match (call.arg(0), call.arg(1)) {
        ("connections", "global") => Some(&paces.connections),
        ("sessions", "global") => Some(&paces.sessions),
        ("ssl-sessions", "global") => Some(&paces.tls),
        // There is none, so any limit on it holds.
        ("http-compression", "global") => None,
        _ => return Reply::error(RATE_LIMITS),
    };
    // HAProxy takes what is no number for 0, which lifts the limit; a slip should not do that.
    let Ok(most) = call.arg(2).parse() else {
        return Reply::error("Expects an integer value.");
    };
    if let Some(pace) = pace {
        pace.most.set(most);
    }
    Reply::Done
}

fn on_frontend(room: &Room, call: &Call, act: impl FnOnce(&Arc<Frontend>) -> Reply) -> Reply {
    let name = call.arg(0);
    if name.is_empty() {
        return Reply::error("A frontend name is expected.");
    }
    let is_it = |f: &&Arc<Frontend>| numbered(name).map_or_else(|| *f.plan.name == *name, |id| f.plan.id == id);
    match room.frontends.all().iter().find(is_it) {
        Some(frontend) => act(frontend),
        None => Reply::error("No such frontend."),
    }
}

fn set(room: &Room, frontend: &Frontend, gate: Gate) -> Reply {
    tracing::info!(frontend = %frontend.plan.name, ?gate, "an operator moved a gate");
    let told = match gate {
        Gate::Open => Some("Resumed"),
        Gate::Paused => Some("Paused"),
        Gate::Closed => None,
    };
    if let Some(told) = told {
        let text = format!("{told} frontend {}.", frontend.plan.name);
        let mut lines = room.lines.borrow_mut();
        lines.send(&frontend.logs, syslog::Severity::Warning, text.as_str(), Wall::now());
    }
    frontend.gate.send_replace(gate);
    Reply::Done
}

fn notice(text: &str) -> Reply {
    Reply::Message(Severity::Notice, text.to_owned())
}
