//! The pieces of a Plan, each made of its draft.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tandem_lb_core::ServerId;
use tandem_lb_core::backend::{Conduct, InitState, Observe};
use tandem_lb_core::health::CheckSettings;
use tandem_lb_core::probe::Script;
use tandem_lb_core::proxy_header::{Details, Version, Write};
use tandem_lb_core::rules::{Persistence, Requests, Routes, Ruleset};
use tandem_text::{Diagnostic, Span, Spanned};

use super::{ids, resolvers, tracking};
use crate::checking::Kind;
use crate::code;
use crate::draft::{Bind, Mode, Proxy, Server, ServerOptions, Timeouts};
use crate::plan::{
    self, Agent, Backend, BindAddress, Check, External, Frontend, Host, Resolvers, ServerStates, Service,
};
use crate::tls::{Defaults, Settling};

/// What sections and lines refer to: the words about TLS of `global`, and the `resolvers`.
pub(super) type Ground<'a> = (&'a Defaults, &'a [Spanned<Resolvers>]);

pub(super) fn frontend(
    proxy: &Proxy,
    id: u32,
    backend: Option<usize>,
    tls: &Defaults,
    report: &mut Vec<Diagnostic>,
) -> Frontend {
    let settings = &proxy.settings;
    let service = match &settings.stats {
        Some(stats) if settings.mode == Mode::Http => Service::Stats(plan::Stats {
            rules: proxy.rules.page.iter().map(|rule| rule.value.clone()).collect(),
            changers: proxy
                .rules
                .page_changers
                .iter()
                .map(|when| when.value.clone())
                .collect(),
            ..stats.value.clone()
        }),
        _ => Service::Tcp { backend },
    };
    let forward = super::forward::of(proxy);
    Frontend {
        name: Arc::clone(&proxy.name.value),
        id,
        place: u32::MAX,
        remembers_rules: false,
        disabled: settings.disabled,
        // Nobody listens where the kernel forwards.
        binds: match forward {
            Some(_) => Vec::new(),
            None => listeners(&proxy.binds, tls, report),
        },
        forward,
        maxconn: settings.maxconn,
        session_rate: settings.session_rate,
        backlog: settings.backlog,
        logs: settings.logs.clone(),
        log_rule: settings.log_rule.clone(),
        timeout_client: settings.timeouts.client,
        timeout_client_fin: settings.timeouts.client_fin,
        timeout_client_hs: settings.timeouts.client_hs,
        description: proxy.description.clone(),
        // It is the same for all.
        buffers: plan::Buffers::default(),
        inspected: 0,
        keepalive: settings.client_keepalive.into_keepalive(),
        nolinger: settings.nolinger,
        independent_streams: settings.independent_streams,
        requests: requests(proxy),
        routes: Routes(proxy.rules.routes.iter().map(|route| route.value.clone()).collect()),
        service,
        written: settings.written.clone(),
        guid: proxy.guid.clone(),
        socket_stats: settings.socket_stats,
    }
}

/// `ground` is what holds for all sections.
pub(super) fn backend(proxy: &Proxy, id: u32, ground: Ground<'_>, report: &mut Vec<Diagnostic>) -> Backend {
    let settings = &proxy.settings;
    let timeouts = settings.timeouts;
    let ids = ids::servers(&proxy.servers, report);
    let script = settings.checking.script();
    let external = external(proxy);
    Backend {
        name: Arc::clone(&proxy.name.value),
        id,
        is_numbered: proxy.id.is_some(),
        place: u32::MAX,
        description: proxy.description.clone(),
        disabled: settings.disabled,
        policy: settings.policy,
        hash_key: settings.hash_key.as_ref().map(|key| key.expr.clone()),
        timeout_connect: timeouts.connect,
        timeout_server: timeouts.server,
        timeout_server_fin: timeouts.server_fin,
        timeout_tunnel: timeouts.tunnel,
        timeout_check: timeouts.check,
        // A client waits for a slot as long as it would wait for a connection.
        timeout_queue: timeouts.queue.or(timeouts.connect),
        retries: settings.retries,
        fullconn: settings.fullconn,
        redispatch: settings.redispatch,
        keepalive: settings.server_keepalive.into_keepalive(),
        nolinger: settings.nolinger,
        independent_streams: settings.independent_streams,
        logs: settings.logs.clone(),
        log_health_checks: settings.log_health_checks,
        stick: proxy.stick_rules.iter().map(|rule| rule.value.clone()).collect(),
        requests: Requests {
            connection: Ruleset::default(),
            session: Ruleset::default(),
            ..requests(proxy)
        },
        persistence: Persistence {
            always: settings.persists,
            rules: proxy.rules.persistence.clone(),
        },
        abort_on_close: settings.abort_on_close,
        use_server: proxy.rules.servers.iter().map(|rule| rule.value.clone()).collect(),
        servers: proxy
            .servers
            .iter()
            .zip(ids)
            .map(|(draft, id)| {
                let track = draft.options.track.as_ref();
                let server = server(draft, id, timeouts, script.as_ref(), ground, report);
                plan::Server {
                    check: server.check.clone().map(|check| Check {
                        external: external.clone(),
                        ..check
                    }),
                    source: draft.options.source.clone().or_else(|| settings.source.clone()),
                    tracks: track.map(|track| Arc::new(tracking::tracked(&track.value, &proxy.name.value))),
                    ..server
                }
            })
            .collect(),
        newcomers: plan::Newcomers {
            script,
            external,
            source: settings.source.clone(),
        },
        written: settings.written.clone(),
        guid: proxy.guid.clone(),
        // It is known when all are.
        is_named: false,
        server_states: match &settings.server_states {
            ServerStates::Local(_) => ServerStates::Local(settings.server_state_file.clone()),
            other => other.clone(),
        },
    }
}

fn requests(proxy: &Proxy) -> Requests {
    Requests {
        acls: proxy.rules.book.acls.clone(),
        connection: proxy.rules.connection.clone(),
        session: proxy.rules.session.clone(),
        content: proxy.rules.content.clone(),
        inspect_delay: proxy.settings.inspect_delay,
        response: Ruleset {
            rules: values(&proxy.rules.response),
        },
        response_delay: proxy.settings.response_delay,
        captures: proxy.rules.captures,
        limiters: values(&proxy.rules.limiters),
    }
}

fn values<T: Clone>(written: &[Spanned<T>]) -> Vec<T> {
    written.iter().map(|written| written.value.clone()).collect()
}

fn listeners(drafts: &[Bind], tls: &Defaults, report: &mut Vec<Diagnostic>) -> Vec<plan::Bind> {
    let ids = ids::listeners(drafts, report);
    let numbered = drafts.iter().zip(ids);
    numbered.map(|(draft, id)| listener(draft, id, tls, report)).collect()
}

fn listener(draft: &Bind, id: u32, defaults: &Defaults, report: &mut Vec<Diagnostic>) -> plan::Bind {
    plan::Bind {
        tls: Settling::new(&draft.tls, defaults, report).termination().map(Arc::new),
        id,
        ..draft.plan.clone()
    }
}

fn server(
    draft: &Server,
    id: u32,
    timeouts: Timeouts,
    script: Option<&Arc<Script>>,
    (defaults, resolvers): Ground<'_>,
    report: &mut Vec<Diagnostic>,
) -> plan::Server {
    let options = &draft.options;
    let send_proxy = options.send_proxy.into_write();
    // Whoever is asked where the clients go is asked as they ask; elsewhere somebody else may answer.
    let is_where_clients_go = options.check_port.is_none() && options.check_host.is_none();
    let check_send_proxy = match options.check_send_proxy {
        true => Some(send_proxy.unwrap_or(Write {
            version: Version::V1,
            details: Details::default(),
        })),
        false => send_proxy.filter(|_| is_where_clients_go),
    };
    let goes_elsewhere = options.check_port.is_some() || options.check_host.is_some();
    let tls = Settling::new(&draft.tls, defaults, report).origination().map(Arc::new);
    let asked_for = script.is_some_and(|script| script.speaks_tls());
    let mut of_check = Vec::new();
    let check_tls = Settling::new(&draft.tls, defaults, &mut of_check)
        .check(goes_elsewhere, asked_for)
        .map(Arc::new);
    // What is wrong with both is said once.
    if tls.is_none() && options.check {
        report.append(&mut of_check);
    }
    let check = options.check.then(|| Check {
        settings: CheckSettings {
            inter: options.inter,
            fastinter: options.fastinter,
            downinter: options.downinter,
            rise: options.rise,
            fall: options.fall,
            connect_timeout: check_limit(options.inter, timeouts),
        },
        host: options.check_host.clone(),
        port: options.check_port,
        script: script.cloned(),
        answer_timeout: timeouts.check,
        external: None,
        send_proxy: check_send_proxy,
        tls: check_tls,
    });
    plan::Server {
        name: Arc::clone(&draft.name.value),
        id: ServerId(id),
        is_numbered: draft.id.is_some(),
        host: draft.host.clone(),
        port: draft.port,
        origin: Arc::clone(&draft.origin),
        weight: options.weight,
        backup: options.backup,
        is_named: false,
        disabled: options.disabled,
        // Where the smaller one is not smaller, it is both.
        maxconn: options.maxconn.max(options.minconn),
        minconn: if options.minconn < options.maxconn {
            options.minconn
        } else {
            0
        },
        non_stick: options.non_stick,
        agent: agent(options, timeouts),
        tracks: None,
        source: None,
        hash_key: options.hash_key,
        user_timeout: options.user_timeout,
        buffers: plan::Buffers::default(),
        send_proxy,
        told: told(options),
        maxqueue: options.maxqueue,
        conduct: Conduct {
            // In whole seconds, as HAProxy counts it.
            slowstart: Duration::from_secs(options.slowstart.as_millis().div_ceil(1000) as u64),
            observe: options.observe.then_some(Observe {
                limit: options.error_limit,
                then: options.on_error,
            }),
            // Without checks there is nothing to wait for.
            init: if options.check {
                options.init
            } else {
                InitState::default()
            },
            ends_sessions: options.ends_sessions,
            ends_backup_sessions: options.ends_backup_sessions,
        },
        check,
        tls,
        guid: draft.guid.clone(),
        resolve: resolvers::of_server(&options.resolve, resolvers, report),
        init_addr: resolvers::first(&options.resolve),
    }
}

fn tells(options: &ServerOptions) -> bool {
    let header = options.send_proxy.into_write();
    header.is_some_and(|header| header.version == Version::V2)
}

/// What is told beside, to whom a header can tell it.
fn told(options: &ServerOptions) -> Arc<[plan::Told]> {
    match tells(options) {
        true => options.told.iter().map(|told| told.plan.clone()).collect(),
        false => Arc::default(),
    }
}

/// Values that no server tells. What all inherit is for those that can, in whichever backends they are, and is said once.
pub(super) fn untold(proxies: &[Proxy], report: &mut Vec<Diagnostic>) {
    let servers = proxies.iter().filter(|proxy| proxy.role.serves());
    let servers = servers.flat_map(|proxy| &proxy.servers);
    let (tell, silent): (Vec<&Server>, Vec<&Server>) = servers.partition(|server| tells(&server.options));
    let spans = |servers: &[&Server]| -> BTreeSet<Span> {
        let all = servers.iter().flat_map(|server| &server.options.told);
        all.map(|told| told.span).collect()
    };
    for span in spans(&silent).difference(&spans(&tell)) {
        let message = "only a PROXY header of version 2 has values: this one is not sent";
        report.push(
            Diagnostic::warning(code::CONFLICT, *span, message)
                .help("add `send-proxy-v2`, or leave `set-proxy-v2-tlv-fmt` out"),
        );
    }
}

/// The program that makes the checks of this proxy, where one does.
fn external(proxy: &Proxy) -> Option<Arc<External>> {
    let settings = &proxy.settings;
    if settings.checking.kind != Kind::External {
        return None;
    }
    let unused = || Arc::from(External::NOT_USED);
    let place = match proxy.binds.first().map(|bind| &bind.plan.address) {
        Some(BindAddress::Ip { ip, port }) => (ip.to_string().into(), port.to_string().into()),
        Some(BindAddress::Unix(path)) => (path.display().to_string().into(), unused()),
        Some(BindAddress::Abstract(name)) => (format!("abns@{name}").into(), unused()),
        Some(BindAddress::Fd(_)) | None => (unused(), unused()),
    };
    Some(Arc::new(External {
        command: settings.external.command.clone()?,
        path: settings.external.path.clone().unwrap_or_default(),
        proxy: place,
    }))
}

/// One word of it is enough to go down, and one to come back.
fn agent(options: &ServerOptions, timeouts: Timeouts) -> Option<Agent> {
    const USUAL: Duration = Duration::from_secs(2);
    let inter = options.agent_inter.unwrap_or(USUAL);
    // `addr` and `port` are of both.
    let port = options.agent_port.or(options.check_port).filter(|_| options.agent)?;
    let address_of_checks = match &options.check_host {
        Some(Host::Ip(ip)) => Some(*ip),
        _ => None,
    };
    Some(Agent {
        settings: CheckSettings {
            inter,
            fastinter: None,
            downinter: None,
            rise: 1,
            fall: 1,
            connect_timeout: check_limit(inter, timeouts),
        },
        ip: options.agent_ip.or(address_of_checks),
        port,
        send: options.agent_send.clone(),
    })
}

/// Without `timeout check` one interval covers the whole check; with it, connecting may take the shorter of
/// `timeout connect` and the interval.
fn check_limit(inter: Duration, timeouts: Timeouts) -> Duration {
    match (timeouts.check, timeouts.connect) {
        (Some(_), Some(connect)) => connect.min(inter),
        _ => inter,
    }
}
