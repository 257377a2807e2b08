//! What a configuration must and should say as a whole, whichever dialect said it.

use std::collections::HashMap;
use std::sync::Arc;

use tandem_lb_core::balance::{Algorithm, HashMethod};
use tandem_lb_core::expr::Place;
use tandem_text::{Diagnostic, Span};

use super::pages;
use crate::checking::Kind;
use crate::code;
use crate::draft::{Mode, Proxy, Role};
use crate::plan::{Host, ServerPort};

pub(super) fn proxies(proxies: &[Proxy], runs_programs: bool, report: &mut Vec<Diagnostic>) {
    names(proxies, report);
    // Like HAProxy, asks nothing of what will not be started.
    for proxy in proxies.iter().filter(|proxy| !proxy.settings.disabled) {
        mode(proxy, report);
        listeners(proxy, report);
        pages::check(proxy, report);
        timeouts(proxy, report);
        servers(proxy, report);
        hashing(proxy, report);
        external(proxy, runs_programs, report);
    }
}

/// A frontend and a backend may share a name; two of a kind may not, and a `listen` is both kinds.
fn names(proxies: &[Proxy], report: &mut Vec<Diagnostic>) {
    let mut seen: HashMap<(bool, Arc<str>), Role> = HashMap::new();
    for proxy in proxies {
        let kinds = [(true, proxy.role.accepts()), (false, proxy.role.serves())];
        let keys = kinds
            .into_iter()
            .filter(|(_, is)| *is)
            .map(|(kind, _)| (kind, Arc::clone(&proxy.name.value)));
        let keys: Vec<_> = keys.collect();
        if let Some(other) = keys.iter().find_map(|key| seen.get(key)) {
            let message = format!("a {} named `{}` exists already", other.word(), proxy.name.value);
            report.push(
                Diagnostic::error(code::DUPLICATE, proxy.name.span, message).help("give one of them another name"),
            );
        }
        keys.into_iter().for_each(|key| {
            seen.entry(key).or_insert(proxy.role);
        });
    }
}

fn mode(proxy: &Proxy, report: &mut Vec<Diagnostic>) {
    let at = proxy.name.span;
    let stats = proxy.settings.stats.as_ref().map(|stats| stats.span);
    match (proxy.settings.mode, stats) {
        (Mode::Http, Some(_)) if !proxy.servers.is_empty() || proxy.settings.default_backend.is_some() => report.push(
            Diagnostic::error(
                code::UNSUPPORTED,
                at,
                "HTTP is not relayed: only the statistics page is answered",
            )
            .help("take servers and `default_backend` out of the section with the page"),
        ),
        (Mode::Http, Some(_)) if proxy.role.accepts() => {}
        (Mode::Http, _) => report.push(
            Diagnostic::error(
                code::UNSUPPORTED,
                at,
                "`mode http` is only supported for a statistics page",
            )
            .help("write `mode tcp`, or `stats enable` if this is the statistics page"),
        ),
        (Mode::Tcp | Mode::Forward, Some(stats)) => report.push(
            Diagnostic::warning(
                code::CONFLICT,
                stats,
                "the statistics page needs `mode http`; it is left out",
            )
            .help("add `mode http` to this section"),
        ),
        (Mode::Tcp | Mode::Forward, None) => {}
    }
}

fn listeners(proxy: &Proxy, report: &mut Vec<Diagnostic>) {
    if proxy.role.accepts() && proxy.binds.is_empty() {
        let message = format!("{} `{}` listens nowhere", proxy.role.word(), proxy.name.value);
        report.push(incomplete(proxy.name.span, message, "add a `bind`"));
    }
    let relays = proxy.settings.mode == Mode::Tcp && proxy.role == Role::Frontend;
    if relays && proxy.settings.default_backend.is_none() && proxy.rules.routes.is_empty() {
        let message = format!(
            "frontend `{}` leads nowhere: its connections are closed at once",
            proxy.name.value
        );
        report.push(incomplete(proxy.name.span, message, "add a `default_backend`"));
    }
}

/// Without these a client that went away keeps its connection for ever.
fn timeouts(proxy: &Proxy, report: &mut Vec<Diagnostic>) {
    let timeouts = proxy.settings.timeouts;
    let accepts = proxy.role.accepts() && !proxy.binds.is_empty() && proxy.forward.is_none();
    let serves = proxy.role.serves() && !proxy.servers.is_empty();
    let wanted = [
        ("client", accepts && timeouts.client.is_none()),
        ("connect", serves && timeouts.connect.is_none()),
        ("server", serves && timeouts.server.is_none()),
    ];
    let missing: Vec<&str> = wanted
        .into_iter()
        .filter(|(_, missing)| *missing)
        .map(|(name, _)| name)
        .collect();
    if missing.is_empty() {
        return;
    }
    let names = missing.join(", ");
    let message = format!(
        "{} `{}` has no timeout for: {names}",
        proxy.role.word(),
        proxy.name.value
    );
    report.push(incomplete(
        proxy.name.span,
        message,
        "without it a dead connection stays for ever; set it in `defaults`",
    ));
}

fn servers(proxy: &Proxy, report: &mut Vec<Diagnostic>) {
    let mut seen: HashMap<&str, Span> = HashMap::new();
    for server in &proxy.servers {
        let name = &server.name;
        if seen.insert(&name.value, name.span).is_some() {
            let message = format!("another server of `{}` is named `{}`", proxy.name.value, name.value);
            report.push(Diagnostic::error(code::DUPLICATE, name.span, message).help("give each server its own name"));
        }
        let options = &server.options;
        let port_known = options.check_port.is_some() || matches!(server.port, ServerPort::Fixed(_));
        if options.agent && options.agent_port.or(options.check_port).is_none() {
            let message = format!("server `{}` has an agent, but not its port", name.value);
            report.push(Diagnostic::error(code::MISSING, name.span, message).help("add `agent-port N`"));
        }
        if options.agent && options.agent_ip.is_none() && matches!(options.check_host, Some(Host::Name(_))) {
            let message = format!(
                "the agent of server `{}` is where `addr` says, which is a name; names are not looked up for agents",
                name.value
            );
            report
                .push(Diagnostic::error(code::BAD_ADDRESS, name.span, message).help("add `agent-addr` and an address"));
        }
        if options.observe && !options.check {
            let message = format!(
                "server `{}` is observed, but not checked: nothing would come of it",
                name.value
            );
            report.push(incomplete(name.span, message, "add `check`"));
        }
        if options.check && !port_known {
            let message = format!("server `{}` is checked, but has no port to check", name.value);
            report.push(
                Diagnostic::error(code::MISSING, name.span, message).help("add a port to its address, or `port N`"),
            );
        }
    }
}

/// Whoever writes a path must not run it by that alone: `global` allows it.
fn external(proxy: &Proxy, is_allowed: bool, report: &mut Vec<Diagnostic>) {
    if proxy.settings.checking.kind != Kind::External || !proxy.role.serves() {
        return;
    }
    let (name, at) = (&proxy.name.value, proxy.name.span);
    if !is_allowed {
        let message = format!("backend `{name}` is checked by a program, which `global` does not allow");
        report.push(Diagnostic::error(code::MISSING, at, message).help("add `external-check` to `global`"));
    }
    if proxy.settings.external.command.is_none() {
        let message = format!("backend `{name}` is checked by a program, but by which?");
        report.push(Diagnostic::error(code::MISSING, at, message).help("add `external-check command PATH`"));
    }
}

fn hashing(proxy: &Proxy, report: &mut Vec<Diagnostic>) {
    let settings = &proxy.settings;
    let policy = settings.policy;
    let is_bound = matches!(policy.algorithm, Algorithm::Random { .. }) || policy.hash.method != HashMethod::MapBased;
    if policy.balance_factor > 0 && proxy.role.serves() && !is_bound {
        let message = format!(
            "`hash-balance-factor` means nothing to the map of backend `{}`",
            proxy.name.value
        );
        report.push(incomplete(proxy.name.span, message, "add `hash-type consistent`"));
    }
    let key = settings.hash_key.as_ref().filter(|_| proxy.role.serves());
    if let Some(origin) = key.and_then(|key| key.expr.out_of_place(&[Place::Choice])) {
        let message = format!(
            "backend `{}` hashes {}, which is not there when a server is chosen",
            proxy.name.value,
            origin.words()
        );
        report.push(
            Diagnostic::error(code::CONFLICT, proxy.name.span, message)
                .help("hash what the client's side knows, such as `src` or `req.ssl_sni`"),
        );
    }
    if settings.policy.algorithm == Algorithm::Hash && settings.hash_key.is_none() {
        let message = format!("backend `{}` hashes, but does not say what", proxy.name.value);
        let help = "add `hash.key = \"EXPRESSION\"`, such as \"req.ssl_sni\"";
        report.push(Diagnostic::error(code::MISSING, proxy.name.span, message).help(help));
    }
}

fn incomplete(span: Span, message: String, help: &str) -> Diagnostic {
    Diagnostic::warning(code::INCOMPLETE, span, message).help(help)
}
