//! Of the process, and of those who give it orders.

use super::{Setting, set};
use crate::diff::change::Effect::{AtOnce, AtRestart, ForNewConnections};
use crate::diff::shown::{self, flag, option, time};
use crate::plan::{Global, Level, SeverityOutput, StateFiles, StatsSocket};

pub(in crate::diff) fn global(global: &Global) -> Vec<Setting> {
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
        open_files,
        lenient_limits,
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
        first_checks_within,
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
        inspected: _,
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
        set("ulimit-n", open_files, option(*open_files), AtRestart),
        set("no strict-limits", lenient_limits, flag(*lenient_limits), AtRestart),
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
        set("close-spread-time", close_spread_time, time(*close_spread_time), AtOnce),
        set("localpeer", local_peer, option(local_peer.as_ref()), AtOnce),
        set("spread-checks", spread_checks, spread_checks.to_string(), AtOnce),
        set(
            "max-spread-checks",
            first_checks_within,
            time(*first_checks_within),
            AtOnce,
        ),
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

pub(in crate::diff) fn stats_socket(socket: &StatsSocket) -> Vec<Setting> {
    let StatsSocket {
        address: _,
        origin: _,
        level,
        severities,
        file,
        expose_listeners,
    } = socket;
    let word = match level {
        Level::User => "user",
        Level::Operator => "operator",
        Level::Admin => "admin",
    };
    let shown = match severities {
        SeverityOutput::None => "none",
        SeverityOutput::Number => "number",
        SeverityOutput::Word => "string",
    };
    vec![
        set("level", level, word.to_owned(), ForNewConnections),
        set("severity-output", severities, shown.to_owned(), ForNewConnections),
        set("rights of the file", file, shown::socket_file(file), AtRestart),
        set(
            "expose-fd listeners",
            expose_listeners,
            flag(*expose_listeners),
            ForNewConnections,
        ),
    ]
}
