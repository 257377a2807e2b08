//! `add server` and `del server`, under HAProxy's rules (reference 4.2): the balancing must follow weights, a new server
//! comes into maintenance with its checks at rest, and only one in maintenance that nobody is at may go.

use tandem_ops::control::{Call, Reply};
use thiserror::Error;

use super::Room;
use crate::newcomer;
use crate::orders::ServerOrders;

/// Why a server cannot be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum Obstacle {
    #[error("This server cannot be removed at runtime due to other configuration elements pointing to it.")]
    PointedTo,
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
    let words = call.args()[1..].join(" ");
    let server = match newcomer::read(&now, name, &words) {
        Ok(server) => server,
        Err(why) => return Reply::error(why),
    };
    if now.servers.all().any(|other| other.plan().id == server.id) {
        return Reply::error(format!("This ID is already used by another server: {}.", server.id));
    }
    match keeper.add(server, &words) {
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

/// Whether the configuration, or a server that follows it, knows it by its name.
pub(super) fn is_named(server: &ServerOrders) -> bool {
    let is_written = server.server().is_some_and(|server| server.plan().is_named);
    is_written || server.keeper().followed.is_followed(server.idx())
}

/// Whether nothing keeps it from being deleted.
pub(super) fn removable(server: &ServerOrders) -> Result<(), Obstacle> {
    if is_named(server) {
        return Err(Obstacle::PointedTo);
    }
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
