//! `set server … fqdn`: another name that a server's address is looked up by. Until there is an answer, it stays where it is.

use tandem_lb_core::dns::Name;
use tandem_ops::control::{Reply, Severity};

use super::Room;
use super::server::missing;
use crate::orders::ServerOrders;

/// The longest name in HAProxy, with its end.
const LONGEST: usize = 255;

/// The words are HAProxy's.
pub(super) fn rename(room: &Room, server: &ServerOrders, fqdn: &str) -> Reply {
    if fqdn.is_empty() {
        return Reply::error(missing("fqdn"));
    }
    let Some(live) = server.server().filter(|live| live.plan().resolve.is_some()) else {
        return Reply::error("set server <b>/<s> fqdn failed because no resolution is configured.");
    };
    let before = live.fqdn();
    let name = format!("{}/{}", server.keeper().backend().name(), live.name());
    if before.as_deref() == Some(fqdn) {
        return told("no need to change the FDQN");
    }
    if fqdn.len() > LONGEST {
        return told(format!("invalid fqdn '{fqdn}'"));
    }
    let is_asked = Name::parse(fqdn).is_some_and(|parsed| {
        let is_known = room.resolving.rename(server.keeper(), server.idx(), &parsed);
        if is_known {
            live.rename(fqdn);
        }
        is_known
    });
    if !is_asked {
        return told(format!("could not update {name} FQDN"));
    }
    let before = before.unwrap_or_else(|| "(null)".to_owned());
    let text = format!("{name} changed its FQDN from {before} to {fqdn}");
    tracing::info!("{text} by order");
    told(text)
}

fn told(what: impl std::fmt::Display) -> Reply {
    Reply::Message(Severity::Warning, format!("{what} by 'stats socket command'"))
}
