//! The numbers of proxies and servers, given as HAProxy gives them: a fixed number is kept, every other gets the first
//! free one from its position on.

use std::collections::HashMap;

use tandem_text::{Diagnostic, Span, Spanned};

use crate::code;
use crate::draft::{Proxy, Server};

/// HAProxy numbers its first proxy 2.
const FIRST_PROXY: u32 = 2;
const FIRST_SERVER: u32 = 1;

pub(super) fn proxies(proxies: &[Proxy], report: &mut Vec<Diagnostic>) -> Vec<u32> {
    number(proxies.iter().map(|proxy| proxy.id), FIRST_PROXY, "proxy", report)
}

pub(super) fn servers(servers: &[Server], report: &mut Vec<Diagnostic>) -> Vec<u32> {
    number(servers.iter().map(|server| server.id), FIRST_SERVER, "server", report)
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
