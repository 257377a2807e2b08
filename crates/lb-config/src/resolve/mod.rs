//! A draft to a Plan: numbers given, names found, and what the whole means checked.

mod checks;
mod forward;
mod ids;
mod moulds;
mod pages;
mod parts;
mod peers;
mod reach;
mod references;
mod resolvers;
mod rings;
mod tables;
mod tracking;
mod userlists;

use std::collections::BTreeMap;
use std::sync::Arc;

use tandem_text::{Diagnostic, nearest};

use crate::code;
use crate::draft::{Draft, Proxy, UnixBind};
use crate::expr::Reference;
use crate::plan::{Backend, Plan, Service};
pub(crate) use resolvers::usual as usual_resolvers;

/// Always a Plan; whether it may be used is for the diagnostics to say.
pub(crate) fn resolve(mut draft: Draft, report: &mut Vec<Diagnostic>) -> Plan {
    checks::proxies(&draft.proxies, draft.global.external_checks, report);
    references::check(&draft, report);
    userlists::check(&draft.userlists, report);
    rings::check(&draft, report);
    forward::check(&draft, report);
    tracking::check(&draft.proxies, report);
    let ids = ids::proxies(&draft.global, &draft.proxies, report);
    let backends = Names::of_backends(&draft.proxies);

    // Each line that speaks TLS has it from here on.
    let tls = std::mem::take(&mut draft.global.tls);
    draft.global.unix_bind = UnixBind::default();
    let of_clients = std::mem::take(&mut draft.global.client_buffers);
    let of_servers = std::mem::take(&mut draft.global.server_buffers);
    let (inspected, _) = std::mem::take(&mut draft.global.inspected).bytes();
    let resolvers = std::mem::take(&mut draft.resolvers);
    resolvers::check(&resolvers, report);
    let sections = std::mem::take(&mut draft.peers);
    let mut plan = Plan {
        tables: tables::all(&draft.proxies, &sections, report),
        rings: rings::all(&draft.rings, &tls, report),
        peers: peers::all(sections, &draft.global, &tls, report),
        global: draft.global,
        resolvers: resolvers.iter().map(|section| section.value.clone()).collect(),
        ..Plan::default()
    };
    let lists = userlists::all(&draft.userlists);
    plan.moulds = moulds::all(draft.named_defaults, (&tls, &resolvers), report);
    let last_rule = references::ask(&draft.proxies, &Reference::LastRule);
    for (place, (proxy, id)) in (0..).zip(draft.proxies.iter().zip(ids)) {
        if proxy.role.accepts() {
            let backend = backends.wanted_by(proxy, report);
            let mut frontend = parts::frontend(proxy, id, backend, &tls, report);
            frontend.place = place;
            frontend.remembers_rules = last_rule;
            if let Service::Stats(stats) = &mut frontend.service
                && !(stats.rules.is_empty() && stats.changers.is_empty())
            {
                stats.lists.clone_from(&lists);
            }
            plan.frontends.push(frontend);
        }
        if proxy.role.serves() {
            plan.backends.push(Backend {
                place,
                ..parts::backend(proxy, id, (&tls, &resolvers), report)
            });
        }
    }
    parts::untold(&draft.proxies, report);
    references::note(&draft.proxies, &mut plan.backends);
    for frontend in &mut plan.frontends {
        frontend.buffers = of_clients;
        frontend.inspected = inspected;
    }
    let servers = plan.backends.iter_mut().flat_map(|backend| &mut backend.servers);
    servers.for_each(|server| server.buffers = of_servers);
    plan
}

/// The backends by name, with their places in the Plan.
struct Names(BTreeMap<Arc<str>, usize>);

impl Names {
    fn of_backends(proxies: &[Proxy]) -> Self {
        let mut names = BTreeMap::new();
        let backends = proxies.iter().filter(|proxy| proxy.role.serves());
        for (place, proxy) in backends.enumerate() {
            names.entry(Arc::clone(&proxy.name.value)).or_insert(place);
        }
        Self(names)
    }

    /// The backend that a frontend names; a `listen` without one uses its own half.
    fn wanted_by(&self, proxy: &Proxy, report: &mut Vec<Diagnostic>) -> Option<usize> {
        let Some(wanted) = &proxy.settings.default_backend else {
            return proxy
                .role
                .serves()
                .then(|| self.0.get(&proxy.name.value).copied())
                .flatten();
        };
        let found = self.0.get(wanted.value.as_str()).copied();
        if found.is_none() && !proxy.settings.disabled {
            let message = format!("there is no backend `{}`", wanted.value);
            let mut diagnostic = Diagnostic::error(code::UNDEFINED, wanted.span, message);
            let known: Vec<&str> = self.0.keys().map(AsRef::as_ref).collect();
            diagnostic.help = match nearest(&wanted.value, known.iter().copied()) {
                Some(near) => Some(format!("did you mean `{near}`?")),
                None if known.is_empty() => Some(format!("add a section `backend {}`", wanted.value)),
                None => Some(format!("the backends are: {}", known.join(", "))),
            };
            if !report.contains(&diagnostic) {
                report.push(diagnostic);
            }
        }
        found
    }
}
