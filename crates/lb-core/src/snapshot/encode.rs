//! The state as text.

use std::fmt;

use super::text::{LineWriter, Writer};
use super::{
    BackendState, Counters, Elsewhere, FrontendState, Moved, OtherAgent, ProcessCounts, ProcessOrders, Reloads,
    ServerState, Snapshot, Told, seal,
};
use crate::backend::{Operation, Saved, SavedCheck, Tuned};
use crate::expr::Sample;
use crate::stats::histogram::{Distributions, Measure};
use crate::stats::hour::Past;

impl Snapshot {
    /// The whole of it, sealed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.line("taken").set("at", self.taken);
        write_process(&mut out, &self.process);
        write_counts(&mut out, self.counts);
        if self.reloads != Reloads::default() {
            out.line("reloads")
                .set("followed", self.reloads.followed)
                .set("refused", self.reloads.refused)
                .set("replacements", self.reloads.replacements);
        }
        if let Some(word) = &self.page {
            out.line("page").set("word", word);
        }
        self.events.iter().for_each(|event| event.write(&mut out));
        for frontend in &self.frontends {
            write_frontend(&mut out, frontend);
        }
        for backend in &self.backends {
            write_backend(&mut out, backend);
        }
        for table in &self.tables {
            table.write(&mut out);
        }
        self.lists.iter().for_each(|list| list.write(&mut out));
        self.files.iter().for_each(|file| file.write(&mut out));
        self.unmade.iter().for_each(|unmade| unmade.write(&mut out));
        seal::seal(&out.finish())
    }
}

fn write_process(out: &mut Writer, process: &ProcessOrders) {
    if process.is_empty() {
        return;
    }
    let line = tuned(out.line("process"), "maxconn", process.maxconn);
    let line = tuned(line, "connection_rate", process.connection_rate);
    let line = tuned(line, "session_rate", process.session_rate);
    drop(tuned(line, "tls_rate", process.tls_rate));
    for (name, value) in &process.variables {
        let line = out.line("variable").set("name", name);
        drop(match value {
            Sample::Bool(truth) => line.set("bool", u8::from(*truth)),
            Sample::Int(number) => line.set("int", number),
            Sample::Ip(ip) => line.set("ip", ip),
            Sample::Text(bytes) => line.set("text", Hex(bytes)),
            Sample::Binary(bytes) => line.set("binary", Hex(bytes)),
        });
    }
}

fn write_counts(out: &mut Writer, counts: ProcessCounts) {
    if counts != ProcessCounts::default() {
        out.line("counts")
            .set("rate_max", counts.rate_max)
            .set("tls", counts.tls)
            .set("tls_rate_max", counts.tls_rate_max)
            .set("client_keys_max", counts.client_keys_max)
            .set("server_keys_max", counts.server_keys_max);
    }
}

fn write_frontend(out: &mut Writer, frontend: &FrontendState) {
    counted(out.line("frontend").set("name", &frontend.name), &frontend.counters);
    let orders = &frontend.orders;
    if !orders.is_empty() {
        let line = out.line("orders").set("paused", u8::from(orders.is_paused));
        drop(tuned(line, "maxconn", orders.maxconn));
    }
    for listener in &frontend.listeners {
        counted(out.line("listener").set("at", &listener.at), &listener.counters);
    }
}

fn write_backend(out: &mut Writer, backend: &BackendState) {
    let line = out.line("backend").set("name", &backend.name);
    let line = line
        .set_millis("age", backend.age)
        .set_some("last_session", backend.last_session.map(|ago| ago.as_millis()))
        .set_some("unpublished", backend.is_unpublished.then_some(1));
    counted(line, &backend.counters);
    backend.made.iter().for_each(|made| made.write(out));
    backend.roster.write(out);
    for server in &backend.servers {
        write_server(out, server);
    }
}

fn write_server(out: &mut Writer, server: &ServerState) {
    let line = out.line("server").set("name", &server.name).set("id", server.id);
    let line = line.set_some("last_session", server.last_session.map(|ago| ago.as_millis()));
    counted(line, &server.counters);
    if let Some(saved) = &server.health {
        write_health(out, saved);
    }
    if let Some(Moved { from, ip, port }) = &server.moved {
        let line = out.line("moved").set("from", from).set("ip", ip);
        drop(line.set_some("port", *port));
    }
    if let Some(place) = &server.check_moved {
        drop(elsewhere(out.line("checked"), place));
    }
    if let Some(OtherAgent { at, send }) = &server.agent_moved {
        drop(elsewhere(out.line("asked"), at).set_some("send", send.as_ref()));
    }
    if let Some(Told { from, fqdn, is_plain }) = &server.told {
        let line = out.line("told").set("from", from).set_some("fqdn", fqdn.as_ref());
        drop(line.set("plain", u8::from(*is_plain)));
    }
    if let Some(spread) = &server.spread {
        write_spread(out, spread);
    }
    if !server.hour.is_empty() {
        let slots: Vec<String> = server.hour.iter().map(slot).collect();
        out.line("hour").set("slots", slots.join(","));
    }
}

fn elsewhere<'a>(line: LineWriter<'a>, place: &Elsewhere) -> LineWriter<'a> {
    let Elsewhere { from, ip, port } = place;
    line.set("from", from).set_some("ip", *ip).set_some("port", *port)
}

fn slot(past: &Past) -> String {
    let Past { ago, slot: s } = past;
    let (sessions, bytes) = (s.sessions, s.bytes);
    let connects = format!("{}:{}", s.connects, s.connect_micros);
    format!("{ago}:{}:{}:{sessions}:{bytes}:{connects}", s.most, s.seconds)
}

fn write_spread(out: &mut Writer, spread: &Distributions) {
    for (measure, distribution) in Measure::ALL.into_iter().zip(spread) {
        if distribution.total() > 0 {
            let counts: Vec<String> = distribution.counts.iter().map(u64::to_string).collect();
            let line = out
                .line("spread")
                .set("of", measure.name())
                .set("sum", distribution.sum);
            line.set("counts", counts.join(","));
        }
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
        write_check(out, "check", check);
    }
    if let Some(agent) = &saved.agent {
        write_check(out, "agent", agent);
    }
}

fn write_check(out: &mut Writer, subject: &str, check: &SavedCheck) {
    out.line(subject)
        .set("enabled", u8::from(check.is_enabled))
        .set("health", check.health)
        .set("failures", check.failures)
        .set("status", check.last.status.code())
        .set_millis("took", check.last.duration)
        .set_some("code", check.last.code)
        .set_some("info", check.last.info.as_deref());
}

fn tuned<'a>(line: LineWriter<'a>, name: &str, value: Option<Tuned<u32>>) -> LineWriter<'a> {
    match value {
        Some(value) => line
            .set(name, value.now)
            .set(&format!("configured_{name}"), value.configured),
        None => line,
    }
}

/// Two digits for each byte.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn counted(mut line: LineWriter<'_>, counters: &Counters) {
    for (field, count) in counters.iter() {
        line = line.set(field.name(), count);
    }
}
