//! `add server` and `del server`, under HAProxy's rules (reference 4.2): the balancing must follow weights, a new server
//! comes into maintenance with its checks at rest, and only one in maintenance that nobody is at may go.

use tandem_lb_config::{self as plan, Dialect, Host, Loaded, NamedText};
use tandem_lb_core::ServerId;
use tandem_ops::control::{Call, Reply};
use thiserror::Error;

use super::Room;
use crate::orders::{Refusal, ServerOrders};
use crate::publish::Snapshot;

/// The number that a server gets whose line does not name one; what stands here does not matter.
const ANY_NUMBER: &str = " id 2147483647";

/// Why a server cannot be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum Obstacle {
    #[error("Only servers in maintenance mode can be deleted.")]
    NotAtRest,
    #[error("Server still has connections attached to it, cannot remove it.")]
    InUse,
}

pub(super) fn add(room: &Room, call: &Call) -> Reply {
    let Some((backend, name)) = call.arg(0).split_once('/') else {
        return Reply::error("Require 'backend/server'.");
    };
    if call.arg(1).is_empty() {
        return Reply::error("'server' expects <name> and <addr>[:<port>] as arguments.\n");
    }
    let keeper = match room.orders.backend(backend) {
        Ok(keeper) => keeper,
        Err(why) => return Reply::error(why),
    };
    let now = keeper.backend().now().clone();
    if !now.plan.policy.is_dynamic() {
        return Reply::error("Backend must use a dynamic load balancing to support dynamic servers.");
    }
    if now.servers.all().any(|server| *server.name() == *name) {
        return Reply::error("Already exists a server with the same name in backend.");
    }
    let server = match line(&now, name, &call.args()[1..]) {
        Ok(server) => server,
        Err(why) => return Reply::error(why),
    };
    if server.tls.is_some() || server.check.as_ref().is_some_and(|check| check.tls.is_some()) {
        return Reply::error("TLS to a server that is added while running is not supported: write it down and reload.");
    }
    if now.servers.all().any(|other| other.plan().id == server.id) {
        return Reply::error(format!("This ID is already used by another server: {}.", server.id));
    }
    match keeper.add(server) {
        Ok(()) => Reply::info("New server registered."),
        Err(why) => Reply::error(why),
    }
}

pub(super) fn delete(room: &Room, call: &Call) -> Reply {
    let server = match room.server(call.arg(0)) {
        Ok(server) => server,
        Err(reply) => return reply,
    };
    if let Err(why) = removable(&server) {
        return Reply::error(why);
    }
    server.keeper().remove(server.idx());
    Reply::info("Server deleted.")
}

/// Whether nothing keeps it from being deleted.
pub(super) fn removable(server: &ServerOrders) -> Result<(), Obstacle> {
    let in_maint = server.report(|r| r.view.admin.in_maint()) == Some(true);
    if !in_maint {
        return Err(Obstacle::NotAtRest);
    }
    let backend = server.keeper().backend();
    let is_used = backend
        .server(server.idx())
        .is_some_and(|s| s.traffic.sessions.now() > 0);
    if is_used || backend.queue.waiting(Some(server.idx())).0 > 0 {
        return Err(Obstacle::InUse);
    }
    Ok(())
}

/// The server that these words would be in the configuration of this backend, `default-server` aside.
fn line(backend: &Snapshot, name: &str, words: &[String]) -> Result<plan::Server, String> {
    if words.iter().any(|word| word.contains(['"', '\'', '\\', '#', '\n'])) {
        return Err("quotes, backslashes and '#' cannot be part of a server's line".to_owned());
    }
    let has_number = words.iter().any(|word| word == "id");
    let number = if has_number { "" } else { ANY_NUMBER };
    let ms = |timeout: Option<std::time::Duration>, word: &str| {
        timeout
            .map(|t| format!(" timeout {word} {}\n", t.as_millis()))
            .unwrap_or_default()
    };
    let text = format!(
        "backend {}\n{}{} server {name} {}{number}\n",
        backend.plan.name,
        ms(backend.plan.timeout_connect, "connect"),
        ms(backend.plan.timeout_check, "check"),
        words.join(" "),
    );
    let loaded = plan::load(&[NamedText::new("add server", text)], &|_| None, Some(Dialect::Haproxy));
    let mut server = read(loaded)?;
    if let Host::Name(name) = &server.host {
        return Err(format!(
            "'{name}' is a name, and none is resolved while running: give its address"
        ));
    }
    if !has_number {
        server.id = free_number(backend);
    }
    Ok(server)
}

fn read(loaded: Loaded) -> Result<plan::Server, String> {
    let errors = loaded.diagnostics.iter().filter(|d| d.is_error());
    let errors: Vec<String> = errors.map(|d| d.message.clone()).collect();
    if !errors.is_empty() {
        return Err(errors.join("\n"));
    }
    let backend = loaded.plan.and_then(|plan| plan.backends.into_iter().next());
    let server = backend.and_then(|backend| backend.servers.into_iter().next());
    server.ok_or_else(|| Refusal::NoServer.to_string())
}

/// The smallest that no server has.
fn free_number(backend: &Snapshot) -> ServerId {
    let is_free = |id: &u32| backend.servers.all().all(|server| server.plan().id.0 != *id);
    ServerId((1..u32::MAX).find(is_free).unwrap_or(u32::MAX))
}
