//! Whether what rules and expressions name is there.

use std::collections::BTreeSet;
use std::sync::Arc;

use tandem_lb_core::bandwidth::{Among, Limiter};
use tandem_lb_core::rules::Target;
use tandem_text::{Diagnostic, Span, Spanned, nearest};

use super::{tracking, userlists};
use crate::code;
use crate::draft::{Draft, Mode, Proxy};
use crate::expr::Reference;
use crate::plan::Backend;

pub(super) fn check(draft: &Draft, report: &mut Vec<Diagnostic>) {
    let missing = draft
        .proxies
        .iter()
        .filter(|proxy| !proxy.settings.disabled)
        .flat_map(|proxy| of(proxy, draft));
    report.extend(missing);
}

/// Notes who is named by others, and cannot go without them.
pub(super) fn note(proxies: &[Proxy], backends: &mut [Backend]) {
    let (mut named, mut servers) = (BTreeSet::new(), BTreeSet::new());
    for proxy in proxies {
        let own = proxy.name.value.to_string();
        named.extend(proxy.settings.default_backend.as_ref().map(|name| name.value.clone()));
        for reference in all(proxy) {
            match reference.value {
                Reference::Backend(name) => drop(named.insert(name)),
                Reference::OwnBackend => drop(named.insert(own.clone())),
                Reference::Server(backend, server) => {
                    named.extend(backend.clone());
                    servers.insert((backend.unwrap_or_else(|| own.clone()), server));
                }
                _ => {}
            }
        }
        for track in proxy.servers.iter().filter_map(|server| server.options.track.as_ref()) {
            let whom = tracking::tracked(&track.value, &own);
            servers.insert((whom.backend.to_string(), whom.server.to_string()));
        }
    }
    for backend in backends {
        backend.is_named = named.contains(&*backend.name);
        for server in &mut backend.servers {
            server.is_named = servers.contains(&(backend.name.to_string(), server.name.to_string()));
        }
    }
}

/// Whether any of them asks for that.
pub(super) fn ask(proxies: &[Proxy], wanted: &Reference) -> bool {
    let mut named = proxies.iter().flat_map(all);
    named.any(|reference| reference.value == *wanted)
}

fn of<'a>(proxy: &'a Proxy, draft: &'a Draft) -> impl Iterator<Item = Diagnostic> + 'a {
    let (lists, is_http) = (&draft.userlists, proxy.settings.mode == Mode::Http);
    let sections = || draft.resolvers.iter().map(|section| &*section.value.name);
    all(proxy).filter_map(move |reference| match &reference.value {
        Reference::Userlist(name) => userlists::asked(name, is_http, lists, reference.span),
        Reference::Resolvers(name) => unless_known("section `resolvers` called", name, sections(), reference.span),
        other => missing(proxy, other, reference.span, &draft.proxies),
    })
}

/// What its rules and expressions name.
fn all(proxy: &Proxy) -> impl Iterator<Item = Spanned<Reference>> {
    let servers = proxy.servers.iter().filter(|_| proxy.role.serves());
    let told = servers
        .flat_map(|server| &server.options.told)
        .flat_map(|told| &told.references);
    let expressions = proxy
        .rules
        .book
        .references
        .iter()
        .chain(&proxy.settings.references)
        .chain(told)
        .cloned();
    let routes = proxy.rules.routes.iter().filter_map(|route| match &route.value.target {
        Target::Named(name) => Some(Spanned::new(Reference::Backend(name.to_string()), route.span)),
        Target::Made(_) => None,
    });
    let servers = proxy.rules.servers.iter().filter_map(|rule| match &rule.value.server {
        Target::Named(name) => Some(Spanned::new(Reference::Server(None, name.to_string()), rule.span)),
        Target::Made(_) => None,
    });
    expressions.chain(routes).chain(servers)
}

fn missing(proxy: &Proxy, reference: &Reference, at: Span, proxies: &[Proxy]) -> Option<Diagnostic> {
    let backends = || proxies.iter().filter(|p| p.role.serves());
    match reference {
        Reference::Frontend(name) => {
            let known = proxies.iter().filter(|p| p.role.accepts());
            unless_known("frontend", name, known.map(|p| &*p.name.value), at)
        }
        Reference::OwnBackend if proxy.role.serves() => None,
        Reference::OwnBackend => {
            let message = "a frontend has no servers of its own: the name of a backend is missing";
            Some(
                Diagnostic::error(code::MISSING, at, message).help("write it in parentheses, such as `nbsrv(brokers)`"),
            )
        }
        // Sections are asked for before, and whether tables are there is asked where they are gathered.
        Reference::Table(_)
        | Reference::Stored(..)
        | Reference::Keyed(..)
        | Reference::Userlist(_)
        | Reference::Resolvers(_) => None,
        // It may be nothing.
        Reference::LastRule => None,
        Reference::Limiter(name) | Reference::OwnLimiter(name) => {
            let known = &proxy.rules.limiters;
            let is_shared = |limiter: &Spanned<Arc<Limiter>>| {
                *limiter.value.name == **name && matches!(limiter.value.among, Among::Key { .. })
            };
            if matches!(reference, Reference::OwnLimiter(_)) && known.iter().any(is_shared) {
                let message = format!("what connections share by filter `{name}` has no other limit or period for one");
                return Some(
                    Diagnostic::error(code::CONFLICT, at, message).help("leave `limit` and `period` out here"),
                );
            }
            unless_known("filter", name, known.iter().map(|limiter| &*limiter.value.name), at)
        }
        Reference::Backend(name) => unless_known("backend", name, backends().map(|p| &*p.name.value), at),
        Reference::Server(backend, server) => {
            let owner = match backend {
                None => proxy,
                Some(backend) => match backends().find(|p| *p.name.value == **backend) {
                    Some(owner) => owner,
                    None => return unless_known("backend", backend, backends().map(|p| &*p.name.value), at),
                },
            };
            unless_known("server", server, owner.servers.iter().map(|s| &*s.name.value), at)
        }
    }
}

pub(super) fn unless_known<'a>(
    what: &str,
    name: &str,
    known: impl Iterator<Item = &'a str>,
    at: Span,
) -> Option<Diagnostic> {
    let known: Vec<&str> = known.collect();
    if known.contains(&name) {
        return None;
    }
    let diagnostic = Diagnostic::error(code::UNDEFINED, at, format!("there is no {what} `{name}`"));
    Some(match nearest(name, known.iter().copied()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None if known.is_empty() => diagnostic.help(format!("there is no {what} at all here")),
        None => diagnostic.help(format!("there are: {}", known.join(", "))),
    })
}
