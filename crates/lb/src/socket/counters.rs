//! `clear counters`

use tandem_ops::control::{Call, Level, Reply};

use super::Room;

/// The maxima begin anew, or with `all` everything does; that takes an administrator.
pub(super) fn clear(room: &Room, call: &Call) -> Reply {
    match call.arg(0) {
        "all" if call.level() < Level::Admin => return Reply::error("Permission denied"),
        "all" => room.stats.clear(),
        _ => room.stats.forget_maxima(),
    }
    Reply::Done
}
