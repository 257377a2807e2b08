//! `clear counters`

use tandem_ops::control::{Call, Level, Reply};

use super::Room;

/// The maxima begin anew; with `all` everything does, with `server` everything of that one. These two take an administrator.
pub(super) fn clear(room: &Room, call: &Call) -> Reply {
    match call.arg(0) {
        "all" | "server" if call.level() < Level::Admin => return Reply::error("Permission denied"),
        "all" => room.stats.clear(),
        "server" => match room.server(call.arg(1)) {
            Ok(orders) => {
                if let Some(server) = orders.server() {
                    room.stats.clear_server(&server);
                }
            }
            Err(reply) => return reply,
        },
        "" => room.stats.forget_maxima(),
        // HAProxy takes such a word for none, and clears everybody's maxima.
        _ => return Reply::error("'clear counters' knows 'all' and 'server <backend>/<server>'."),
    }
    Reply::Done
}
