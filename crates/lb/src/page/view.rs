//! The page as a document: what the template is filled with.

use std::sync::Arc;

use askama::Template;
use tandem_lb_config as plan;
use tandem_lb_core::log::state::Severity;
use tandem_lb_core::stats::{Field, Info, InfoField, Kind, Row};
use tandem_ops::clock::Wall;
use tandem_ops::web;
use tandem_ops::web::origin::Token;
use tandem_ops::web::words::{bytes, duration, grouped};
use tandem_time::CivilTime;

use super::cells::{COLUMNS, Cell, Column, Group, cells, class, groups};
use super::chart::Charts;
use super::flash::Flash;
use super::site::Site;
use super::uri::Wanted;
use crate::router::Instance;
use crate::stats::{RELEASED, Stats, VERSION};

#[derive(Template)]
#[template(path = "page.html")]
struct Document<'a> {
    title: String,
    node: Option<String>,
    description: Option<String>,
    shows_version: bool,
    version: &'a str,
    own_version: &'a str,
    released: &'a str,
    facts: Vec<Fact>,
    process: Process,
    flash: Option<Flash>,
    links: Links,
    scope: &'a str,
    columns: &'a [Column],
    groups: Vec<Group>,
    proxies: Vec<Proxy>,
    routes: Vec<Route>,
    happenings: Vec<Happening>,
    token: &'a str,
    nonce: &'a str,
    style: &'a str,
    css: &'a str,
    script: &'a str,
    /// 0 is never.
    refresh: u64,
}

/// One of the large figures at the top.
struct Fact {
    name: &'static str,
    value: String,
    note: String,
    class: &'static str,
}

struct Process {
    pid: String,
    threads: String,
    uptime: String,
    files: String,
    maxconn: String,
    most_pipes: String,
    connections: String,
    pipes: String,
    rate: String,
    bits: String,
    tasks: String,
    idle: String,
}

struct Links {
    base: String,
    here: String,
    hide_label: &'static str,
    hide: String,
    refresh_label: &'static str,
    refresh: String,
    csv: String,
    json: String,
    schema: String,
    metrics: String,
}

struct Proxy {
    name: String,
    description: Option<Arc<str>>,
    iid: u32,
    kind: &'static str,
    mode: String,
    algorithm: String,
    legend: bool,
    summary: String,
    class: &'static str,
    is_admin: bool,
    rows: Vec<Line>,
    table: Option<Fill>,
    hour: Vec<Charts>,
}

struct Line {
    class: &'static str,
    name: String,
    label: String,
    badge: String,
    /// The name that goes into the form.
    server: Option<String>,
    legend: Option<String>,
    cells: Vec<Cell>,
}

struct Fill {
    used: String,
    size: String,
    key: &'static str,
    percent: usize,
}

/// A virtual router of this host.
struct Route {
    name: String,
    state: String,
    class: &'static str,
    since: String,
    priority: String,
    place: String,
    addresses: String,
    is_split: bool,
}

struct Happening {
    at: String,
    machine: String,
    class: &'static str,
    text: String,
}

/// What the document is made from.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) stats: &'a Stats,
    pub(super) site: &'a Site,
    /// Whether who asks may change what he sees.
    pub(super) may_change: bool,
    pub(super) wanted: &'a Wanted,
    pub(super) rows: &'a [Row],
    pub(super) routes: &'a [Instance],
    pub(super) token: &'a Token,
    pub(super) nonce: &'a str,
}

pub(super) fn html(scene: &Scene<'_>) -> String {
    let Scene {
        stats,
        site,
        may_change,
        wanted,
        rows,
        routes,
        token,
        nonce,
    } = *scene;
    let settings = site.settings();
    let info = stats.info();
    let node = settings.show_node.as_ref().map(|named| or(named, &stats.node()));
    let usual = stats.process().description.clone().unwrap_or_default();
    let description = settings.show_desc.as_ref().map(|named| or(named, &usual));
    let document = Document {
        title: match &node {
            // The words by which monitoring knows the page.
            Some(node) => format!("Statistics Report for HAProxy on {node} (Tandem)"),
            None => "Statistics Report for HAProxy (Tandem)".to_owned(),
        },
        node,
        description: description.filter(|text| !text.is_empty()),
        shows_version: !settings.hide_version,
        version: VERSION,
        own_version: env!("CARGO_PKG_VERSION"),
        released: RELEASED,
        facts: facts(&info, rows),
        process: process(&info),
        flash: wanted.st.as_deref().map(Flash::of),
        links: links(&settings, wanted),
        scope: wanted.scope.as_deref().unwrap_or_default(),
        columns: COLUMNS,
        groups: groups(),
        proxies: proxies(stats, rows, may_change, settings.show_legends),
        routes: routes.iter().map(route).collect(),
        happenings: happenings(stats, rows),
        token: if may_change { token.as_str() } else { "" },
        nonce,
        style: web::STYLE,
        css: include_str!("../../templates/page.css"),
        script: include_str!("../../templates/page.js"),
        refresh: match settings.refresh {
            Some(every) if !wanted.norefresh => every.as_secs().max(1),
            _ => 0,
        },
    };
    // A template of plain values has nothing that could fail.
    document.render().unwrap_or_default()
}

fn or(named: &str, usual: &str) -> String {
    if named.is_empty() { usual } else { named }.to_owned()
}

fn number(info: &Info, field: InfoField) -> String {
    grouped(info.number(field))
}

fn facts(info: &Info, rows: &[Row]) -> Vec<Fact> {
    let servers = || rows.iter().filter(|row| row.kind() == Kind::Server);
    let all = servers().count();
    let up = servers().filter(|row| is_up(row)).count();
    let rate = |field| {
        rows.iter()
            .filter(|r| r.kind() == Kind::Frontend)
            .map(|r| r.number(field))
            .sum::<i128>()
    };
    let fact = |name, value: String, note: String| Fact {
        name,
        value,
        note,
        class: "",
    };
    vec![
        Fact {
            class: match (up, all) {
                (_, 0) => "",
                (0, _) => "down",
                _ if up < all => "part",
                _ => "up",
            },
            ..fact(
                "Servers up",
                format!("{up}/{all}"),
                if up == all {
                    "all".to_owned()
                } else {
                    format!("{} not", all - up)
                },
            )
        },
        fact(
            "Connections",
            number(info, InfoField::CurrConns),
            format!("of {}", number(info, InfoField::Maxconn)),
        ),
        fact(
            "New per second",
            number(info, InfoField::ConnRate),
            format!("max {}", number(info, InfoField::MaxConnRate)),
        ),
        fact(
            "In",
            format!("{}/s", with_unit(rate(Field::TandemBinRate))),
            "from clients".to_owned(),
        ),
        fact(
            "Out",
            format!("{}/s", with_unit(rate(Field::TandemBoutRate))),
            "to clients".to_owned(),
        ),
        fact(
            "Uptime",
            duration(info.number(InfoField::UptimeSec)),
            format!("pid {}", info.number(InfoField::Pid)),
        ),
    ]
}

fn with_unit(n: i128) -> String {
    if n < 1000 { format!("{n}\u{202f}B") } else { bytes(n) }
}

/// As monitoring reads it on HAProxy's page.
fn bits(n: i128) -> String {
    let (unit, scale) = match n {
        1_000_000_000.. => ("Gbps", 1e9),
        1_000_000.. => ("Mbps", 1e6),
        _ => ("kbps", 1e3),
    };
    format!("{:.3} {unit}", n as f64 / scale)
}

fn is_up(row: &Row) -> bool {
    let status = row.text(Field::Status);
    !status.starts_with("DOWN") && !status.starts_with("MAINT")
}

fn process(info: &Info) -> Process {
    let text = |field| info.value(field).map(ToString::to_string).unwrap_or_default();
    Process {
        pid: text(InfoField::Pid),
        threads: text(InfoField::Nbthread),
        uptime: text(InfoField::Uptime),
        files: text(InfoField::UlimitN),
        maxconn: text(InfoField::Maxconn),
        most_pipes: text(InfoField::Maxpipes),
        connections: text(InfoField::CurrConns),
        pipes: format!("{}/{}", text(InfoField::PipesUsed), text(InfoField::PipesFree)),
        rate: text(InfoField::ConnRate),
        bits: bits(8 * info.number(InfoField::BytesOutRate)),
        tasks: format!("{}/{}", text(InfoField::RunQueue), text(InfoField::Tasks)),
        idle: text(InfoField::IdlePct),
    }
}

fn links(settings: &plan::Stats, wanted: &Wanted) -> Links {
    let base = settings.uri.as_str();
    use tandem_lb_core::stats::Hide;
    let with = |change: &dyn Fn(&mut Wanted)| {
        let mut other = wanted.clone();
        change(&mut other);
        format!("{base}{}", other.as_suffix())
    };
    let hides = wanted.hide != Hide::Nothing;
    let as_is = wanted.as_suffix();
    Links {
        base: base.to_owned(),
        here: format!("{base}{as_is}"),
        hide_label: if hides {
            "Show all servers"
        } else {
            "Hide 'DOWN' servers"
        },
        hide: with(&|w| w.hide = if hides { Hide::Nothing } else { Hide::Down }),
        refresh_label: if wanted.norefresh {
            "Enable refresh"
        } else {
            "Disable refresh"
        },
        refresh: with(&|w| w.norefresh = !w.norefresh),
        csv: format!("{base};csv;norefresh"),
        json: format!("{base};json;norefresh"),
        schema: format!("{base};json-schema"),
        metrics: match settings.metrics.as_deref() {
            None | Some("") => "/metrics".to_owned(),
            Some(path) => path.to_owned(),
        },
    }
}

fn proxies(stats: &Stats, rows: &[Row], is_admin: bool, legend: bool) -> Vec<Proxy> {
    let tables = stats.tables();
    let mut proxies: Vec<Proxy> = Vec::new();
    for row in rows {
        let is_same = proxies.last().is_some_and(|p| p.iid == row.iid());
        if !is_same {
            proxies.push(Proxy {
                description: stats.description(row.iid()),
                ..proxy(row, legend)
            });
        }
        if let Some(proxy) = proxies.last_mut() {
            if row.kind() == Kind::Backend {
                close(proxy, row, rows);
                proxy.table = tables.iter().find(|t| t.name == proxy.name).map(|t| Fill {
                    used: grouped(t.used as i128),
                    size: grouped(i128::from(t.size)),
                    key: t.key,
                    percent: t.used * 100 / (t.size as usize).max(1),
                });
            }
            if row.kind() == Kind::Server {
                let name = row.text(Field::Svname);
                proxy
                    .hour
                    .extend(stats.hour(row.iid(), row.sid(), |hour, now| Charts::of(name, hour, now)));
            }
            proxy.is_admin |= is_admin && row.kind() == Kind::Server;
            proxy.rows.push(line(row, legend));
        }
    }
    for proxy in &mut proxies {
        // The servers' checkboxes need a form, and nobody else has one.
        if !proxy.is_admin {
            proxy.rows.iter_mut().for_each(|line| line.server = None);
        }
    }
    proxies
}

fn proxy(row: &Row, legend: bool) -> Proxy {
    Proxy {
        name: row.text(Field::Pxname).to_owned(),
        description: None,
        iid: row.iid(),
        kind: if row.kind() == Kind::Frontend {
            "frontend"
        } else {
            "backend"
        },
        mode: row.text(Field::Mode).to_owned(),
        algorithm: String::new(),
        legend,
        summary: String::new(),
        class: "",
        is_admin: false,
        rows: Vec::new(),
        table: None,
        hour: Vec::new(),
    }
}

/// The last row of a proxy says how the whole is.
fn close(proxy: &mut Proxy, row: &Row, rows: &[Row]) {
    if proxy.rows.iter().any(|line| line.label == "Frontend") {
        proxy.kind = "listen";
    }
    proxy.algorithm = row.text(Field::Algo).to_owned();
    let servers = || rows.iter().filter(|r| r.kind() == Kind::Server && r.iid() == row.iid());
    let (up, all) = (servers().filter(|r| is_up(r)).count(), servers().count());
    if all > 0 {
        proxy.summary = format!("{up} of {all} up");
        proxy.class = match up {
            0 => "down",
            _ if up < all => "part",
            _ => "up",
        };
    }
}

fn line(row: &Row, legend: bool) -> Line {
    let label = match row.kind() {
        Kind::Frontend => "Frontend",
        Kind::Backend => "Backend",
        Kind::Server | Kind::Listener => row.text(Field::Svname),
    };
    let is_server = row.kind() == Kind::Server;
    let status = row.text(Field::Status);
    Line {
        class: class(row),
        name: format!("{}/{label}", row.text(Field::Pxname)),
        label: label.to_owned(),
        badge: status.to_owned(),
        server: is_server.then(|| label.to_owned()),
        legend: legend.then(|| explained(row)).filter(|text| !text.is_empty()),
        cells: cells(row),
    }
}

/// `stats show-legends`: what else there is to know of a row.
fn explained(row: &Row) -> String {
    match row.kind() {
        Kind::Frontend => String::new(),
        Kind::Backend => format!("balancing: {}", row.text(Field::Algo)),
        Kind::Listener | Kind::Server => {
            let address = row.text(Field::Addr);
            let family = match address.parse() {
                Ok(std::net::SocketAddr::V4(_)) => "IPv4: ",
                Ok(std::net::SocketAddr::V6(_)) => "IPv6: ",
                Err(_) => "",
            };
            format!("{family}{address}, id: {}", row.sid())
        }
    }
}

fn route(instance: &Instance) -> Route {
    let Instance {
        priority,
        base_priority,
        ..
    } = instance;
    Route {
        name: instance.name.clone(),
        state: instance.state.clone(),
        class: match instance.state.as_str() {
            "MASTER" => "up",
            "BACKUP" => "",
            _ => "down",
        },
        // Whole seconds are enough.
        since: duration(instance.since_seconds as i128),
        priority: if priority == base_priority {
            priority.to_string()
        } else {
            format!("{priority} (configured {base_priority})")
        },
        place: match &instance.interface {
            Some(interface) => format!("{interface}, id {}", instance.vrid),
            None => format!("id {}", instance.vrid),
        },
        addresses: instance.addresses.join(", "),
        is_split: instance.split,
    }
}

/// Of the proxies that are shown.
fn happenings(stats: &Stats, rows: &[Row]) -> Vec<Happening> {
    let is_shown = |proxy: &str| rows.iter().any(|row| row.text(Field::Pxname) == proxy);
    let latest = stats.timeline().latest().into_iter().filter(|h| is_shown(&h.proxy));
    latest
        .map(|h| {
            let at = civil(h.at);
            Happening {
                at: format!("{:02}:{:02}:{:02}", at.hour, at.minute, at.second),
                machine: format!(
                    "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
                    at.year, at.month, at.day, at.hour, at.minute, at.second
                ),
                class: match h.severity {
                    Severity::Emergency => "emergency",
                    Severity::Alert => "alert",
                    Severity::Notice => "notice",
                },
                text: h.text,
            }
        })
        .collect()
}

fn civil(at: Wall) -> CivilTime {
    CivilTime::from_unix(at.as_millis(), at.local_offset())
}
