//! `show tls-keys`, `set ssl tls-key`: keys for session tickets. The words are HAProxy's.

use std::fmt::Write;
use std::path::Path;

use tandem_ops::control::{Call, Reply};

use super::Room;
use crate::tls::Loaded;

/// Which files they are from; with a name, a number or `*` what they are, too.
pub(super) fn show(room: &Room, call: &Call) -> Reply {
    let loaded = room.directory.tls.now();
    let files: Vec<(usize, &Path)> = match call.arg(0) {
        "" => {
            let files = loaded.ticket_keys();
            let lines = files.map(|(id, file)| format!("{id} ({})\n", file.display()));
            return Reply::Output(format!("# id (file)\n{}", lines.collect::<String>()));
        }
        "*" => loaded.ticket_keys().collect(),
        name => match loaded.ticket_keys_called(name) {
            Some(found) => vec![found],
            None => return Reply::error("'show tls-keys' unable to locate referenced filename"),
        },
    };
    let text = files.into_iter().map(|(id, file)| secrets(&loaded, id, file));
    Reply::Output(format!("# id secret\n{}", text.collect::<String>()))
}

fn secrets(loaded: &Loaded, id: usize, file: &Path) -> String {
    let mut text = format!("# {id} ({})\n", file.display());
    for (number, key) in loaded.shelf.ticket_keys(file).into_iter().enumerate() {
        writeln!(text, "{id}.{number} {key}").expect("a string takes it");
    }
    text
}

pub(super) fn set(room: &Room, call: &Call) -> Reply {
    let (name, key) = (call.arg(0), call.arg(1));
    if name.is_empty() || key.is_empty() {
        return Reply::error("'set ssl tls-key' expects a filename and the new TLS key in base64 encoding.");
    }
    match room.desk.borrow_mut().rotate(&room.directory.tls, name, key) {
        Ok(file) => {
            tracing::info!("{}: another key for tickets was given by order", file.display());
            Reply::info("TLS ticket key updated!")
        }
        Err(why) => Reply::error(format!("'set ssl tls-key' {why}")),
    }
}
