//! Servers, and what they need not say each.

use tandem_lb_core::proxy_header::{Details, Version};
use tandem_text::Spanned;

use super::super::model::{AgentOptions, Inherits, Lookup, Server, ServerOptions};
use super::super::tls::OfServer;
use super::super::value::{Limit, Number, ProxyDetail, Value};

use super::{count, flag, limit, new, number, time, unless_as};
use crate::draft;
use crate::tls::Words;

/// `server-defaults`
pub(super) fn defaults(
    options: &draft::ServerOptions,
    base: &draft::ServerOptions,
    tls: &Words,
    base_tls: &Words,
) -> Option<ServerOptions> {
    let found = of(options, base, OfServer::of(tls, base_tls));
    let is_empty = toml::Table::try_from(&found).is_ok_and(|mut table| {
        super::super::layout::prune(&mut table);
        table.is_empty()
    });
    (!is_empty).then_some(found)
}

/// One server, or with `count` as many of them.
pub(super) fn server(server: &draft::Server, many: Option<u32>, settings: &draft::Settings) -> Server {
    let draft::Server {
        name,
        host,
        port,
        id,
        options,
        tls,
        origin: _,
        guid,
    } = server;
    let mut options = options.clone();
    let mut name = name.value.to_string();
    if many.is_some() {
        // All of a template begin nowhere unless it is said where.
        options.resolve.init = options
            .resolve
            .init
            .filter(|ways| *ways != [crate::plan::InitAddr::None]);
        name.truncate(name.trim_end_matches(|c: char| c.is_ascii_digit()).len());
    }
    let found = of(
        &options,
        &settings.server,
        OfServer::of(&tls.value, &settings.server_tls),
    );
    Server {
        name: Some(new(name)),
        address: Some(Value((host.clone(), *port))),
        count: many.map(|many| new(Value(Number(many)))),
        id: id.as_ref().map(|id| new(Value(Number(id.value)))),
        guid: guid.as_ref().map(ToString::to_string),
        ..Server::default()
    }
    .inherits(found)
}

fn of(options: &draft::ServerOptions, base: &draft::ServerOptions, tls: Option<OfServer>) -> ServerOptions {
    let draft::ServerOptions {
        weight,
        backup,
        disabled,
        maxconn,
        non_stick,
        check,
        inter,
        fastinter,
        downinter,
        rise,
        fall,
        check_port,
        check_host,
        send_proxy,
        told,
        check_send_proxy,
        maxqueue,
        slowstart,
        observe,
        error_limit,
        on_error,
        ends_sessions,
        ends_backup_sessions,
        init,
        resolve,
        agent: _,
        agent_ip: _,
        agent_port: _,
        agent_inter: _,
        agent_send: _,
        track,
        hash_key,
        user_timeout,
        source,
        minconn,
    } = options;
    ServerOptions {
        weight: number((*weight).into(), base.weight.into()),
        backup: flag(*backup, base.backup),
        disabled: flag(*disabled, base.disabled),
        maxconn: number(*maxconn, base.maxconn),
        non_stick: flag(*non_stick, base.non_stick),
        check: flag(*check, base.check),
        inter: time(Some(*inter), Some(base.inter)),
        fastinter: time(*fastinter, base.fastinter),
        downinter: time(*downinter, base.downinter),
        rise: number(*rise, base.rise),
        fall: number(*fall, base.fall),
        check_port: count(check_port.map(u32::from), base.check_port.map(u32::from)),
        check_address: check_host.clone().filter(|_| *check_host != base.check_host).map(Value),
        send_proxy: version(*send_proxy)
            .filter(|sent| Some(*sent) != version(base.send_proxy))
            .map(Value),
        proxy_v2_options: unless_as(&send_proxy.details, &base.send_proxy.details, details),
        proxy_v2_values: unless_as(told, &base.told, |told| {
            let text = |told: &draft::Told| new(format!("{} {}", told.plan.number, told.plan.text));
            told.iter().map(text).collect()
        }),
        check_send_proxy: flag(*check_send_proxy, base.check_send_proxy),
        tls,
        maxqueue: number(*maxqueue, base.maxqueue),
        slowstart: unless_as(slowstart, &base.slowstart, |time| {
            Value(Limit(Some(*time).filter(|time| !time.is_zero())))
        }),
        observe: flag(*observe, base.observe),
        error_limit: number(*error_limit, base.error_limit),
        on_error: unless_as(on_error, &base.on_error, |then| Value(*then)),
        shutdown_sessions: flag(*ends_sessions, base.ends_sessions),
        shutdown_backup_sessions: flag(*ends_backup_sessions, base.ends_backup_sessions),
        lookup: lookup(resolve, &base.resolve),
        init_address: resolve
            .init
            .as_ref()
            .filter(|_| resolve.init != base.resolve.init)
            .map(|ways| ways.iter().copied().map(Value).collect()),
        init_state: unless_as(init, &base.init, |state| Value(*state)),
        agent: agent(options, base),
        track: track
            .as_ref()
            .filter(|_| named(track) != named(&base.track))
            .map(|track| new(track.value.clone())),
        hash_key: unless_as(hash_key, &base.hash_key, |key| Value(*key)),
        user_timeout: limit(*user_timeout, base.user_timeout),
        source: source.as_deref().filter(|_| *source != base.source).cloned().map(Value),
        minconn: number(*minconn, base.minconn),
    }
}

fn named(name: &Option<Spanned<String>>) -> Option<&String> {
    name.as_ref().map(|name| &name.value)
}

/// A table switches it on, unless it says otherwise.
fn agent(options: &draft::ServerOptions, base: &draft::ServerOptions) -> Option<AgentOptions> {
    let found = AgentOptions {
        enabled: None,
        port: count(options.agent_port.map(u32::from), base.agent_port.map(u32::from)),
        address: options
            .agent_ip
            .filter(|_| options.agent_ip != base.agent_ip)
            .map(Value),
        inter: time(options.agent_inter, base.agent_inter),
        send: options
            .agent_send
            .as_deref()
            .filter(|_| options.agent_send != base.agent_send)
            .map(str::to_owned),
    };
    let is_empty = found.port.is_none() && found.address.is_none() && found.inter.is_none() && found.send.is_none();
    if is_empty && options.agent == base.agent {
        return None;
    }
    Some(AgentOptions {
        enabled: (!options.agent || is_empty).then_some(options.agent),
        ..found
    })
}

fn lookup(lookup: &draft::Lookup, base: &draft::Lookup) -> Lookup {
    let draft::Lookup {
        section,
        preference,
        ignores_weight,
        init: _,
    } = lookup;
    let section = section.as_ref().map(|section| &section.value);
    let of_base = base.section.as_ref().map(|section| &section.value);
    Lookup {
        by: section.filter(|_| section != of_base).map(|name| new(name.clone())),
        prefer_ipv4: flag(preference.v4, base.preference.v4),
        networks: unless_as(&preference.networks, &base.preference.networks, |networks| {
            networks.iter().copied().map(Value).collect()
        }),
        share_addresses: flag(preference.may_share, base.preference.may_share),
        ignore_weight: flag(*ignores_weight, base.ignores_weight),
    }
}

fn version(header: draft::SendProxy) -> Option<Version> {
    header.into_write().map(|write| write.version)
}

fn details(details: &Details) -> Vec<Value<ProxyDetail>> {
    let Details {
        crc32c,
        authority,
        unique_id,
        ssl,
        common_name,
        cipher,
        signature,
        key,
    } = *details;
    let all = [
        (crc32c, ProxyDetail::Crc32c),
        (authority, ProxyDetail::Authority),
        (unique_id, ProxyDetail::UniqueId),
        (ssl, ProxyDetail::Ssl),
        (common_name, ProxyDetail::CertCn),
        (cipher, ProxyDetail::SslCipher),
        (signature, ProxyDetail::CertSig),
        (key, ProxyDetail::CertKey),
    ];
    all.into_iter()
        .filter(|(is, _)| *is)
        .map(|(_, detail)| Value(detail))
        .collect()
}
