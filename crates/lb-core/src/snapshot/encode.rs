//! The state as text.

use super::text::{LineWriter, Writer};
use super::{BackendState, Counters, ServerState, Snapshot, TableState, seal};
use crate::backend::{Operation, Saved, SavedCheck};
use crate::stick::KeyType;

impl Snapshot {
    /// The whole of it, sealed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.line("taken").set("at", self.taken);
        for frontend in &self.frontends {
            counted(out.line("frontend").set("name", &frontend.name), &frontend.counters);
        }
        for backend in &self.backends {
            write_backend(&mut out, backend);
        }
        seal::seal(&out.finish())
    }
}

fn write_backend(out: &mut Writer, backend: &BackendState) {
    let line = out.line("backend").set("name", &backend.name);
    counted(line.set_millis("age", backend.age), &backend.counters);
    for server in &backend.servers {
        write_server(out, server);
    }
    if let Some(table) = &backend.table {
        write_table(out, table);
    }
}

fn write_server(out: &mut Writer, server: &ServerState) {
    let line = out.line("server").set("name", &server.name).set("id", server.id);
    counted(line, &server.counters);
    if let Some(saved) = &server.health {
        write_health(out, saved);
    }
    if let Some(moved) = &server.moved {
        let line = out.line("moved").set("from", &moved.from).set("ip", moved.ip);
        line.set_some("port", moved.port);
    }
}

fn write_health(out: &mut Writer, saved: &Saved) {
    let operation = match saved.operation {
        Operation::Down => "down",
        Operation::Running => "running",
        Operation::Stopping => "stopping",
    };
    out.line("health")
        .set("operation", operation)
        .set("admin", saved.admin.bits())
        .set("disabled", u8::from(saved.was_disabled))
        .set("weight", saved.weight.now)
        .set("configured_weight", saved.weight.configured)
        .set_some("maxconn", saved.maxconn.map(|m| m.now))
        .set_some("configured_maxconn", saved.maxconn.map(|m| m.configured))
        .set_millis("age", saved.age)
        .set("downs", saved.downs)
        .set_millis("down_time", saved.down_time);
    if let Some(check) = &saved.check {
        write_check(out, check);
    }
}

fn write_check(out: &mut Writer, check: &SavedCheck) {
    out.line("check")
        .set("enabled", u8::from(check.is_enabled))
        .set("health", check.health)
        .set("failures", check.failures)
        .set("status", check.last.status.code())
        .set_millis("took", check.last.duration)
        .set_some("code", check.last.code)
        .set_some("info", check.last.info.as_deref());
}

fn write_table(out: &mut Writer, table: &TableState) {
    let key = match table.key {
        KeyType::Ipv4 => "ip",
        KeyType::Ipv6 => "ipv6",
    };
    out.line("table").set("type", key);
    for entry in &table.entries {
        let line = out.line("entry").set("key", entry.key).set("server", entry.server);
        line.set_some("left", entry.left.map(|left| left.as_millis()));
    }
}

fn counted(mut line: LineWriter<'_>, counters: &Counters) {
    for (field, count) in counters.iter() {
        line = line.set(field.name(), count);
    }
}
