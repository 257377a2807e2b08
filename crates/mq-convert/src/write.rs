//! The TOML, as `etc/tandem-mq.toml` has it.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use toml::Value;

use crate::draft::{Draft, Keys, Listener, Right, Who};
use crate::ledger::one_line;

/// Where a node has its journal if nobody says otherwise.
const USUAL_FOLDER: &str = "/var/lib/tandem-mq";
/// Where ActiveMQ has its console.
const USUAL_CONSOLE: (IpAddr, u16) = (IpAddr::V4(Ipv4Addr::LOCALHOST), 8161);

pub(crate) fn text(draft: &Draft, files: &[&str]) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_all(draft, files, &mut out);
    out
}

fn write_all(draft: &Draft, files: &[&str], out: &mut String) -> std::fmt::Result {
    let names: Vec<String> = files.iter().map(|name| one_line(name)).collect();
    writeln!(out, "# Made by `tandem convert` from {}.\n", names.join(", "))?;
    top(draft, out)?;
    for user in &draft.users {
        writeln!(out, "\n[[user]]\nname = {}", quoted(&user.name))?;
        writeln!(out, "password-hash = {}", quoted(&user.password_hash))?;
        if draft.has_rights {
            writeln!(out, "groups = {}", list(&user.groups))?;
        }
    }
    for (name, rights) in &draft.groups {
        writeln!(out, "\n[[group]]\nname = {}", quoted(name))?;
        let mut rights = rights.clone();
        for right in Right::ALL {
            let patterns = rights.list(right);
            if !patterns.is_empty() {
                writeln!(out, "{} = {}", right.name(), list(patterns))?;
            }
        }
    }
    draft.listeners.iter().try_for_each(|one| listener(one, out))?;
    if draft.console.is_wanted {
        let (host, port) = USUAL_CONSOLE;
        let address = SocketAddr::new(draft.console.host.unwrap_or(host), draft.console.port.unwrap_or(port));
        writeln!(out, "\n[admin]\naddress = \"{address}\"")?;
    }
    if !draft.memory.is_empty() {
        writeln!(out, "\n[memory]")?;
        keys(&draft.memory, "", out)?;
    }
    for policy in &draft.policies {
        let pattern = policy.patterns.first().map_or("#", String::as_str);
        writeln!(out, "\n[[policy]]\nname = {0}\npattern = {0}", quoted(pattern))?;
        if policy.priority > 0 {
            writeln!(out, "priority = {}", policy.priority)?;
        }
        keys(&policy.keys, "", out)?;
    }
    Ok(())
}

fn top(draft: &Draft, out: &mut String) -> std::fmt::Result {
    let folder = draft.data.as_ref().map_or(USUAL_FOLDER, |data| data.folder.as_str());
    writeln!(out, "data-dir = {}", quoted(folder))?;
    keys(&draft.top, "", out)?;
    let lets_guests_in = draft.lets_guests_in || draft.who == Some(Who::Anybody);
    if lets_guests_in {
        writeln!(out, "anonymous = true")?;
    } else if draft.users.is_empty() {
        writeln!(
            out,
            "# Nobody may come in yet. Write a user for each, or `anonymous = true`:\n# [[user]]\n# name = \"app\"\n\
             # password-hash = \"$argon2id$...\"   # echo -n secret | tandem-mq --hash-password"
        )?;
    }
    if let (true, Some(guests)) = (lets_guests_in, &draft.guests) {
        writeln!(out, "anonymous-groups = {}", list(std::slice::from_ref(guests)))?;
    }
    Ok(())
}

fn listener(listener: &Listener, out: &mut String) -> std::fmt::Result {
    let mark = match &listener.off {
        None => "",
        Some(why) => {
            writeln!(out, "\n# Line {}: {}", listener.line, one_line(why))?;
            "# "
        }
    };
    let name = match listener.name.is_empty() {
        true => String::new(),
        false => format!(" # {}", one_line(&listener.name)),
    };
    let blank = if listener.off.is_none() { "\n" } else { "" };
    writeln!(out, "{blank}{mark}[[listen]]{name}")?;
    if let Some(address) = listener.address {
        writeln!(out, "{mark}address = \"{address}\"")?;
    }
    keys(&listener.keys, mark, out)
}

fn keys(keys: &Keys, mark: &str, out: &mut String) -> std::fmt::Result {
    keys.iter().try_for_each(|(key, value)| match value {
        Value::Table(table) => {
            let pairs = table.iter().map(|(key, value)| format!("{key} = {value}"));
            writeln!(out, "{mark}{key} = {{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        value => writeln!(out, "{mark}{key} = {value}"),
    })
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}
