//! Backends that come and go while the others serve, and whether rules lead clients there (HAProxy 3.4).

use std::rc::Rc;

use tandem_ops::control::{Call, Reply};

use super::Room;
use crate::keeper::Keeper;
use crate::reload::Wanted;

const USAGE: &str = "Usage: add backend <name> from <defproxy> [mode tcp] [guid <guid>].";

pub(super) fn add(room: &Room, call: &Call) -> Reply {
    let (name, from) = (call.arg(0), call.arg(2));
    if name.is_empty() || from.is_empty() || call.arg(1) != "from" {
        return Reply::error(USAGE);
    }
    let mut wanted = Wanted {
        name,
        from,
        mode: None,
        guid: None,
    };
    for pair in call.args()[3..].chunks(2) {
        match pair {
            [word, value] if word == "mode" => wanted.mode = Some(value),
            [word, value] if word == "guid" => wanted.guid = Some(value),
            _ => return Reply::error(USAGE),
        }
    }
    match room.reloader.make(&wanted) {
        Ok(()) => Reply::info("New backend registered."),
        Err(why) => Reply::error(why),
    }
}

pub(super) fn delete(room: &Room, call: &Call) -> Reply {
    on_backend(room, call, |keeper| match room.reloader.unmake(keeper) {
        Ok(()) => Reply::info("Backend deleted."),
        Err(why) => Reply::error(why),
    })
}

pub(super) fn publish(room: &Room, call: &Call) -> Reply {
    set_published(room, call, true)
}

pub(super) fn unpublish(room: &Room, call: &Call) -> Reply {
    set_published(room, call, false)
}

fn set_published(room: &Room, call: &Call, is_published: bool) -> Reply {
    on_backend(room, call, |keeper| {
        if room.reloader.is_listen(&keeper.backend().now().plan) {
            return Reply::error("A listen section leads to itself: give 'disable frontend' or 'enable frontend'.");
        }
        keeper.backend().set_published(is_published);
        Reply::info(if is_published {
            "Backend published."
        } else {
            "Backend unpublished."
        })
    })
}

fn on_backend(room: &Room, call: &Call, act: impl FnOnce(&Rc<Keeper>) -> Reply) -> Reply {
    match room.orders.backend(call.arg(0)) {
        Ok(keeper) => act(&keeper),
        Err(why) => Reply::error(why),
    }
}
