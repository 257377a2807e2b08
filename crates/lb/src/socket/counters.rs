//! `clear counters`

use tandem_ops::control::{Call, Reply};

use super::Room;

/// The maxima begin anew; the counts themselves go on, so that no monitoring sees them fall.
pub(super) fn clear(room: &Room, call: &Call) -> Reply {
    if call.arg(0) == "all" {
        return Reply::error("Counts cannot be cleared while running; 'clear counters' clears the maxima.");
    }
    room.stats.forget_maxima();
    Reply::Done
}
