//! `reload`: the configuration is read again, as for SIGHUP, and the answer says what came of it.

use tandem_ops::control::{Call, Reply};

use super::Room;

pub(super) fn reload(room: &Room, call: &Call) -> Reply {
    let (mut is_dry, mut is_json) = (false, false);
    for word in call.args() {
        match word.as_str() {
            "dry-run" => is_dry = true,
            "json" => is_json = true,
            _ => return Reply::error("'reload' only takes 'dry-run' and 'json'."),
        }
    }
    let reloader = room.reloader.clone();
    Reply::Later(Box::pin(async move {
        let done = if is_dry {
            reloader.rehearse().await
        } else {
            reloader.reload().await
        };
        match done {
            Ok(difference) if is_json => match serde_json::to_string(&difference) {
                Ok(text) => Reply::Output(text),
                Err(why) => Reply::error(why),
            },
            Ok(difference) if difference.is_empty() => Reply::info("Nothing has changed."),
            Ok(difference) => Reply::Output(difference.to_string()),
            Err(refused) => Reply::error(refused),
        }
    }))
}
