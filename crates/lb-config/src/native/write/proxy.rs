//! One section: its settings, its listeners, its lines of rules, its servers.

use super::super::forward;
use super::super::model::{Bind, Inherits, Listen};
use super::super::tls::OfBind;
use super::super::value::{FileMode, Number, Value};
use super::{new, server, settings};
use crate::diff::shown;
use crate::draft::{self, Mode, Rules, Said};
use crate::plan;

pub(in super::super) fn proxy(proxy: &draft::Proxy, base: &draft::Settings) -> Listen {
    let draft::Proxy {
        role,
        name,
        id,
        settings: own,
        binds,
        servers,
        // Lines say these.
        table: _,
        stick_rules: _,
        guid,
        description,
        forward,
        rules,
    } = proxy;
    let mut inherited = settings(own, base, *role);
    if forward.is_some() {
        inherited.mode = Some(Value(Mode::Forward));
    }
    Listen {
        name: Some(new(name.value.to_string())),
        id: id.as_ref().map(|id| new(Value(Number(id.value)))),
        guid: guid.as_ref().map(ToString::to_string),
        description: description.as_ref().map(ToString::to_string),
        forward: forward.as_ref().map(|forward| new(forward::table(&forward.value))),
        bind: listeners(binds),
        stick_table: lines(rules, "stick-table").pop(),
        stick: None,
        acl: lines(rules, "acl"),
        stats_rules: lines(rules, "stats"),
        filter: lines(rules, "filter"),
        tcp_request: with_delay(lines(rules, "tcp-request"), own.inspect_delay, base.inspect_delay),
        tcp_response: with_delay(lines(rules, "tcp-response"), own.response_delay, base.response_delay),
        use_backend: lines(rules, "use_backend"),
        stick_rules: lines(rules, "stick"),
        force_persist: lines(rules, "force-persist"),
        use_server: lines(rules, "use-server"),
        server_state_file: own.server_state_file.as_deref().map(super::text),
        server: all_servers(servers, own),
        ..Listen::default()
    }
    .inherits(inherited)
}

type Line = toml::Spanned<String>;

fn lines(rules: &Rules, keyword: &str) -> Vec<Line> {
    let of_it = rules.lines.iter().filter(|line| line.keyword == keyword);
    of_it.map(|Said { text, .. }| new(text.clone())).collect()
}

/// How long rules wait may have been said in defaults, which have no rules here.
fn with_delay(mut lines: Vec<Line>, delay: std::time::Duration, base: std::time::Duration) -> Vec<Line> {
    let is_said = lines.iter().any(|line| line.get_ref().starts_with("inspect-delay"));
    if delay != base && !is_said {
        lines.insert(0, new(format!("inspect-delay {}", shown::duration(delay))));
    }
    lines
}

/// Those of one line are one entry.
fn listeners(binds: &[draft::Bind]) -> Vec<toml::Spanned<Bind>> {
    let alike = |a: &draft::Bind, b: &draft::Bind| a.plan.origin == b.plan.origin;
    let groups = binds.chunk_by(alike);
    groups
        .filter_map(|group| Some(new(listener(group.first()?, group))))
        .collect()
}

pub(super) fn listener(first: &draft::Bind, group: &[draft::Bind]) -> Bind {
    let plan::Bind {
        address: _,
        name,
        id,
        origin: _,
        backlog,
        maxconn,
        interface,
        v6only,
        transparent,
        guid_prefix,
        accept_proxy,
        user_timeout,
        segment,
        defer_accept,
        file,
        tls: _,
    } = &first.plan;
    let addresses = group.iter().map(|bind| bind.plan.address.clone());
    Bind {
        address: Some(Value(addresses.collect())),
        name: name.clone(),
        id: super::count((*id > 0).then_some(*id), None),
        backlog: super::count(*backlog, None),
        maxconn: super::count(*maxconn, None),
        interface: interface.clone(),
        v6only: *v6only,
        transparent: *transparent,
        guid_prefix: guid_prefix.as_ref().map(ToString::to_string),
        accept_proxy: *accept_proxy,
        user_timeout: super::time(*user_timeout, None),
        segment: super::count(*segment, None),
        defer_accept: *defer_accept,
        mode: file.mode.map(|mode| Value(FileMode(mode))),
        user: file.user.clone(),
        group: file.group.clone(),
        tls: OfBind::of(&first.tls.value),
    }
}

/// Servers of one line are those of a template; their names go on with numbers.
fn all_servers(
    servers: &[draft::Server],
    settings: &draft::Settings,
) -> Vec<toml::Spanned<super::super::model::Server>> {
    let groups = servers.chunk_by(|a, b| a.origin == b.origin);
    let mut all = Vec::new();
    for group in groups {
        match template(group) {
            Some(first) => all.push(new(server::server(first, Some(group.len() as u32), settings))),
            None => all.extend(group.iter().map(|one| new(server::server(one, None, settings)))),
        }
    }
    all
}

/// The first of servers that are numbered from 1 on.
fn template(group: &[draft::Server]) -> Option<&draft::Server> {
    let first = group.first()?;
    let prefix = first.name.value.strip_suffix('1')?;
    let is_numbered = |(at, server): (usize, &draft::Server)| *server.name.value == format!("{prefix}{}", at + 1);
    let is_one = first.options.resolve.section.is_some() && !prefix.ends_with(|c: char| c.is_ascii_digit());
    let is_many = group.len() > 1;
    (is_many && is_one && group.iter().enumerate().all(is_numbered)).then_some(first)
}
