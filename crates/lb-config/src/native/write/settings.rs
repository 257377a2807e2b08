//! What a proxy may inherit.

use tandem_lb_core::balance::{HashFunction, HashMethod};
use tandem_lb_core::log::format::Format;

use super::super::model::{Hash, Keepalive, Logging, Settings, Stats, Timeouts};
use super::super::value::{BalanceFactor, Limit, Value};
use super::{count, flag, limit, log, new, number, server, time, unless_as};
use crate::checking::Checking;
use crate::draft::{self, Probing, Role};
use crate::plan;

/// The keys that matter to a section of this role and say otherwise than `base`.
pub(in super::super) fn settings(settings: &draft::Settings, base: &draft::Settings, role: Role) -> Settings {
    let draft::Settings {
        mode,
        disabled,
        logs: _,
        log_rule: _,
        log_health_checks: _,
        checking: _,
        maxconn,
        session_rate,
        backlog,
        default_backend,
        timeouts: _,
        // Lines of rules say them.
        inspect_delay: _,
        response_delay: _,
        external,
        source,
        fullconn,
        retries,
        redispatch,
        policy,
        hash_key: _,
        client_keepalive: _,
        server_keepalive: _,
        nolinger,
        persists,
        abort_on_close,
        independent_streams,
        stats: shown,
        server: options,
        server_tls,
        server_states,
        socket_stats,
        // Where things were written, and what they lean on.
        from: _,
        written: _,
        references: _,
        // Each section says it.
        server_state_file: _,
    } = settings;
    let is_front = role.accepts() || role == Role::Defaults;
    let is_back = role.serves() || role == Role::Defaults;
    let mut found = Settings {
        mode: unless_as(mode, &base.mode, |mode| Value(*mode)),
        disabled: flag(*disabled, base.disabled),
        nolinger: flag(*nolinger, base.nolinger),
        abort_on_close: flag(*abort_on_close, base.abort_on_close),
        independent_streams: flag(*independent_streams, base.independent_streams),
        logging: logging(settings, base, role),
        timeout: timeouts(settings, base, role),
        keepalive: keepalive(settings, base, role),
        ..Settings::default()
    };
    if is_front {
        let of_base = base.default_backend.as_ref().map(|backend| &backend.value);
        let backend = default_backend.as_ref().map(|backend| &backend.value);
        found.maxconn = count(*maxconn, base.maxconn);
        found.session_rate = count(*session_rate, base.session_rate);
        found.backlog = count(*backlog, base.backlog);
        found.default_backend = backend.filter(|_| backend != of_base).map(|name| new(name.clone()));
        found.socket_stats = flag(*socket_stats, base.socket_stats);
        let usual = plan::Stats::default();
        let of_base = base.stats.as_ref().map(|stats| &stats.value);
        let shown = shown
            .as_ref()
            .map(|stats| &stats.value)
            .filter(|stats| Some(*stats) != of_base);
        found.stats = shown.map(|shown| new(stats(shown, of_base.unwrap_or(&usual))));
    }
    if is_back {
        let command = external.command.as_ref();
        let command = command.filter(|_| external.command != base.external.command);
        found.external_command = command.map(|command| command.display().to_string());
        let path = external.path.as_ref().filter(|_| external.path != base.external.path);
        found.external_path = path.map(ToString::to_string);
        found.source = source.as_deref().filter(|_| *source != base.source).cloned().map(Value);
        found.fullconn = count(*fullconn, base.fullconn);
        found.persist = flag(*persists, base.persists);
        found.retries = number(*retries, base.retries);
        found.redispatch = unless_as(redispatch, &base.redispatch, |redispatch| Value(*redispatch));
        found.balance = unless_as(&policy.algorithm, &base.policy.algorithm, |algorithm| Value(*algorithm));
        found.hash = hash(settings, base);
        found.all_backups = flag(policy.all_backups, base.policy.all_backups);
        found.server_states = unless_as(server_states, &base.server_states, |states| Value(states.clone()));
        found.server_defaults = server::defaults(options, &base.server, server_tls, &base.server_tls);
        checks(&settings.checking, &base.checking, &mut found);
    }
    found
}

fn logging(settings: &draft::Settings, base: &draft::Settings, role: Role) -> Logging {
    let plan::ProxyLogs { global, own, tag } = &settings.logs;
    let plan::LogRule {
        format,
        structured,
        unique_id,
        error,
        dontlognull,
        dontlog_normal,
        log_separate_errors,
        logasap,
    } = &settings.log_rule;
    let mut found = Logging {
        global: flag(*global, base.logs.global),
        to: unless_as(own, &base.logs.own, |own| {
            own.iter().map(|target| new(log(target))).collect()
        }),
        tag: tag.as_ref().filter(|_| *tag != base.logs.tag).map(ToString::to_string),
        ..Logging::default()
    };
    if role != Role::Backend {
        let rule = &base.log_rule;
        let written = |format: &std::sync::Arc<Format>| new(format.written.to_string());
        if *format != rule.format {
            match format {
                None => found.tcplog = Some(false),
                Some(format) if **format == *Format::tcplog() => found.tcplog = Some(true),
                Some(format) => found.format = Some(written(format)),
            }
        }
        found.structured = structured
            .as_ref()
            .filter(|_| *structured != rule.structured)
            .map(written);
        found.unique_id = unique_id.as_ref().filter(|_| *unique_id != rule.unique_id).map(written);
        found.error_format = error.as_ref().filter(|_| *error != rule.error).map(written);
        found.dontlognull = flag(*dontlognull, rule.dontlognull);
        found.dontlog_normal = flag(*dontlog_normal, rule.dontlog_normal);
        found.separate_errors = flag(*log_separate_errors, rule.log_separate_errors);
        found.asap = flag(*logasap, rule.logasap);
    }
    if role != Role::Frontend {
        found.health_checks = flag(settings.log_health_checks, base.log_health_checks);
    }
    found
}

fn timeouts(settings: &draft::Settings, base: &draft::Settings, role: Role) -> Timeouts {
    let draft::Timeouts {
        client,
        client_fin,
        client_hs,
        connect,
        server,
        server_fin,
        tunnel,
        check,
        queue,
    } = settings.timeouts;
    let base = &base.timeouts;
    let front = |time: Option<Value<Limit>>| time.filter(|_| role != Role::Backend);
    let back = |time: Option<Value<Limit>>| time.filter(|_| role != Role::Frontend);
    Timeouts {
        client: front(limit(client, base.client)),
        client_fin: front(limit(client_fin, base.client_fin)),
        client_hs: front(limit(client_hs, base.client_hs)),
        connect: back(limit(connect, base.connect)),
        server: back(limit(server, base.server)),
        server_fin: back(limit(server_fin, base.server_fin)),
        tunnel: back(limit(tunnel, base.tunnel)),
        check: back(limit(check, base.check)),
        queue: back(limit(queue, base.queue)),
    }
}

fn keepalive(settings: &draft::Settings, base: &draft::Settings, role: Role) -> Keepalive {
    let mut found = Keepalive::default();
    if role != Role::Backend {
        let Probing { on, knobs } = settings.client_keepalive;
        let base = base.client_keepalive;
        found.client = flag(on, base.on);
        found.client_idle = time(knobs.idle, base.knobs.idle);
        found.client_interval = time(knobs.interval, base.knobs.interval);
        found.client_count = count(knobs.count, base.knobs.count);
    }
    if role != Role::Frontend {
        let Probing { on, knobs } = settings.server_keepalive;
        let base = base.server_keepalive;
        found.server = flag(on, base.on);
        found.server_idle = time(knobs.idle, base.knobs.idle);
        found.server_interval = time(knobs.interval, base.knobs.interval);
        found.server_count = count(knobs.count, base.knobs.count);
    }
    found
}

/// The table says all of a hash, so none of it is taken from `base`.
fn hash(settings: &draft::Settings, base: &draft::Settings) -> Option<Hash> {
    let (hash, key) = (settings.policy.hash, &settings.hash_key);
    let (factor, of_base) = (settings.policy.balance_factor, base.policy.balance_factor);
    if hash == base.policy.hash && *key == base.hash_key && factor == of_base {
        return None;
    }
    let function = unless_as(&hash.function, &HashFunction::default(), |function| Value(*function));
    let bare = function.is_none() && hash.method == HashMethod::Consistent;
    Some(Hash {
        method: unless_as(&hash.method, &HashMethod::default(), |method| Value(*method)),
        avalanche: flag(hash.avalanche, bare),
        function,
        balance_factor: unless_as(&factor, &of_base, |factor| Value(BalanceFactor(*factor))),
        key: key.as_ref().map(|key| new(key.text.clone())),
    })
}

/// Whoever may see the page, and what it shows, is added to what `base` says.
fn stats(stats: &plan::Stats, base: &plan::Stats) -> Stats {
    let plan::Stats {
        page,
        uri,
        metrics,
        refresh,
        realm,
        auth,
        admin,
        // Lines say these.
        changers: _,
        rules: _,
        lists: _,
        hide_version,
        scopes,
        show_node,
        show_desc,
        show_legends,
    } = stats;
    let more_auth = auth.iter().skip(base.auth.len());
    Stats {
        page: (!page).then_some(false),
        uri: unless_as(uri, &base.uri, Clone::clone),
        metrics: metrics.clone().filter(|_| *metrics != base.metrics),
        refresh: limit(*refresh, base.refresh),
        realm: realm.clone().filter(|_| *realm != base.realm),
        auth: more_auth
            .map(|(user, password)| new(format!("{user}:{password}")))
            .collect(),
        admin: *admin && !base.admin,
        hide_version: *hide_version && !base.hide_version,
        scopes: scopes.iter().skip(base.scopes.len()).cloned().collect(),
        show_node: show_node.clone().filter(|_| *show_node != base.show_node),
        show_desc: show_desc.clone().filter(|_| *show_desc != base.show_desc),
        show_legends: *show_legends && !base.show_legends,
    }
}

fn checks(checking: &Checking, base: &Checking, into: &mut Settings) {
    let (said, base) = (&checking.said, &base.said);
    let kind = said.kind.as_ref().filter(|_| said.kind != base.kind);
    into.health_check = kind.map(|kind| new(kind.clone()));
    let lines = |lines: &[String]| lines.iter().map(|line| new(line.clone())).collect::<Vec<_>>();
    if said.steps.all() != base.steps.all() {
        into.tcp_check = Some(lines(said.steps.all()));
    }
    if said.http.all() != base.http.all() {
        into.http_check = Some(lines(said.http.all()));
    }
}
