//! `show|add|del ssl crt-list`: lists of certificates, looked at and changed while they are used. The words are HAProxy's.

use std::path::Path;

use tandem_lb_config::ListLine;
use tandem_ops::control::{Call, Reply};

use super::Room;

pub(super) fn show(room: &Room, call: &Call) -> Reply {
    let loaded = room.directory.tls.now();
    let lists = &loaded.shelf.lists;
    let (numbered, name) = match call.arg(0) {
        "-n" => (true, call.arg(1)),
        name => (false, name),
    };
    if numbered && name.is_empty() {
        return Reply::error("'show ssl crt-list -n' expects a filename or a directory");
    }
    if name.is_empty() {
        let names = lists.keys().map(|path| format!("{}\n", path.display()));
        return Reply::Output(names.collect());
    }
    let Some(list) = lists.get(Path::new(trimmed(name))) else {
        return Reply::error("didn't find the specified filename");
    };
    let lines = list.lines.iter().map(|line| shown(line, numbered));
    Reply::Output(format!("# {name}\n{}", lines.collect::<String>()))
}

fn shown(line: &ListLine, numbered: bool) -> String {
    match numbered {
        true => format!("{}:{}{}\n", line.certificate.display(), line.number, line.behind()),
        false => format!("{line}\n"),
    }
}

pub(super) fn add(room: &Room, call: &Call) -> Reply {
    let (list, payload) = (call.arg(0), call.payload());
    let text = payload.unwrap_or(call.arg(1)).trim_end_matches('\n');
    if list.is_empty() || text.trim().is_empty() {
        return Reply::error("'add ssl crtlist' expects a filename and a certificate name");
    }
    let refused = |why: &dyn ToString| Reply::error(format!("Can't edit the crt-list: {}", why.to_string()));
    if text.contains('\n') {
        return refused(&"only one line of payload is supported!");
    }
    let (vault, list) = (&room.directory.tls, trimmed(list));
    match room.desk.borrow_mut().add_line(vault, Path::new(list), text) {
        Ok(file) => {
            tracing::info!("{} was put into the list {list} by order", file.display());
            Reply::Output(format!(
                "Inserting certificate '{}' in crt-list '{list}'.\nSuccess!\n",
                file.display()
            ))
        }
        Err(why) => refused(&why),
    }
}

pub(super) fn delete(room: &Room, call: &Call) -> Reply {
    let (list, name) = (call.arg(0), call.arg(1));
    if list.is_empty() || name.is_empty() {
        return Reply::error("'del ssl crtlist' expects a filename and a certificate name");
    }
    let refused = |why: &dyn ToString| Reply::error(format!("Can't delete the entry: {}", why.to_string()));
    let (file, number) = match name.rsplit_once(':').map(|(file, number)| (file, number.parse())) {
        None => (name, None),
        Some((file, Ok(number @ 1..))) => (file, Some(number)),
        Some(_) => return refused(&format!("wrong line number after colons in '{name}'!")),
    };
    let (vault, list) = (&room.directory.tls, trimmed(list));
    match room
        .desk
        .borrow_mut()
        .delete_line(vault, Path::new(list), Path::new(file), number)
    {
        Ok(()) => {
            tracing::info!("{file} was taken out of the list {list} by order");
            Reply::info(format!("Entry '{file}' deleted in crtlist '{list}'!"))
        }
        Err(why) => refused(&why),
    }
}

/// A folder is the same with a slash behind it.
fn trimmed(name: &str) -> &str {
    name.trim_end_matches('/')
}
