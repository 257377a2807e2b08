//! The same rows for Prometheus, under the names of HAProxy's own exporter (reference 5.1), text format 0.0.4.
//!
//! Grouped by metric, as the format wants it: one `TYPE`, then every proxy's sample.

mod names;

use super::{Field, Info, Kind, Row};
use names::{Form, METRICS, Metric, PROCESS, Type};
use std::fmt::Write;

/// A part of the metrics that can be asked for alone (`?scope=`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Global,
    Frontend,
    Backend,
    Server,
    StickTable,
}

/// How full one stick table is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFill {
    pub name: String,
    /// `ip` or `ipv6`.
    pub key: &'static str,
    pub size: u32,
    pub used: usize,
}

impl Section {
    pub const ALL: [Section; 5] = [
        Section::Global,
        Section::Frontend,
        Section::Backend,
        Section::Server,
        Section::StickTable,
    ];

    pub fn named(word: &str) -> Option<Section> {
        let words = ["global", "frontend", "backend", "server", "sticktable"];
        words.iter().position(|w| *w == word).map(|place| Section::ALL[place])
    }
}

pub fn metrics(info: &Info, rows: &[Row], tables: &[TableFill], sections: &[Section]) -> String {
    let mut out = String::new();
    for section in sections {
        match section {
            Section::Global => process(&mut out, info),
            Section::Frontend => of_rows(&mut out, Kind::Frontend, rows),
            Section::Backend => of_rows(&mut out, Kind::Backend, rows),
            Section::Server => of_rows(&mut out, Kind::Server, rows),
            Section::StickTable => stick_tables(&mut out, tables),
        }
    }
    out
}

fn process(out: &mut String, info: &Info) {
    for (field, name, of) in PROCESS {
        let Some(value) = info.value(*field) else { continue };
        let name = format!("haproxy_process_{name}");
        head(out, &name, field.about(), *of);
        line(out, &name, &[], &value.to_string());
    }
    let version = info
        .value(super::InfoField::Version)
        .map(ToString::to_string)
        .unwrap_or_default();
    head(
        out,
        "haproxy_process_build_info",
        "the version of this build",
        Type::Gauge,
    );
    line(out, "haproxy_process_build_info", &[("version", &version)], "1");
}

fn of_rows(out: &mut String, kind: Kind, rows: &[Row]) {
    let scope = match kind {
        Kind::Frontend => "frontend",
        Kind::Backend => "backend",
        Kind::Server | Kind::Listener => "server",
    };
    for metric in METRICS.iter().filter(|m| m.is_of(kind)) {
        let prefix = if metric.field >= Field::FIRST_OWN {
            "tandem"
        } else {
            "haproxy"
        };
        let name = format!("{prefix}_{scope}_{}", metric.name);
        let mut samples = String::new();
        for row in rows.iter().filter(|row| row.kind() == kind) {
            sample(&mut samples, &name, metric, row, rows);
        }
        if !samples.is_empty() {
            head(out, &name, metric.field.about(), metric.of);
            out.push_str(&samples);
        }
    }
}

fn sample(out: &mut String, name: &str, metric: &Metric, row: &Row, rows: &[Row]) {
    let mut labels = vec![("proxy", row.text(Field::Pxname))];
    if row.kind() == Kind::Server {
        labels.push(("server", row.text(Field::Svname)));
    }
    let value = row.value(metric.field);
    match metric.form {
        Form::Plain => {
            if let Some(value) = value {
                line(out, name, &labels, &value.to_string());
            }
        }
        Form::OrNan => line(out, name, &labels, &value.map_or("NaN".to_owned(), ToString::to_string)),
        Form::Http if row.text(Field::Mode) == "http" => {
            if let Some(value) = value {
                line(out, name, &labels, &value.to_string());
            }
        }
        Form::Http => {}
        Form::Millis => {
            if value.is_some() {
                let ms = row.number(metric.field);
                line(out, name, &labels, &format!("{}.{:03}000", ms / 1000, ms % 1000));
            }
        }
        Form::Answers => answers(out, name, &labels, row),
        Form::Status => {
            let now = state(row);
            states(out, name, &labels, state_words(row.kind()), |word| {
                u32::from(word == now)
            });
        }
        Form::Servers => {
            let count = |word: &str| count_of(rows, row, |server| state(server) == word);
            states(out, name, &labels, state_words(Kind::Server), count);
        }
        Form::Check if value.is_some() => {
            let now = check_word(row);
            states(out, name, &labels, &CHECKS, |word| u32::from(word == now));
        }
        Form::Check => {}
        Form::Checks => {
            let count = |word: &str| count_of(rows, row, |server| check_word(server) == word);
            states(out, name, &labels, &CHECKS, count);
        }
    }
}

/// One sample for each state, of which HAProxy's dashboards add up the ones they want.
fn states(out: &mut String, name: &str, labels: &[(&str, &str)], words: &[&str], value: impl Fn(&str) -> u32) {
    for word in words {
        let with_state: Vec<_> = labels.iter().copied().chain([("state", *word)]).collect();
        line(out, name, &with_state, &value(word).to_string());
    }
}

fn answers(out: &mut String, name: &str, labels: &[(&str, &str)], row: &Row) {
    let classes = [
        (Field::Hrsp1xx, "1xx"),
        (Field::Hrsp2xx, "2xx"),
        (Field::Hrsp3xx, "3xx"),
        (Field::Hrsp4xx, "4xx"),
        (Field::Hrsp5xx, "5xx"),
        (Field::HrspOther, "other"),
    ];
    for (field, code) in classes {
        if let Some(value) = row.value(field) {
            let with_code: Vec<_> = labels.iter().copied().chain([("code", code)]).collect();
            line(out, name, &with_code, &value.to_string());
        }
    }
}

fn count_of(rows: &[Row], backend: &Row, is: impl Fn(&Row) -> bool) -> u32 {
    let own = rows
        .iter()
        .filter(|row| row.kind() == Kind::Server && row.iid() == backend.iid());
    (0..).zip(own.filter(|row| is(row))).last().map_or(0, |(n, _)| n + 1)
}

fn state_words(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Server => &["DOWN", "UP", "MAINT", "DRAIN", "NOLB"],
        _ => &["DOWN", "UP"],
    }
}

fn state(row: &Row) -> &'static str {
    let status = row.text(Field::Status);
    match status.split(' ').next().unwrap_or_default() {
        "DOWN" | "STOP" => "DOWN",
        "MAINT" => "MAINT",
        "DRAIN" => "DRAIN",
        "NOLB" => "NOLB",
        // `UP`, `OPEN` and `no check`.
        _ => "UP",
    }
}

fn check_word(row: &Row) -> &str {
    row.text(Field::CheckStatus).trim_start_matches("* ")
}

/// The words of `CheckStatus::code`; the last three belong to external programs, which HAProxy knows.
const CHECKS: [&str; 16] = [
    "HANA", "SOCKERR", "L4OK", "L4TOUT", "L4CON", "L6OK", "L6TOUT", "L6RSP", "L7TOUT", "L7RSP", "L7OK", "L7OKC",
    "L7STS", "PROCERR", "PROCTOUT", "PROCOK",
];

fn stick_tables(out: &mut String, tables: &[TableFill]) {
    if tables.is_empty() {
        return;
    }
    let mut of_each = |name: &str, about: &str, value: &dyn Fn(&TableFill) -> usize| {
        head(out, name, about, Type::Gauge);
        for table in tables {
            let labels = [("name", table.name.as_str()), ("type", table.key)];
            line(out, name, &labels, &value(table).to_string());
        }
    };
    of_each("haproxy_sticktable_size", "the most entries of a stick table", &|t| {
        t.size as usize
    });
    of_each("haproxy_sticktable_used", "entries of a stick table now", &|t| t.used);
}

fn head(out: &mut String, name: &str, about: &str, of: Type) {
    // Writing into a string cannot fail.
    let _ = writeln!(out, "# HELP {name} {about}\n# TYPE {name} {}", of.word());
}

fn line(out: &mut String, name: &str, labels: &[(&str, &str)], value: &str) {
    out.push_str(name);
    for (place, (label, text)) in labels.iter().enumerate() {
        out.push(if place == 0 { '{' } else { ',' });
        let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = write!(out, "{label}=\"{text}\"");
    }
    out.push_str(if labels.is_empty() { " " } else { "} " });
    out.push_str(value);
    out.push('\n');
}
