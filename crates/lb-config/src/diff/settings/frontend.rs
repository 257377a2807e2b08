//! Where clients come in: a frontend, its page, its listeners.

use super::{Setting, set};
use crate::diff::change::Effect::{AtOnce, AtRestart, ForNewConnections};
use crate::diff::shown::{self, flag, option, time};
use crate::plan::{Bind, Frontend, Plan, Service, Stats};

pub(in crate::diff) fn frontend(frontend: &Frontend, plan: &Plan) -> Vec<Setting> {
    let Frontend {
        written: _,
        name: _,
        id,
        // It only says where it is told of.
        place: _,
        // They follow from the rules.
        remembers_rules: _,
        disabled,
        // Each is a subject of its own.
        binds: _,
        maxconn,
        session_rate,
        backlog,
        logs,
        log_rule,
        timeout_client,
        timeout_client_fin,
        timeout_client_hs,
        description,
        buffers,
        inspected,
        keepalive,
        nolinger,
        independent_streams,
        service,
        requests,
        routes,
        guid,
        socket_stats,
        forward,
    } = frontend;
    let mut settings = vec![
        set("id", id, id.to_string(), AtOnce),
        set("disabled", disabled, flag(*disabled), AtOnce),
        set("maxconn", maxconn, option(*maxconn), AtOnce),
        set("rate-limit sessions", session_rate, option(*session_rate), AtOnce),
        set("backlog", backlog, option(*backlog), AtOnce),
        set("log", logs, shown::logs(logs), ForNewConnections),
        set("log options", log_rule, shown::log_rule(log_rule), ForNewConnections),
        set(
            "timeout client",
            timeout_client,
            time(*timeout_client),
            ForNewConnections,
        ),
        set(
            "timeout client-fin",
            timeout_client_fin,
            time(*timeout_client_fin),
            ForNewConnections,
        ),
        set(
            "timeout client-hs",
            timeout_client_hs,
            time(*timeout_client_hs),
            ForNewConnections,
        ),
        set("description", description, option(description.as_ref()), AtOnce),
        set(
            "tune.rcvbuf.client, tune.sndbuf.client",
            buffers,
            shown::buffers(*buffers),
            ForNewConnections,
        ),
        set("tune.bufsize", inspected, inspected.to_string(), ForNewConnections),
        set(
            "option clitcpka",
            keepalive,
            shown::keepalive(*keepalive),
            ForNewConnections,
        ),
        set("option nolinger", nolinger, flag(*nolinger), ForNewConnections),
        set(
            "option independent-streams",
            independent_streams,
            flag(*independent_streams),
            ForNewConnections,
        ),
        set("guid", guid, option(guid.as_ref()), AtOnce),
        set("option socket-stats", socket_stats, flag(*socket_stats), AtOnce),
        set("tandem-forward", forward, shown::forward(forward.as_ref()), AtOnce),
        set("tcp-request", requests, shown::requests(requests), ForNewConnections),
        set("use_backend", routes, shown::rules(routes.0.len()), ForNewConnections),
    ];
    match service {
        Service::Tcp { backend } => {
            let name = backend.and_then(|place| plan.backends.get(place)).map(|b| &b.name);
            settings.push(set("default_backend", &name, option(name), ForNewConnections));
        }
        Service::Stats(stats) => settings.extend(page(stats)),
    }
    settings
}

fn page(stats: &Stats) -> Vec<Setting> {
    let Stats {
        page,
        uri,
        metrics,
        refresh,
        realm,
        auth,
        admin,
        changers,
        rules,
        lists,
        hide_version,
        scopes,
        show_node,
        show_desc,
        show_legends,
    } = stats;
    // Who reads the difference need not know the passwords.
    let users = shown::list(auth.iter().map(|(user, _)| user.clone()));
    vec![
        set("stats enable", page, flag(*page), AtOnce),
        set(
            "use-service prometheus-exporter",
            metrics,
            option(metrics.as_ref()),
            AtOnce,
        ),
        set("stats uri", uri, uri.clone(), AtOnce),
        set("stats refresh", refresh, time(*refresh), AtOnce),
        set("stats realm", realm, option(realm.as_ref()), AtOnce),
        set("stats auth", auth, users, AtOnce),
        set("stats admin", admin, flag(*admin), AtOnce),
        set("stats admin if", changers, shown::rules(changers.len()), AtOnce),
        set("stats http-request", rules, shown::rules(rules.len()), AtOnce),
        set(
            "userlist",
            lists,
            shown::list(lists.iter().map(|list| list.name.to_string())),
            AtOnce,
        ),
        set("stats hide-version", hide_version, flag(*hide_version), AtOnce),
        set("stats scope", scopes, shown::list(scopes.iter().cloned()), AtOnce),
        set("stats show-node", show_node, option(show_node.as_ref()), AtOnce),
        set("stats show-desc", show_desc, option(show_desc.as_ref()), AtOnce),
        set("stats show-legends", show_legends, flag(*show_legends), AtOnce),
    ]
}

pub(in crate::diff) fn bind(bind: &Bind) -> Vec<Setting> {
    let Bind {
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
        tls,
    } = bind;
    vec![
        set("name", name, option(name.as_ref()), AtOnce),
        set("id", id, id.to_string(), AtOnce),
        set("backlog", backlog, option(*backlog), AtOnce),
        set("maxconn", maxconn, option(*maxconn), AtOnce),
        set("interface", interface, option(interface.as_ref()), AtRestart),
        set("v6only", v6only, option(*v6only), AtRestart),
        set("transparent", transparent, flag(*transparent), AtRestart),
        set("guid-prefix", guid_prefix, option(guid_prefix.as_ref()), AtOnce),
        set("tcp-ut", user_timeout, time(*user_timeout), AtRestart),
        set("mss", segment, option(*segment), AtRestart),
        set("defer-accept", defer_accept, flag(*defer_accept), AtRestart),
        set("rights of the file", file, shown::socket_file(file), AtRestart),
        set("accept-proxy", accept_proxy, flag(*accept_proxy), ForNewConnections),
        set("ssl", tls, flag(tls.is_some()), ForNewConnections),
    ]
}
