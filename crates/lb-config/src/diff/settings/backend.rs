//! Where they go: a backend, and what it remembers of them.

use tandem_lb_core::stick::TableSettings;

use super::{Setting, set};
use crate::diff::change::Effect::{AtOnce, AtRestart, ForNewConnections};
use crate::diff::shown::{self, flag, option, time};
use crate::plan::{Backend, ServerStates, Table};

pub(in crate::diff) fn backend(backend: &Backend) -> Vec<Setting> {
    let Backend {
        written: _,
        name: _,
        id,
        // It only says where it is told of.
        is_numbered: _,
        place: _,
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
        independent_streams,
        logs,
        log_health_checks,
        stick,
        // Each is a subject of its own.
        servers: _,
        // Each server's checks are its own settings; who names it is said where it stands.
        newcomers: _,
        is_named: _,
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
        set(
            "option independent-streams",
            independent_streams,
            flag(*independent_streams),
            ForNewConnections,
        ),
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

pub(in crate::diff) fn table(table: &Table) -> Vec<Setting> {
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
        learns_present,
        by_address,
        bytes_unit,
        write_to,
    } = settings;
    vec![
        set("type", key, shown::key_type(*key), AtOnce),
        set("size", size, size.to_string(), AtOnce),
        set("expire", expire, time(*expire), AtOnce),
        set("nopurge", nopurge, flag(*nopurge), AtOnce),
        set("store", store, shown::stored(store), AtOnce),
        set("recv-only", learns_present, flag(*learns_present), AtOnce),
        set("srvkey addr", by_address, flag(*by_address), AtOnce),
        set("brates-factor", bytes_unit, bytes_unit.to_string(), AtOnce),
        set("write-to", write_to, option(write_to.as_ref()), AtOnce),
        set("peers", peers, option(peers.as_ref()), AtOnce),
    ]
}
