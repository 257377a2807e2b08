//! `track`: whom each server follows, and that this ends at one that is checked.

use tandem_lb_core::backend::Tracked;
use tandem_text::{Diagnostic, Span, Spanned};

use super::references::unless_known;
use crate::code;
use crate::draft::{Proxy, Server};

/// A server of one's own backend needs no more than its name.
pub(super) fn tracked(written: &str, own: &str) -> Tracked {
    let (backend, server) = written.rsplit_once('/').unwrap_or((own, written));
    Tracked {
        backend: backend.into(),
        server: server.into(),
    }
}

pub(super) fn check(proxies: &[Proxy], report: &mut Vec<Diagnostic>) {
    for proxy in proxies.iter().filter(|proxy| proxy.role.serves()) {
        for server in &proxy.servers {
            if let Some(track) = &server.options.track {
                report.extend(fault(proxies, (proxy, server), track));
            }
        }
    }
}

fn fault(proxies: &[Proxy], follower: (&Proxy, &Server), track: &Spanned<String>) -> Option<Diagnostic> {
    let (proxy, server) = follower;
    let error = |message: String, help: &str| Some(Diagnostic::error(code::CONFLICT, track.span, message).help(help));
    let whom = tracked(&track.value, &proxy.name.value);
    let Some((leader, led)) = find(proxies, &whom) else {
        return unknown(proxies, &whom, track.span);
    };
    if server.options.check {
        let message = format!("server `{}` is checked and follows another one", server.name.value);
        return error(message, "leave out `check` or `track`");
    }
    let options = &led.options;
    if !options.check && !options.agent && options.track.is_none() {
        let message = format!("`{whom}` has neither checks nor an agent, so there is nothing to follow");
        return error(message, "add `check` to that server");
    }
    // As many steps as there are servers lead round a circle, if there is one.
    let most = proxies.iter().map(|proxy| proxy.servers.len()).sum();
    let mut step = (leader, led);
    for _ in 0..most {
        if std::ptr::eq(step.1, server) {
            let message = format!("`{whom}` follows this server itself");
            return error(message, "have one of them checked instead");
        }
        let next = step.1.options.track.as_ref()?;
        step = find(proxies, &tracked(&next.value, &step.0.name.value))?;
    }
    None
}

fn find<'a>(proxies: &'a [Proxy], whom: &Tracked) -> Option<(&'a Proxy, &'a Server)> {
    let mut backends = proxies.iter().filter(|proxy| proxy.role.serves());
    let backend = backends.find(|proxy| *proxy.name.value == *whom.backend)?;
    let server = backend
        .servers
        .iter()
        .find(|server| *server.name.value == *whom.server)?;
    Some((backend, server))
}

fn unknown(proxies: &[Proxy], whom: &Tracked, at: Span) -> Option<Diagnostic> {
    let backends = || proxies.iter().filter(|proxy| proxy.role.serves());
    match backends().find(|proxy| *proxy.name.value == *whom.backend) {
        None => unless_known("backend", &whom.backend, backends().map(|p| &*p.name.value), at),
        Some(backend) => {
            let names = backend.servers.iter().map(|s| &*s.name.value);
            unless_known("server", &whom.server, names, at)
        }
    }
}
