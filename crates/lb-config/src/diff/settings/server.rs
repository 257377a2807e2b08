//! A server, how it is asked whether it is well, and what follows from that.

use tandem_lb_core::backend::Conduct;

use super::{Setting, set};
use crate::diff::change::Effect::{AtOnce, AtRestart, ForNewConnections};
use crate::diff::shown::{self, flag, option, time};
use crate::plan::{Check, Server};

pub(in crate::diff) fn server(server: &Server) -> Vec<Setting> {
    let Server {
        name: _,
        id,
        is_numbered: _,
        host,
        port,
        origin: _,
        weight,
        backup,
        // Said where it is named.
        is_named: _,
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
        told,
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
        set(
            "set-proxy-v2-tlv-fmt",
            told,
            shown::list(told.iter().map(|told| format!("{} {}", told.number, told.text))),
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
