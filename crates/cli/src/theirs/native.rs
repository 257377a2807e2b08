//! The same for a balancer's file in TOML: its tables are changed and written again.

use std::collections::BTreeMap;

use anyhow::anyhow;
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::balancer::{CHECKS, Mapped, Mapping, ONE_USER, OWN, PLAIN, split};
use super::router::{folder_of, own_path};

const GLOBAL: [(&str, &str); 10] = [
    ("user", ONE_USER),
    ("group", ONE_USER),
    ("chroot", ONE_USER),
    ("log", "the lab has nobody who takes logs"),
    ("daemon", "the lab minds its processes itself"),
    ("pidfile", "the lab minds its processes itself"),
    ("files", "the lab has this machine's limits"),
    ("server-state-file", "both hosts would have the same file"),
    ("server-state-base", "both hosts would have the same file"),
    ("stats-file", "both hosts would have the same file"),
];
const STATES: [&str; 2] = ["state-file", "state-every"];
/// Of servers, and of what they begin with.
const OF_SERVERS: [&str; 7] = [
    "tls",
    "send-proxy",
    "proxy-v2-options",
    "proxy-v2-values",
    "check-send-proxy",
    "agent",
    "source",
];
const OF_NAMES: [&str; 2] = ["lookup", "init-address"];

pub fn map(mapping: &mut Mapping<'_>, name: &str, bytes: &[u8]) -> anyhow::Result<Mapped> {
    let text = String::from_utf8_lossy(bytes);
    let mut table: Table = text.parse().map_err(|why| anyhow!("{name}: {why}"))?;
    let mut walk = Walk {
        mapping,
        name,
        lines: lines(&text),
        folders: Vec::new(),
    };
    if let Some(Value::Table(global)) = table.get_mut("global") {
        walk.global(global);
    }
    if let Some(Value::Table(defaults)) = table.get_mut("defaults") {
        walk.settings(defaults, "defaults");
    }
    walk.chained(&table);
    for kind in ["frontend", "backend", "listen"] {
        for (proxy, at) in tables(table.get_mut(kind), kind) {
            walk.settings(proxy, &at);
            for (bind, at) in tables(proxy.get_mut("bind"), &format!("{at}.bind")) {
                walk.socket(bind, &at);
            }
            for (server, at) in tables(proxy.get_mut("server"), &format!("{at}.server")) {
                walk.server(server, &at);
            }
        }
    }
    for (key, value) in &mut table {
        walk.lead(value, key);
    }
    Ok(Mapped {
        folders: walk.folders,
        text: table.to_string(),
    })
}

struct Walk<'a, 'b> {
    mapping: &'a mut Mapping<'b>,
    name: &'a str,
    /// Of each key, as it is called below.
    lines: BTreeMap<String, usize>,
    folders: Vec<String>,
}

impl Walk<'_, '_> {
    fn note(&mut self, at: &str, was: &str, now: Option<&str>, why: &str) {
        let place = match self.lines.get(at) {
            Some(line) => format!("{}:{line}", self.name),
            None => self.name.to_owned(),
        };
        self.mapping.changes.note(&place, was, now, why);
    }

    fn remove(&mut self, table: &mut Table, at: &str, key: &str, why: &str) -> bool {
        let Some(value) = table.remove(key) else { return false };
        self.note(&format!("{at}.{key}"), &format!("{key} = {value}"), None, why);
        true
    }

    fn global(&mut self, global: &mut Table) {
        for (key, why) in GLOBAL {
            self.remove(global, "global", key, why);
        }
        for key in STATES {
            self.remove(global, "global", key, "both hosts would have the same file");
        }
        if let Some(wanted) = global.remove("maxconn") {
            let place = format!("{}:{}", self.name, self.lines.get("global.maxconn").unwrap_or(&1));
            let count = wanted.as_integer().and_then(|count| u32::try_from(count).ok());
            self.mapping.connections = count.map(|count| (count, place));
        }
        for (socket, at) in tables(global.get_mut("control"), "global.control") {
            self.socket(socket, &at);
        }
    }

    /// Of the defaults, or of a section.
    fn settings(&mut self, settings: &mut Table, at: &str) {
        if let Some(Value::Table(logging)) = settings.get_mut("logging") {
            self.remove(
                logging,
                &format!("{at}.logging"),
                "to",
                "the lab has nobody who takes logs",
            );
        }
        self.remove(settings, at, "server-state-file", "both hosts would have the same file");
        self.remove(settings, at, "source", "a host of the lab has its own address only");
        let check = settings.get("health-check").and_then(Value::as_str).unwrap_or_default();
        if check
            .split_whitespace()
            .next()
            .is_some_and(|check| CHECKS.contains(&check))
        {
            self.remove(settings, at, "health-check", PLAIN);
        }
        for key in ["http-check", "external-command", "external-path"] {
            self.remove(settings, at, key, PLAIN);
        }
        if let Some(Value::Table(defaults)) = settings.get_mut("server-defaults") {
            let at = format!("{at}.server-defaults");
            for key in OF_SERVERS.iter().chain(&OF_NAMES) {
                self.remove(defaults, &at, key, PLAIN);
            }
        }
    }

    /// Where somebody listens.
    fn socket(&mut self, socket: &mut Table, at: &str) {
        for key in ["user", "group", "uid", "gid"] {
            self.remove(socket, at, key, ONE_USER);
        }
        let Some(address) = socket.get("address").and_then(Value::as_str).map(str::to_owned) else {
            return;
        };
        let path = address.trim_start_matches("unix@").to_owned();
        let own = own_path(&path);
        self.folders.extend(folder_of(own.as_deref().unwrap_or(&path)));
        if let Some(own) = own {
            let was = format!("address = \"{address}\"");
            self.note(&format!("{at}.address"), &was, Some(&own), OWN);
            socket.insert("address".into(), Value::String(own));
        }
    }

    fn server(&mut self, server: &mut Table, at: &str) {
        let Some(address) = server.get("address").and_then(Value::as_str).map(str::to_owned) else {
            return;
        };
        let (was, place) = (format!("address = \"{address}\""), format!("{at}.address"));
        if address.starts_with('/') || address.starts_with("unix@") {
            if let Some(own) = own_path(address.trim_start_matches("unix@")) {
                self.note(&place, &was, Some(&own), OWN);
                server.insert("address".into(), Value::String(own));
            }
            return;
        }
        let (ip, port) = split(&address);
        if address.starts_with("abns@") || self.mapping.is_chained(&ip, &port) {
            return;
        }
        for key in OF_SERVERS {
            self.remove(server, at, key, PLAIN);
        }
        if let Some(stands_for) = self.mapping.places.server(self.mapping.side, &ip) {
            let now = format!("{stands_for}{port}");
            let why = "the lab's brokers are on hosts of their own, and it looks up no names";
            self.note(&place, &was, Some(&now), why);
            server.insert("address".into(), Value::String(now));
            for key in OF_NAMES {
                self.remove(server, at, key, why);
            }
        }
    }

    fn chained(&mut self, table: &Table) {
        let proxies = ["frontend", "listen"]
            .into_iter()
            .flat_map(|kind| each(table.get(kind)));
        let binds = proxies.flat_map(|proxy| each(proxy.get("bind")));
        let addresses = binds.filter_map(|bind| bind.get("address")?.as_str());
        self.mapping.chain(addresses);
    }

    /// Every path that means a given file means its copy.
    fn lead(&mut self, value: &mut Value, at: &str) {
        match value {
            Value::String(text) => {
                if let Some(now) = self.mapping.along.lead(text) {
                    self.note(at, &text.clone(), Some(&now), "the file was brought along");
                    *text = now;
                }
            }
            Value::Array(items) => {
                for (number, item) in items.iter_mut().enumerate() {
                    self.lead(item, &format!("{at}[{number}]"));
                }
            }
            Value::Table(table) => {
                for (key, value) in table.iter_mut() {
                    self.lead(value, &format!("{at}.{key}"));
                }
            }
            _ => {}
        }
    }
}

/// Of a table, or of an array of them.
fn each(value: Option<&Value>) -> Vec<&Table> {
    match value {
        Some(Value::Table(table)) => vec![table],
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_table).collect(),
        _ => Vec::new(),
    }
}

/// The same with what each is called.
fn tables<'a>(value: Option<&'a mut Value>, at: &str) -> Vec<(&'a mut Table, String)> {
    match value {
        Some(Value::Table(table)) => vec![(table, at.to_owned())],
        Some(Value::Array(items)) => {
            let named = items.iter_mut().enumerate();
            named
                .filter_map(|(number, item)| Some((item.as_table_mut()?, format!("{at}[{number}]"))))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// Where each key is.
fn lines(text: &str) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    if let Ok(table) = DeTable::parse(text) {
        walk(table.get_ref(), "", text, &mut all);
    }
    all
}

fn walk(table: &DeTable<'_>, at: &str, text: &str, all: &mut BTreeMap<String, usize>) {
    for (key, value) in table {
        let dot = if at.is_empty() { "" } else { "." };
        let at = format!("{at}{dot}{}", key.get_ref());
        all.insert(at.clone(), line_of(text, key.span().start));
        inside(value.get_ref(), &at, text, all);
    }
}

fn inside(value: &DeValue<'_>, at: &str, text: &str, all: &mut BTreeMap<String, usize>) {
    match value {
        DeValue::Table(table) => walk(table, at, text, all),
        DeValue::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                let at = format!("{at}[{number}]");
                all.insert(at.clone(), line_of(text, item.span().start));
                inside(item.get_ref(), &at, text, all);
            }
        }
        _ => {}
    }
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::super::along::Along;
    use super::super::change::Changes;
    use super::super::place::Places;
    use super::*;

    #[test]
    fn what_a_lab_has_not_goes_with_its_line() {
        let text = r#"[global]
maxconn = 300
user = "haproxy"

[defaults]
health-check = "httpchk GET /alive"
logging = { global = true, to = [{ to = "/dev/log" }] }

[defaults.server-defaults]
tls = { verify = false }

[[frontend]]
name = "f"
bind = [{ address = "/var/lib/x.sock", user = "x" }]

[[backend]]
name = "b"

[[backend.server]]
name = "s"
address = "broker.example:61613"
send-proxy = "v2"
source = "10.0.0.9"

[[backend.server]]
name = "t"
address = "10.0.0.12:61613"
tls = { authority = "/etc/ca.pem" }
"#;
        let mut changes = Changes::default();
        let own = Some(Ipv4Addr::new(10, 0, 0, 1));
        let mut places = Places::of(Ipv4Addr::new(10, 0, 0, 100), 24, [own, None], &[]);
        let mut along = Along::default();
        let mut mapping = Mapping {
            along: &mut along,
            changes: &mut changes,
            places: &mut places,
            side: 0,
            connections: None,
            chained: Vec::new(),
        };
        let mapped = map(&mut mapping, "lb.toml", text.as_bytes()).expect("it is TOML");
        assert_eq!(mapping.connections, Some((300, "lb.toml:2".into())));
        for gone in ["tls", "send-proxy", "source", "httpchk", "/dev/log", "user"] {
            assert!(!mapped.text.contains(gone), "{gone}: {}", mapped.text);
        }
        assert!(mapped.text.contains("198.18.200.1:61613") && mapped.text.contains("/run/drill/var/lib/x.sock"));
        let changes = changes.into_inner();
        let mut places: Vec<&str> = changes.iter().map(|change| change.place.as_str()).collect();
        places.sort_by_key(|place| place.rsplit(':').next().and_then(|line| line.parse::<u32>().ok()));
        let at = |line: u32| format!("lb.toml:{line}");
        assert_eq!(places, [3, 6, 7, 10, 14, 14, 21, 22, 23, 28].map(at));
    }
}
