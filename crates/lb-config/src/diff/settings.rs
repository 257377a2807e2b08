//! Everything that can be set in each section, by name, with the words for its value and when a change of it holds.
//!
//! Every pattern here names every field: a field that is added to the Plan must be added here before it compiles.

use std::fmt::Debug;

use tandem_lb_core::backend::Conduct;
use tandem_lb_core::stick::TableSettings;

use super::change::Effect::{self, AtOnce, AtRestart, ForNewConnections};
use super::shown::{self, flag, option, time};
use crate::plan::{
    Backend, Bind, Check, Frontend, Global, Level, Peers, Plan, Resolvers, Server, ServerStates, Service, StateFiles,
    Stats, StatsSocket, Table,
};

/// One setting of one section.
pub(super) struct Setting {
    pub(super) name: &'static str,
    pub(super) shown: String,
    pub(super) effect: Effect,
    /// The same exactly when the values are.
    pub(super) key: String,
}

fn set(name: &'static str, value: &impl Debug, shown: String, effect: Effect) -> Setting {
    Setting {
        name,
        shown,
        effect,
        key: format!("{value:?}"),
    }
}

pub(super) fn global(global: &Global) -> Vec<Setting> {
    let Global {
        logs,
        log_tag,
        log_hostname,
        maxconn,
        connection_rate,
        session_rate,
        tls_connections,
        tls_rate,
        files,
        daemon,
        threads,
        accept,
        pidfile,
        user,
        group,
        chroot,
        node,
        description,
        hard_stop_after,
        close_spread_time,
        local_peer,
        spread_checks,
        pipes,
        no_splice,
        external_checks,
        // Each is a subject of its own.
        stats_sockets: _,
        stats_timeout,
        stats_clients,
        state,
        variables,
        // Empty in a Plan: each frontend and server says it.
        client_buffers: _,
        server_buffers: _,
        unix_bind: _,
        // Empty in a Plan: each listener and server says it.
        tls: _,
    } = global;
    let path = |path: &Option<std::path::PathBuf>| option(path.as_ref().map(|p| p.display()));
    let StateFiles {
        own,
        every,
        servers,
        servers_base,
        stats,
    } = state;
    vec![
        set("log", logs, shown::targets(logs), ForNewConnections),
        set("log-tag", log_tag, option(log_tag.as_ref()), ForNewConnections),
        set(
            "log-send-hostname",
            log_hostname,
            option(log_hostname.as_ref()),
            ForNewConnections,
        ),
        set("maxconn", maxconn, option(*maxconn), AtOnce),
        set("maxconnrate", connection_rate, option(*connection_rate), AtOnce),
        set("maxsessrate", session_rate, option(*session_rate), AtOnce),
        set("maxsslconn", tls_connections, option(*tls_connections), AtOnce),
        set("maxsslrate", tls_rate, option(*tls_rate), AtOnce),
        set("fd-hard-limit", files, option(*files), AtRestart),
        set("daemon", daemon, flag(*daemon), AtRestart),
        set("nbthread", threads, option(*threads), AtRestart),
        set("accept", accept, format!("{accept:?}").to_lowercase(), AtRestart),
        set("pidfile", pidfile, path(pidfile), AtRestart),
        set("user", user, option(user.as_ref()), AtRestart),
        set("group", group, option(group.as_ref()), AtRestart),
        set("chroot", chroot, path(chroot), AtRestart),
        set("node", node, option(node.as_ref()), AtOnce),
        set("description", description, option(description.as_ref()), AtOnce),
        set("hard-stop-after", hard_stop_after, time(*hard_stop_after), AtOnce),
        set(
            "close-spread-time",
            close_spread_time,
            time(*close_spread_time),
            AtRestart,
        ),
        set("localpeer", local_peer, option(local_peer.as_ref()), AtOnce),
        set("spread-checks", spread_checks, spread_checks.to_string(), AtOnce),
        set("maxpipes", pipes, option(*pipes), AtRestart),
        set("nosplice", no_splice, flag(*no_splice), AtRestart),
        set("set-var", variables, shown::variables(variables), AtOnce),
        set("external-check", external_checks, flag(*external_checks), AtOnce),
        set(
            "stats maxconn",
            stats_clients,
            option(*stats_clients),
            ForNewConnections,
        ),
        set("stats timeout", stats_timeout, time(*stats_timeout), ForNewConnections),
        set("tandem-state-file", own, path(own), AtRestart),
        set("tandem-state-file every", every, time(*every), AtRestart),
        set("server-state-file", servers, path(servers), AtRestart),
        set("server-state-base", servers_base, path(servers_base), AtRestart),
        set("stats-file", stats, path(stats), AtRestart),
    ]
}

pub(super) fn stats_socket(socket: &StatsSocket) -> Vec<Setting> {
    let StatsSocket {
        address: _,
        origin: _,
        level,
        file,
        expose_listeners,
    } = socket;
    let word = match level {
        Level::User => "user",
        Level::Operator => "operator",
        Level::Admin => "admin",
    };
    vec![
        set("level", level, word.to_owned(), ForNewConnections),
        set("rights of the file", file, shown::socket_file(file), AtRestart),
        set(
            "expose-fd listeners",
            expose_listeners,
            flag(*expose_listeners),
            ForNewConnections,
        ),
    ]
}

pub(super) fn frontend(frontend: &Frontend, plan: &Plan) -> Vec<Setting> {
    let Frontend {
        written: _,
        name: _,
        id,
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
        keepalive,
        nolinger,
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
        set(
            "option clitcpka",
            keepalive,
            shown::keepalive(*keepalive),
            ForNewConnections,
        ),
        set("option nolinger", nolinger, flag(*nolinger), ForNewConnections),
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

pub(super) fn bind(bind: &Bind) -> Vec<Setting> {
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
        set("id", id, option(*id), AtOnce),
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

pub(super) fn backend(backend: &Backend) -> Vec<Setting> {
    let Backend {
        written: _,
        name: _,
        id,
        description,
        disabled,
        policy,
        hash_key,
        timeout_connect,
        timeout_server,
        timeout_server_fin,
        timeout_tunnel,
        timeout_check,
        timeout_queue,
        fullconn,
        retries,
        redispatch,
        keepalive,
        nolinger,
        logs,
        log_health_checks,
        stick,
        // Each is a subject of its own.
        servers: _,
        requests,
        persistence,
        abort_on_close,
        use_server,
        guid,
        server_states,
    } = backend;
    let persists = match persistence.rules.len() {
        0 => flag(persistence.always),
        count => format!("{}, {}", flag(persistence.always), shown::rules(count)),
    };
    let states = match server_states {
        ServerStates::None => "none".to_owned(),
        ServerStates::Global => "global".to_owned(),
        ServerStates::Local(path) => format!("local {}", option(path.as_ref().map(|p| p.display()))),
    };
    vec![
        set("id", id, id.to_string(), AtOnce),
        set("description", description, option(description.as_ref()), AtOnce),
        set("disabled", disabled, flag(*disabled), AtOnce),
        set("balance", &(policy, hash_key), shown::policy(policy), AtOnce),
        set(
            "timeout connect",
            timeout_connect,
            time(*timeout_connect),
            ForNewConnections,
        ),
        set(
            "timeout server",
            timeout_server,
            time(*timeout_server),
            ForNewConnections,
        ),
        set(
            "timeout server-fin",
            timeout_server_fin,
            time(*timeout_server_fin),
            ForNewConnections,
        ),
        set(
            "timeout tunnel",
            timeout_tunnel,
            time(*timeout_tunnel),
            ForNewConnections,
        ),
        set("timeout check", timeout_check, time(*timeout_check), AtOnce),
        set("timeout queue", timeout_queue, time(*timeout_queue), ForNewConnections),
        set("fullconn", fullconn, option(*fullconn), AtOnce),
        set("retries", retries, retries.to_string(), ForNewConnections),
        set(
            "option redispatch",
            redispatch,
            shown::redispatch(*redispatch),
            ForNewConnections,
        ),
        set(
            "option srvtcpka",
            keepalive,
            shown::keepalive(*keepalive),
            ForNewConnections,
        ),
        set("option nolinger", nolinger, flag(*nolinger), ForNewConnections),
        set("log", logs, shown::logs(logs), AtOnce),
        set(
            "option log-health-checks",
            log_health_checks,
            flag(*log_health_checks),
            AtOnce,
        ),
        set("guid", guid, option(guid.as_ref()), AtOnce),
        set("tcp-request", requests, shown::requests(requests), ForNewConnections),
        set("stick", stick, shown::sticking(stick), ForNewConnections),
        set("persist", persistence, persists, ForNewConnections),
        set(
            "option abortonclose",
            abort_on_close,
            flag(*abort_on_close),
            ForNewConnections,
        ),
        set("use-server", use_server, shown::rules(use_server.len()), AtOnce),
        set("load-server-state-from-file", server_states, states, AtRestart),
    ]
}

pub(super) fn table(table: &Table) -> Vec<Setting> {
    let Table {
        name: _,
        settings,
        peers,
    } = table;
    let TableSettings {
        key,
        size,
        expire,
        nopurge,
        store,
        // Where there are peers.
        is_shared: _,
    } = settings;
    vec![
        set("type", key, shown::key_type(*key), AtOnce),
        set("size", size, size.to_string(), AtOnce),
        set("expire", expire, time(*expire), AtOnce),
        set("nopurge", nopurge, flag(*nopurge), AtOnce),
        set("store", store, shown::stored(store), AtOnce),
        set("peers", peers, option(peers.as_ref()), AtOnce),
    ]
}

/// All sections `resolvers` are begun anew when one of them changes.
pub(super) fn resolvers(sections: &[Resolvers]) -> Vec<Setting> {
    let names = sections.iter().map(|section| section.name.to_string());
    vec![set("resolvers", &sections, shown::list(names), AtOnce)]
}

/// Where a section listens is a matter of a start; all else is followed.
pub(super) fn peers(section: &Peers) -> Vec<Setting> {
    let Peers {
        name: _,
        origin: _,
        disabled,
        shards,
        binds,
        own_tls,
        peers,
        logs,
    } = section;
    let names = shown::list(peers.iter().map(|peer| peer.name.to_string()));
    let places: Vec<_> = binds.iter().map(|bind| &bind.address).collect();
    let told: Vec<_> = peers.iter().map(|p| (&p.name, &p.place, p.shard, p.disabled)).collect();
    let of_binds: Vec<_> = binds
        .iter()
        .filter_map(|b| Some((&b.address, b.tls.as_ref()?)))
        .collect();
    let of_peers: Vec<_> = peers.iter().filter_map(|p| Some((&p.name, p.tls.as_ref()?))).collect();
    let secured = (own_tls, of_binds, of_peers);
    vec![
        set("disabled", disabled, flag(*disabled), AtOnce),
        set("shards", shards, shards.to_string(), AtOnce),
        set(
            "bind",
            &places,
            shown::list(binds.iter().map(|bind| shown::address(&bind.address))),
            AtOnce,
        ),
        set("peer", &told, names, AtOnce),
        set("ssl", &secured, flag(own_tls.is_some()), ForNewConnections),
        set("log", logs, shown::targets(logs), AtOnce),
    ]
}

pub(super) fn server(server: &Server) -> Vec<Setting> {
    let Server {
        name: _,
        id,
        host,
        port,
        origin: _,
        weight,
        backup,
        disabled,
        maxconn,
        minconn,
        non_stick,
        maxqueue,
        conduct,
        user_timeout,
        buffers,
        source,
        agent,
        tracks,
        hash_key,
        send_proxy,
        check,
        tls,
        guid,
        resolve,
        init_addr,
    } = server;
    let mut settings = vec![
        set("id", id, id.to_string(), AtOnce),
        set("address", &(host, port), shown::place(host, *port), ForNewConnections),
        set("weight", weight, weight.to_string(), AtOnce),
        set("backup", backup, flag(*backup), AtOnce),
        set("disabled", disabled, flag(*disabled), AtOnce),
        set("maxconn", maxconn, maxconn.to_string(), AtOnce),
        set("minconn", minconn, minconn.to_string(), AtOnce),
        set("non-stick", non_stick, flag(*non_stick), AtOnce),
        set("guid", guid, option(guid.as_ref()), AtOnce),
        set(
            "agent-check",
            agent,
            option(agent.as_ref().map(|agent| agent.port)),
            AtOnce,
        ),
        set("source", source, option(source.as_ref()), ForNewConnections),
        set("tcp-ut", user_timeout, time(*user_timeout), ForNewConnections),
        set(
            "tune.rcvbuf.server, tune.sndbuf.server",
            buffers,
            shown::buffers(*buffers),
            ForNewConnections,
        ),
        set("track", tracks, option(tracks.as_ref()), AtOnce),
        set("hash-key", hash_key, shown::hash_key(*hash_key), AtOnce),
        set("maxqueue", maxqueue, maxqueue.to_string(), ForNewConnections),
        set(
            "send-proxy",
            send_proxy,
            shown::proxy_header(*send_proxy),
            ForNewConnections,
        ),
        set("check", &check.is_some(), flag(check.is_some()), AtOnce),
        set("ssl", tls, flag(tls.is_some()), ForNewConnections),
        set("resolvers", resolve, flag(resolve.is_some()), AtOnce),
        set("init-addr", init_addr, shown::init_addr(init_addr), AtRestart),
    ];
    settings.extend(conducts(conduct));
    settings.extend(check.iter().flat_map(checks));
    settings
}

fn conducts(conduct: &Conduct) -> Vec<Setting> {
    let Conduct {
        slowstart,
        observe,
        init,
        ends_sessions,
        ends_backup_sessions,
    } = conduct;
    let observed = observe.map(|observe| format!("{} errors: {:?}", observe.limit, observe.then).to_lowercase());
    vec![
        set("slowstart", slowstart, shown::duration(*slowstart), AtOnce),
        set("observe", observe, option(observed), AtOnce),
        set("init-state", init, format!("{init:?}").to_lowercase(), AtOnce),
        set("on-marked-down", ends_sessions, flag(*ends_sessions), AtOnce),
        set(
            "on-marked-up",
            ends_backup_sessions,
            flag(*ends_backup_sessions),
            AtOnce,
        ),
    ]
}

fn checks(check: &Check) -> Vec<Setting> {
    let Check {
        settings,
        host,
        port,
        script,
        answer_timeout,
        external,
        send_proxy,
        tls,
    } = check;
    let tandem_lb_core::health::CheckSettings {
        inter,
        fastinter,
        downinter,
        rise,
        fall,
        connect_timeout,
    } = settings;
    vec![
        set("inter", inter, shown::duration(*inter), AtOnce),
        set("fastinter", fastinter, time(*fastinter), AtOnce),
        set("downinter", downinter, time(*downinter), AtOnce),
        set("rise", rise, rise.to_string(), AtOnce),
        set("fall", fall, fall.to_string(), AtOnce),
        set(
            "time for a check",
            connect_timeout,
            shown::duration(*connect_timeout),
            AtOnce,
        ),
        set("addr", host, option(host.as_ref().map(shown::host)), AtOnce),
        set("port", port, option(*port), AtOnce),
        set("asked", script, asked(script.as_deref()), AtOnce),
        set(
            "external-check command",
            external,
            option(external.as_ref().map(|external| external.command.display())),
            AtOnce,
        ),
        set("time for answers", answer_timeout, time(*answer_timeout), AtOnce),
        set("check-send-proxy", send_proxy, shown::proxy_header(*send_proxy), AtOnce),
        set("check-ssl", tls, flag(tls.is_some()), AtOnce),
    ]
}

fn asked(script: Option<&tandem_lb_core::probe::Script>) -> String {
    script.map_or_else(
        || "a connection".to_owned(),
        |script| format!("{} steps", script.steps.len()),
    )
}
