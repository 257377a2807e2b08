//! The numbers of proxies, servers and listeners, given as HAProxy gives them: a fixed number is kept, every other gets the first
//! free one from its position on.

use std::collections::HashMap;

use tandem_text::{Diagnostic, Span, Spanned};

use crate::code;
use crate::draft::{Bind, Proxy, Server};
use crate::plan::Global;

const FIRST_PROXY: u32 = 1;
const FIRST_SERVER: u32 = 1;
const FIRST_LISTENER: u32 = 1;

/// HAProxy counts its own proxy of the stats socket, where there is one, as the first.
pub(super) fn proxies(global: &Global, proxies: &[Proxy], report: &mut Vec<Diagnostic>) -> Vec<u32> {
    let has_socket = !global.stats_sockets.is_empty() || global.stats_timeout.is_some();
    let first = if has_socket { FIRST_PROXY + 1 } else { FIRST_PROXY };
    number(proxies.iter().map(|proxy| proxy.id), first, "proxy", report)
}

pub(super) fn servers(servers: &[Server], report: &mut Vec<Diagnostic>) -> Vec<u32> {
    number(servers.iter().map(|server| server.id), FIRST_SERVER, "server", report)
}

pub(super) fn listeners(binds: &[Bind], report: &mut Vec<Diagnostic>) -> Vec<u32> {
    let fixed = |bind: &Bind| (bind.plan.id > 0).then(|| Spanned::new(bind.plan.id, bind.tls.span));
    number(binds.iter().map(fixed), FIRST_LISTENER, "listener", report)
}

fn number(
    fixed: impl Iterator<Item = Option<Spanned<u32>>> + Clone,
    first: u32,
    what: &str,
    report: &mut Vec<Diagnostic>,
) -> Vec<u32> {
    let mut taken: HashMap<u32, Span> = HashMap::new();
    for id in fixed.clone().flatten() {
        if taken.insert(id.value, id.span).is_some() {
            let message = format!("another {what} already has the id {}", id.value);
            report.push(Diagnostic::error(code::DUPLICATE, id.span, message).help("choose an id that is not used"));
        }
    }
    let mut next = first;
    let mut ids = Vec::new();
    for id in fixed {
        while id.is_none() && taken.contains_key(&next) {
            next += 1;
        }
        ids.push(id.map_or(next, |id| id.value));
        // A fixed id uses up a position too.
        next += 1;
    }
    ids
}
