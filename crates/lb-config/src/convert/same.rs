//! Whether two Plans mean the same, wherever and in whatever order it is written.

use std::sync::Arc;

use tandem_lb_core::acl::{Acls, Condition, Library};
use tandem_text::Verdict;

use crate::plan::{Backend, Frontend, Plan};

/// Where something was written, and how ACLs are counted, is no part of what it means. The numbers of lists of patterns
/// are, to whoever changes them over the stats socket.
pub fn same(a: &Plan, b: &Plan) -> Verdict {
    let (mut a, mut b) = (bare(a), bare(b));
    if a == b {
        return Verdict::Same;
    }
    a.patterns = Library::default();
    b.patterns = Library::default();
    if a == b {
        Verdict::Renumbered
    } else {
        Verdict::Different
    }
}

/// Without places, and with the ACLs in the order in which conditions ask for them.
fn bare(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    let nowhere: Arc<str> = "".into();
    for frontend in &mut plan.frontends {
        frontend
            .binds
            .iter_mut()
            .for_each(|bind| bind.origin = Arc::clone(&nowhere));
        order_frontend(frontend);
    }
    for backend in &mut plan.backends {
        backend
            .servers
            .iter_mut()
            .for_each(|server| server.origin = Arc::clone(&nowhere));
        order_backend(backend);
    }
    for section in &mut plan.peers {
        section.origin = Arc::clone(&nowhere);
        let binds = section.binds.iter_mut().map(|bind| &mut bind.origin);
        let peers = section.peers.iter_mut().map(|peer| &mut peer.origin);
        binds.chain(peers).for_each(|origin| *origin = Arc::clone(&nowhere));
    }
    let sockets = plan.global.stats_sockets.iter_mut();
    sockets.for_each(|socket| socket.origin = Arc::clone(&nowhere));
    plan
}

fn order_frontend(frontend: &mut Frontend) {
    let requests = &mut frontend.requests;
    let rules = [
        &mut requests.connection,
        &mut requests.session,
        &mut requests.content,
        &mut requests.response,
    ];
    let rules = rules.into_iter().flat_map(|set| set.rules.iter_mut());
    let conditions = rules.map(|rule| &mut rule.when);
    let routes = frontend.routes.0.iter_mut().map(|route| &mut route.when);
    order(&mut requests.acls, conditions.chain(routes).flatten());
}

fn order_backend(backend: &mut Backend) {
    let requests = &mut backend.requests;
    let rules = [&mut requests.content, &mut requests.response];
    let rules = rules.into_iter().flat_map(|set| set.rules.iter_mut());
    let conditions = rules.map(|rule| &mut rule.when);
    let stick = backend.stick.iter_mut().map(|rule| &mut rule.when);
    let servers = backend.use_server.iter_mut().map(|rule| &mut rule.when);
    order(&mut requests.acls, conditions.chain(stick).chain(servers).flatten());
}

/// Those that nobody asks for are gone.
fn order<'a>(acls: &mut Acls, conditions: impl Iterator<Item = &'a mut Condition>) {
    let mut order: Vec<usize> = Vec::new();
    for term in conditions.flat_map(|condition| condition.any.iter_mut().flatten()) {
        let place = order.iter().position(|known| *known == term.acl).unwrap_or_else(|| {
            order.push(term.acl);
            order.len() - 1
        });
        term.acl = place;
    }
    let found = order.iter().filter_map(|old| acls.0.get(*old).cloned()).collect();
    acls.0 = found;
}
