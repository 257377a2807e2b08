//! The same for a balancer's file in TOML: its tables are changed and written again.

use anyhow::anyhow;
use toml::{Table, Value};

use super::balancer::{Mapped, Mapping};
use super::router::{folder_of, own_path};

const ONE_USER: &str = "a lab has one user";
const OWN: &str = "each host has one of its own, and a lab has one user";
const GLOBAL: [(&str, &str); 12] = [
    ("user", ONE_USER),
    ("group", ONE_USER),
    ("chroot", ONE_USER),
    ("log", "the lab has nobody who takes logs"),
    ("daemon", "the lab minds its processes itself"),
    ("pidfile", "the lab minds its processes itself"),
    ("fd-hard-limit", "the lab has this machine's limits"),
    ("server-state-file", "both hosts would have the same file"),
    ("server-state-base", "both hosts would have the same file"),
    ("stats-file", "both hosts would have the same file"),
    ("state-file", "both hosts would have the same file"),
    ("state", "both hosts would have the same file"),
];

pub fn map(mapping: &mut Mapping<'_>, name: &str, bytes: &[u8]) -> anyhow::Result<Mapped> {
    let text = String::from_utf8_lossy(bytes);
    let mut table: Table = text.parse().map_err(|why| anyhow!("{name}: {why}"))?;
    let mut folders = Vec::new();
    if let Some(Value::Table(global)) = table.get_mut("global") {
        for (key, why) in GLOBAL {
            if global.remove(key).is_some() {
                mapping.changes.note(name, format!("global.{key}"), None, why);
            }
        }
        if let Some(wanted) = global.remove("maxconn") {
            mapping.connections = wanted.as_integer().and_then(|count| u32::try_from(count).ok());
        }
        for socket in tables(global.get_mut("control")) {
            control(mapping, name, socket, &mut folders);
        }
    }
    for kind in ["backend", "listen"] {
        for backend in tables(table.get_mut(kind)) {
            let called = backend
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            for server in tables(backend.get_mut("server")) {
                self::server(mapping, name, &called, server);
            }
        }
    }
    Ok(Mapped {
        text: table.to_string(),
        folders,
    })
}

fn control(mapping: &mut Mapping<'_>, name: &str, socket: &mut Table, folders: &mut Vec<String>) {
    let Some(path) = socket.get("address").and_then(Value::as_str).map(str::to_owned) else {
        return;
    };
    let has_user = ["user", "group"]
        .map(|key| socket.remove(key).is_some())
        .contains(&true);
    let now = own_path(&path);
    if now.is_some() || has_user {
        let shown = now.as_deref().unwrap_or(&path);
        mapping
            .changes
            .note(name, format!("global.control {path}"), Some(shown), OWN);
    }
    let path = now.unwrap_or(path);
    folders.extend(folder_of(&path));
    socket.insert("address".into(), Value::String(path));
}

fn server(mapping: &mut Mapping<'_>, name: &str, backend: &str, server: &mut Table) {
    let Some(address) = server.get("address").and_then(Value::as_str).map(str::to_owned) else {
        return;
    };
    let (ip, port) = match address.rsplit_once(':') {
        Some((ip, port)) => (ip, format!(":{port}")),
        None => (address.as_str(), String::new()),
    };
    if let Some(stands_for) = mapping.places.server(mapping.side, ip) {
        let now = format!("{stands_for}{port}");
        let why = "the lab's brokers are on hosts of their own, and it looks up no names";
        mapping
            .changes
            .note(name, format!("backend {backend}: {address}"), Some(&now), why);
        server.insert("address".into(), Value::String(now));
        server.remove("resolvers");
    }
    if server.remove("tls").is_some() {
        let why = "the lab's brokers are spoken to in plain TCP";
        mapping
            .changes
            .note(name, format!("backend {backend}: tls of {address}"), None, why);
    }
}

/// Of a table, or of an array of them.
fn tables(value: Option<&mut Value>) -> Vec<&mut Table> {
    match value {
        Some(Value::Table(table)) => vec![table],
        Some(Value::Array(items)) => items.iter_mut().filter_map(Value::as_table_mut).collect(),
        _ => Vec::new(),
    }
}
