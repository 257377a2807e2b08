//! What a successor asks for; programs say it, not people.

use tandem_ops::control::{Call, Reply};

use super::Room;
use crate::upgrade::give;

/// HAProxy's exchange: all listeners.
pub(super) fn listeners(room: &Room, call: &Call) -> Reply {
    let giver = room.giver.clone();
    guarded(call, || {
        Reply::Becomes(Box::new(|stream, place| Box::pin(giver.expose(stream, place))))
    })
}

/// Ours: the connections and all that is known.
pub(super) fn everything(room: &Room, call: &Call) -> Reply {
    let (giver, reloader) = (room.giver.clone(), room.reloader.clone());
    guarded(call, || {
        Reply::Becomes(Box::new(|stream, place| Box::pin(give(giver, reloader, stream, place))))
    })
}

/// HAProxy says nothing to who may not ask, and closes.
fn guarded(call: &Call, reply: impl FnOnce() -> Reply) -> Reply {
    if call.may_take_descriptors() {
        reply()
    } else {
        Reply::Done
    }
}
