//! `set server … name`: what a server is called (HAProxy 3.5), for places that are kept for whoever comes. The rules are those
//! of `del server`: it is in maintenance, and nothing in the configuration knows it by its name.

use std::sync::Arc;

use tandem_lb_config::misfit;
use tandem_ops::control::Reply;

use super::dynamic::is_named;
use crate::orders::ServerOrders;

pub(super) fn call(server: &ServerOrders, name: &str) -> Reply {
    if name.is_empty() {
        return Reply::error("set server <b>/<s> name requires a name.");
    }
    if let Some(odd) = misfit(name) {
        return Reply::error(format!("character '{odd}' is not permitted in server name '{name}'."));
    }
    if is_named(server) {
        return Reply::error(
            "This server cannot be renamed at runtime due to other configuration elements pointing to it.",
        );
    }
    if server.report(|report| report.view.admin.in_maint()) != Some(true) {
        return Reply::error("Only servers in maintenance mode can be renamed.");
    }
    if server.keeper().backend().now().servers.named(name).is_some() {
        return Reply::error("Already exists a server with the same name in backend.");
    }
    server.keeper().rename(server.idx(), &Arc::from(name));
    Reply::Done
}
