//! The keys that a table may inherit, laid over what it inherited.

use std::sync::Arc;
use std::time::Duration;

use super::model::{Buffers, Count, Hash, Keepalive, ServerOptions, Settings, Timeouts};
use super::value::{Limit, ProxyDetail, Time, Value};
use crate::draft::{self, Role};
use crate::plan;
use tandem_lb_core::balance::{HashMethod, HashType};
use tandem_lb_core::log::format::Format;
use tandem_lb_core::proxy_header::{Details, Version};

fn set<T>(target: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *target = value;
    }
}

fn set_limit(target: &mut Option<Duration>, value: Option<&Value<Limit>>) {
    set(target, value.map(|limit| limit.0.0));
}

/// 0 is no limit.
pub(super) fn set_count(target: &mut Option<u32>, value: Option<&Count>) {
    set(target, value.map(|most| Some(most.0.0).filter(|most| *most > 0)));
}

pub(super) fn buffers(target: &mut plan::Buffers, written: &Buffers) {
    let said = |most: u32| Some(most).filter(|most| *most > 0);
    set(&mut target.receive, written.receive.as_ref().map(|most| said(most.0.0)));
    set(&mut target.send, written.send.as_ref().map(|most| said(most.0.0)));
}

fn set_time(target: &mut Option<Duration>, value: Option<&Value<Time>>) {
    set(target, value.map(|time| Some(time.0.0)));
}

/// All but logs, statistics and the default backend, which need their places.
pub(super) fn overlay(target: &mut draft::Settings, written: &Settings) {
    set(&mut target.mode, written.mode.as_ref().map(|mode| mode.0));
    set(&mut target.disabled, written.disabled);
    set_count(&mut target.maxconn, written.maxconn.as_ref());
    set_count(&mut target.session_rate, written.session_rate.as_ref());
    set_count(&mut target.backlog, written.backlog.as_ref());
    set_count(&mut target.fullconn, written.fullconn.as_ref());
    set(
        &mut target.source,
        written.source.as_ref().map(|source| Some(Arc::new(source.0.clone()))),
    );
    let command = written.external_command.as_ref();
    set(
        &mut target.external.command,
        command.map(|command| Some(command.into())),
    );
    let path = written.external_path.as_deref();
    set(&mut target.external.path, path.map(|path| Some(path.into())));
    set(&mut target.retries, written.retries.as_ref().map(|count| count.0.0));
    set(
        &mut target.redispatch,
        written.redispatch.as_ref().map(|redispatch| redispatch.0),
    );
    set(
        &mut target.policy.algorithm,
        written.balance.as_ref().map(|algorithm| algorithm.0),
    );
    set(&mut target.policy.hash, written.hash.as_ref().map(hash));
    let factor = written.hash.as_ref().and_then(|hash| hash.balance_factor.as_ref());
    set(&mut target.policy.balance_factor, factor.map(|factor| factor.0.0));
    set(&mut target.policy.all_backups, written.all_backups);
    let logging = &written.logging;
    set(
        &mut target.log_rule.format,
        logging
            .tcplog
            .map(|is_on| is_on.then(|| Arc::new(Format::tcplog().clone()))),
    );
    set(&mut target.log_rule.dontlognull, logging.dontlognull);
    set(&mut target.log_rule.dontlog_normal, logging.dontlog_normal);
    set(&mut target.log_rule.log_separate_errors, logging.separate_errors);
    set(&mut target.log_rule.logasap, logging.asap);
    set(&mut target.log_health_checks, logging.health_checks);
    set(&mut target.socket_stats, written.socket_stats);
    set(&mut target.nolinger, written.nolinger);
    set(&mut target.persists, written.persist);
    set(&mut target.abort_on_close, written.abort_on_close);
    set(&mut target.independent_streams, written.independent_streams);
    set(
        &mut target.server_states,
        written.server_states.as_ref().map(|states| states.0.clone()),
    );
    timeouts(&mut target.timeouts, &written.timeout);
    keepalive(target, &written.keepalive);
    if let Some(options) = &written.server_defaults {
        server(&mut target.server, options);
    }
}

/// Alone, `consistent` brings the avalanche with it, as in HAProxy.
fn hash(written: &Hash) -> HashType {
    let method = written.method.as_ref().map(|method| method.0).unwrap_or_default();
    let bare = written.function.is_none() && method != HashMethod::MapBased;
    HashType {
        method,
        function: written.function.as_ref().map(|function| function.0).unwrap_or_default(),
        avalanche: written.avalanche.unwrap_or(bare),
    }
}

fn timeouts(target: &mut draft::Timeouts, written: &Timeouts) {
    set_limit(&mut target.client, written.client.as_ref());
    set_limit(&mut target.client_fin, written.client_fin.as_ref());
    set_limit(&mut target.client_hs, written.client_hs.as_ref());
    set_limit(&mut target.connect, written.connect.as_ref());
    set_limit(&mut target.server, written.server.as_ref());
    set_limit(&mut target.server_fin, written.server_fin.as_ref());
    set_limit(&mut target.tunnel, written.tunnel.as_ref());
    set_limit(&mut target.check, written.check.as_ref());
    set_limit(&mut target.queue, written.queue.as_ref());
}

fn keepalive(target: &mut draft::Settings, written: &Keepalive) {
    let client = &mut target.client_keepalive;
    set(&mut client.on, written.client);
    set_time(&mut client.knobs.idle, written.client_idle.as_ref());
    set_time(&mut client.knobs.interval, written.client_interval.as_ref());
    set(
        &mut client.knobs.count,
        written.client_count.as_ref().map(|count| Some(count.0.0)),
    );
    let server = &mut target.server_keepalive;
    set(&mut server.on, written.server);
    set_time(&mut server.knobs.idle, written.server_idle.as_ref());
    set_time(&mut server.knobs.interval, written.server_interval.as_ref());
    set(
        &mut server.knobs.count,
        written.server_count.as_ref().map(|count| Some(count.0.0)),
    );
}

pub(super) fn server(target: &mut draft::ServerOptions, written: &ServerOptions) {
    // The range of a weight is checked where it is read.
    set(
        &mut target.weight,
        written
            .weight
            .as_ref()
            .and_then(|weight| u16::try_from(weight.0.0).ok()),
    );
    set(&mut target.backup, written.backup);
    set(&mut target.disabled, written.disabled);
    set(&mut target.maxconn, written.maxconn.as_ref().map(|most| most.0.0));
    set(&mut target.non_stick, written.non_stick);
    set(&mut target.check, written.check);
    set(&mut target.inter, written.inter.as_ref().map(|time| time.0.0));
    set_time(&mut target.fastinter, written.fastinter.as_ref());
    set_time(&mut target.downinter, written.downinter.as_ref());
    set(&mut target.rise, written.rise.as_ref().map(|count| count.0.0));
    set(&mut target.fall, written.fall.as_ref().map(|count| count.0.0));
    set(
        &mut target.check_port,
        written.check_port.as_ref().map(|port| u16::try_from(port.0.0).ok()),
    );
    set(
        &mut target.check_host,
        written.check_address.as_ref().map(|host| Some(host.0.clone())),
    );
    if let Some(version) = &written.send_proxy {
        (target.send_proxy.v1, target.send_proxy.v2) = (version.0 == Version::V1, version.0 == Version::V2);
    }
    if let Some(details) = &written.proxy_v2_options {
        let has = |detail| details.iter().any(|written| written.0 == detail);
        let (common_name, cipher) = (has(ProxyDetail::CertCn), has(ProxyDetail::SslCipher));
        let (signature, key) = (has(ProxyDetail::CertSig), has(ProxyDetail::CertKey));
        target.send_proxy.details = Details {
            crc32c: has(ProxyDetail::Crc32c),
            authority: has(ProxyDetail::Authority),
            unique_id: has(ProxyDetail::UniqueId),
            ssl: has(ProxyDetail::Ssl) || common_name || cipher || signature || key,
            common_name,
            cipher,
            signature,
            key,
        };
    }
    set(&mut target.check_send_proxy, written.check_send_proxy);
    set(&mut target.minconn, written.minconn.as_ref().map(|least| least.0.0));
    set(&mut target.maxqueue, written.maxqueue.as_ref().map(|most| most.0.0));
    set(
        &mut target.slowstart,
        written.slowstart.as_ref().map(|time| time.0.0.unwrap_or_default()),
    );
    set(&mut target.observe, written.observe);
    set(
        &mut target.error_limit,
        written.error_limit.as_ref().map(|count| count.0.0),
    );
    set(&mut target.on_error, written.on_error.as_ref().map(|then| then.0));
    set(&mut target.ends_sessions, written.shutdown_sessions);
    set(&mut target.ends_backup_sessions, written.shutdown_backup_sessions);
    if let Some(agent) = &written.agent {
        let port = agent.port.as_ref().and_then(|port| u16::try_from(port.0.0).ok());
        target.agent = agent.enabled.unwrap_or(true);
        set(&mut target.agent_port, port.map(Some));
        set(&mut target.agent_ip, agent.address.as_ref().map(|ip| Some(ip.0)));
        set_time(&mut target.agent_inter, agent.inter.as_ref());
        set(
            &mut target.agent_send,
            agent.send.as_deref().map(|text| Some(text.into())),
        );
    }
    let ways = written.init_address.as_ref();
    set(
        &mut target.resolve.init,
        ways.map(|ways| Some(ways.iter().map(|way| way.0).collect())),
    );
    set(
        &mut target.source,
        written.source.as_ref().map(|source| Some(Arc::new(source.0.clone()))),
    );
    set_limit(&mut target.user_timeout, written.user_timeout.as_ref());
    set(&mut target.hash_key, written.hash_key.as_ref().map(|key| key.0));
    set(&mut target.init, written.init_state.as_ref().map(|state| state.0));
}

/// The keys of the other side that a frontend (or a backend) was given in vain.
pub(super) fn in_vain(written: &Settings, role: Role) -> Vec<&'static str> {
    let timeout = &written.timeout;
    let of_clients = [
        ("maxconn", written.maxconn.is_some()),
        ("session-rate", written.session_rate.is_some()),
        ("backlog", written.backlog.is_some()),
        ("socket-stats", written.socket_stats.is_some()),
        ("default-backend", written.default_backend.is_some()),
        ("stats", written.stats.is_some()),
        ("timeout.client", timeout.client.is_some()),
        ("timeout.client-fin", timeout.client_fin.is_some()),
        ("timeout.client-hs", timeout.client_hs.is_some()),
        ("keepalive.client", written.keepalive.client.is_some()),
    ];
    let of_servers = [
        ("retries", written.retries.is_some()),
        ("fullconn", written.fullconn.is_some()),
        ("source", written.source.is_some()),
        ("redispatch", written.redispatch.is_some()),
        ("balance", written.balance.is_some()),
        ("hash", written.hash.is_some()),
        ("all-backups", written.all_backups.is_some()),
        ("health-check", written.health_check.is_some()),
        ("tcp-check", written.tcp_check.is_some()),
        ("external-command", written.external_command.is_some()),
        ("http-check", written.http_check.is_some()),
        ("server-states", written.server_states.is_some()),
        ("server-defaults", written.server_defaults.is_some()),
        ("timeout.connect", timeout.connect.is_some()),
        ("timeout.server", timeout.server.is_some()),
        ("timeout.server-fin", timeout.server_fin.is_some()),
        ("timeout.tunnel", timeout.tunnel.is_some()),
        ("timeout.check", timeout.check.is_some()),
        ("timeout.queue", timeout.queue.is_some()),
        ("keepalive.server", written.keepalive.server.is_some()),
    ];
    let keys: &[(&'static str, bool)] = match role {
        Role::Frontend => &of_servers,
        Role::Backend => &of_clients,
        Role::Listen | Role::Defaults => &[],
    };
    keys.iter()
        .filter(|(_, written)| *written)
        .map(|(key, _)| *key)
        .collect()
}
