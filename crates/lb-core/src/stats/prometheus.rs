//! The same rows for Prometheus, under the names of HAProxy's own exporter (reference 5.1), and what it has not under ours.
//!
//! Grouped by metric, as the format wants it: one `TYPE`, then every proxy's sample.

mod beside;
mod exposition;
mod names;
mod spread;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Field, Info, Kind, Row};
pub use beside::{CertificateSeen, NameServerSeen, PeerSeen, Reloads, RingSeen};
use exposition::{Exposition, Family};
pub use exposition::{Format, Names};
use names::{Form, METRICS, Metric, PROCESS, Type};
pub use spread::ServerSpread;

/// A part of the metrics that can be asked for alone (`?scope=`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Global,
    Frontend,
    Listener,
    Backend,
    Server,
    StickTable,
    Resolver,
    Peer,
    Certificate,
    Ring,
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
    pub const ALL: [Section; 10] = [
        Section::Global,
        Section::Frontend,
        Section::Listener,
        Section::Backend,
        Section::Server,
        Section::StickTable,
        Section::Resolver,
        Section::Peer,
        Section::Certificate,
        Section::Ring,
    ];

    /// Those that are made of [rows](Figures::rows).
    pub const OF_ROWS: &[Section] = &[Section::Frontend, Section::Listener, Section::Backend, Section::Server];

    /// Whether it is of the whole process, and cannot be that of some proxies alone.
    pub fn is_of_everything(self) -> bool {
        matches!(
            self,
            Section::Resolver | Section::Peer | Section::Certificate | Section::Ring
        )
    }

    pub fn named(word: &str) -> Option<Section> {
        // The last three are our own.
        let words = [
            "global",
            "frontend",
            "listener",
            "backend",
            "server",
            "sticktable",
            "resolver",
            "peer",
            "certificate",
            "ring",
        ];
        words.iter().position(|w| *w == word).map(|place| Section::ALL[place])
    }
}

/// The figures of one moment.
#[derive(Clone, Copy, Debug)]
pub struct Figures<'a> {
    pub info: &'a Info,
    pub rows: &'a [Row],
    pub tables: &'a [TableFill],
    pub spreads: &'a [ServerSpread],
    pub name_servers: &'a [NameServerSeen],
    pub peers: &'a [PeerSeen],
    pub certificates: &'a [CertificateSeen],
    pub rings: &'a [RingSeen],
    pub reloads: Reloads,
    pub descriptions: &'a Descriptions,
}

/// What the configuration says that things are for, where samples are to say it (`?desc-labels`, as in HAProxy 3.0).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Descriptions {
    pub process: Option<Arc<str>>,
    /// By the number of the proxy.
    pub proxies: BTreeMap<u32, Arc<str>>,
}

/// What of them somebody wants, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    pub sections: Vec<Section>,
    pub names: Names,
    pub format: Format,
}

impl Wish {
    /// The figures of these sections, or none when nobody wants one of them.
    pub fn of<T: Default>(&self, sections: &[Section], figures: impl FnOnce() -> T) -> T {
        if sections.iter().any(|section| self.sections.contains(section)) {
            figures()
        } else {
            T::default()
        }
    }
}

impl Default for Wish {
    fn default() -> Wish {
        Wish {
            sections: Section::ALL.to_vec(),
            names: Names::default(),
            format: Format::default(),
        }
    }
}

pub fn metrics(figures: &Figures<'_>, wish: &Wish) -> String {
    let mut out = Exposition::new(wish.format, &wish.names);
    for section in Section::ALL.iter().filter(|s| wish.sections.contains(s)) {
        match section {
            Section::Global => {
                process(&mut out, figures);
                beside::reloads(&mut out, figures.reloads);
            }
            Section::Frontend => of_rows(&mut out, Kind::Frontend, figures),
            Section::Listener => of_rows(&mut out, Kind::Listener, figures),
            Section::Backend => of_rows(&mut out, Kind::Backend, figures),
            Section::Server => {
                of_rows(&mut out, Kind::Server, figures);
                spread::write(&mut out, figures.spreads);
            }
            Section::StickTable => stick_tables(&mut out, figures.tables),
            Section::Resolver => beside::name_servers(&mut out, figures.name_servers),
            Section::Peer => beside::peers(&mut out, figures.peers),
            Section::Certificate => beside::certificates(&mut out, figures.certificates),
            Section::Ring => beside::rings(&mut out, figures.rings),
        }
    }
    out.finish()
}

fn process(out: &mut Exposition<'_>, figures: &Figures<'_>) {
    let info = figures.info;
    let described = figures.descriptions.process.as_deref().map(|text| (DESCRIPTION, text));
    for (field, name, of) in PROCESS {
        // What is not there, such as what zlib has, is not a number.
        let value = info.value(*field).map_or_else(|| "NaN".to_owned(), ToString::to_string);
        let name = format!("haproxy_process_{name}");
        if let Some(mut family) = out.family(&name, field.about(), *of) {
            family.line(described.as_slice(), &value);
        }
    }
    let Some(version) = info.value(super::InfoField::Version).map(ToString::to_string) else {
        return;
    };
    let name = "haproxy_process_build_info";
    if let Some(mut family) = out.family(name, "the version of this build", Type::Info) {
        let labels: Vec<_> = [("version", &*version)].into_iter().chain(described).collect();
        family.line(&labels, "1");
    }
}

const DESCRIPTION: &str = "desc";

fn of_rows(out: &mut Exposition<'_>, kind: Kind, figures: &Figures<'_>) {
    let rows = figures.rows;
    let scope = match kind {
        Kind::Frontend => "frontend",
        Kind::Backend => "backend",
        Kind::Listener => "listener",
        Kind::Server => "server",
    };
    for metric in METRICS.iter().filter(|m| m.is_of(kind)) {
        let prefix = if metric.field >= Field::FIRST_OWN {
            "tandem"
        } else {
            "haproxy"
        };
        let own = || rows.iter().filter(|row| row.kind() == kind);
        if !own().any(|row| metric.is_in(row)) {
            continue;
        }
        let name = format!("{prefix}_{scope}_{}", metric.name);
        if let Some(mut family) = out.family(&name, metric.field.about(), metric.of) {
            own().for_each(|row| sample(&mut family, metric, row, figures));
        }
    }
}

fn sample(out: &mut Family<'_>, metric: &Metric, row: &Row, figures: &Figures<'_>) {
    if !metric.is_in(row) {
        return;
    }
    let (rows, described) = (figures.rows, figures.descriptions.proxies.get(&row.iid()));
    let mut labels = vec![("proxy", row.text(Field::Pxname))];
    labels.extend(described.map(|text| (DESCRIPTION, &**text)));
    match row.kind() {
        Kind::Server => labels.push(("server", row.text(Field::Svname))),
        Kind::Listener => labels.push(("listener", row.text(Field::Svname))),
        Kind::Frontend | Kind::Backend => {}
    }
    let value = row.value(metric.field).map(ToString::to_string);
    match metric.form {
        Form::Plain | Form::Http => out.line(&labels, &value.unwrap_or_default()),
        Form::OrNan => out.line(&labels, value.as_deref().unwrap_or("NaN")),
        Form::Code => out.line(&labels, value.as_deref().unwrap_or("0")),
        Form::Millis => {
            let ms = row.number(metric.field);
            out.line(&labels, &format!("{}.{:03}000", ms / 1000, ms % 1000));
        }
        Form::Answers => answers(out, &labels, row),
        Form::Status => {
            let now = state(row);
            states(out, &labels, state_words(row.kind()), |word| u32::from(word == now));
        }
        Form::Servers => {
            let count = |word: &str| count_of(rows, row, |server| state(server) == word);
            states(out, &labels, state_words(Kind::Server), count);
        }
        Form::Agent => {
            let now = row.text(metric.field).trim_start_matches("* ");
            states(out, &labels, &CHECKS, |word| u32::from(word == now));
        }
        Form::Check => {
            let now = check_word(row);
            states(out, &labels, &CHECKS, |word| u32::from(word == now));
        }
        Form::Checks => {
            let count = |word: &str| count_of(rows, row, |server| check_word(server) == word);
            states(out, &labels, &CHECKS, count);
        }
    }
}

/// One sample for each state, of which HAProxy's dashboards add up the ones they want.
fn states(out: &mut Family<'_>, labels: &[(&str, &str)], words: &[&str], value: impl Fn(&str) -> u32) {
    for word in words {
        let with_state: Vec<_> = labels.iter().copied().chain([("state", *word)]).collect();
        out.line(&with_state, &value(word).to_string());
    }
}

fn answers(out: &mut Family<'_>, labels: &[(&str, &str)], row: &Row) {
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
            out.line(&with_code, &value.to_string());
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
        Kind::Listener => &["WAITING", "OPEN", "FULL"],
        Kind::Frontend | Kind::Backend => &["DOWN", "UP"],
    }
}

fn state(row: &Row) -> &'static str {
    let status = row.text(Field::Status);
    if row.kind() == Kind::Listener {
        let words = state_words(Kind::Listener);
        return words.iter().find(|word| **word == status).copied().unwrap_or_default();
    }
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

fn stick_tables(out: &mut Exposition<'_>, tables: &[TableFill]) {
    if tables.is_empty() {
        return;
    }
    let mut of_each = |name: &str, about: &str, value: &dyn Fn(&TableFill) -> usize| {
        let Some(mut family) = out.family(name, about, Type::Gauge) else {
            return;
        };
        for table in tables {
            let labels = [("name", table.name.as_str()), ("type", table.key)];
            family.line(&labels, &value(table).to_string());
        }
    };
    of_each("haproxy_sticktable_size", "the most entries of a stick table", &|t| {
        t.size as usize
    });
    of_each("haproxy_sticktable_used", "entries of a stick table now", &|t| t.used);
}
