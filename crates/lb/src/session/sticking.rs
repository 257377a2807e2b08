//! The backend's `stick` rules: who sends the connection to its server, and under which keys that server is remembered.

use std::sync::Arc;
use std::task::Context;

use tandem_lb_core::backend::{ServerView, View};
use tandem_lb_core::expr::content::Content;
use tandem_lb_core::rules::{Sticking, Storing};
use tandem_lb_core::stick::{Assigned, Key, Standing, StickEntry, assign};
use tandem_lb_core::{ServerId, ServerIdx};

use super::Session;
use crate::address::Spelled;
use crate::publish::{Backend, Snapshot};
use crate::servers::Server;
use crate::tables::Table;
use crate::wire::Wire;

/// What the rules have said.
#[derive(Debug, Default)]
pub(super) struct Stuck {
    known: Option<ServerIdx>,
    /// A server that is down is tried all the same.
    persists: bool,
    stores: Vec<(Arc<Table>, Key<'static>)>,
    /// So many of them are done.
    stored: usize,
}

/// HAProxy's most stores of one connection.
const MOST_STORES: usize = 8;

impl Stuck {
    /// The first store of a table counts.
    fn may_store(&self, rule: &Sticking) -> bool {
        let is_it = |(table, _): &(Arc<Table>, Key<'_>)| *table.name() == rule.table;
        self.stores.len() < MOST_STORES && !self.stores.iter().any(is_it)
    }
}

impl Session {
    /// The server that an entry names, while it may be used. The rules are asked once, whoever is asked for a server again.
    pub(super) fn known(&mut self, cx: &mut Context<'_>, backend: &Backend) -> Option<ServerIdx> {
        let snapshot = backend.now();
        if snapshot.plan.stick.is_empty() {
            return None;
        }
        if self.stuck.is_none() {
            let stuck = self.stick(cx, &snapshot);
            self.stuck = Some(Box::new(stuck));
        }
        let view = snapshot.view.as_ref()?;
        let Stuck { known, persists, .. } = **self.stuck.as_ref()?;
        let usable = |idx: &ServerIdx| view.server(*idx).is_some_and(|server| persists || server.takes_known());
        known.filter(usable)
    }

    fn stick(&mut self, cx: &mut Context<'_>, snapshot: &Snapshot) -> Stuck {
        let worker = self.worker.clone();
        let mut scratch = worker.scratch.borrow_mut();
        let (acls, now) = (&snapshot.plan.requests.acls, worker.clock.now());
        let persistence = &snapshot.plan.persistence;
        let content =
            if persistence.needs_content(acls) || snapshot.plan.stick.iter().any(|rule| rule.needs_content(acls)) {
                self.said(cx, &mut scratch)
            } else {
                None
            };
        let content = content.map(|bytes| Content { bytes, is_final: true });
        let persists = persistence.holds(acls, &self.scene(content));
        let mut stuck = Stuck {
            persists,
            ..Stuck::default()
        };
        for rule in &snapshot.plan.stick {
            let stores = rule.stores == Storing::Request;
            if rule.stores == Storing::Response || stores && !stuck.may_store(rule) {
                continue;
            }
            let scene = self.scene(content);
            let Some((table, key)) = key(rule, &scene, acls) else {
                continue;
            };
            if rule.matches {
                let entry = table.lookup(&key, now);
                if let (None, Some(view)) = (stuck.known, &snapshot.view)
                    && let Assigned::To(idx) = assign(entry, |entry| {
                        let named = named(snapshot, view, entry, table.is_by_address());
                        standing(view, entry, named, persists)
                    })
                {
                    stuck.known = Some(idx);
                }
            }
            if stores {
                stuck.stores.push((table, key));
            }
        }
        stuck
    }

    /// Remembers where the connection went: the server has accepted it, and perhaps answered on its wire.
    pub(super) fn remember(&mut self, server: &Server, answer: Option<(Content<'_>, &Wire)>) {
        let Some(backend) = self.backend.clone() else { return };
        let snapshot = backend.now();
        let plan = server.plan();
        for rule in &snapshot.plan.stick {
            if let Some((content, wire)) = answer
                && rule.stores == Storing::Response
                && self.stuck.get_or_insert_default().may_store(rule)
            {
                let mut scene = self.scene(None);
                (scene.response, scene.upstream) = (Some(content), Some(wire));
                let found = key(rule, &scene, &snapshot.plan.requests.acls);
                self.stuck.get_or_insert_default().stores.extend(found);
            }
        }
        let Some(stuck) = &mut self.stuck else { return };
        let done = std::mem::replace(&mut stuck.stored, stuck.stores.len());
        if plan.non_stick {
            return;
        }
        let now = self.worker.clock.now();
        for (table, key) in &stuck.stores[done..] {
            let address = table.is_by_address().then(|| server.address.load().to_string());
            let name = address.as_deref().unwrap_or(&plan.name);
            // That a full table refuses it means that this client is not sticky, and nothing else.
            table.lock().store(key, plan.id, name, now);
        }
    }
}

fn key(
    rule: &Sticking,
    scene: &crate::rules::Scene<'_>,
    acls: &tandem_lb_core::acl::Acls,
) -> Option<(Arc<Table>, Key<'static>)> {
    if !rule.fits(acls, scene) {
        return None;
    }
    let table = scene.frontend.directory.tables.named(&rule.table)?;
    let key = table.key(rule.key.value(scene)?)?.into_owned();
    Some((table, key))
}

/// The server that an entry names, or that is at its address.
fn named<'v>(snapshot: &Snapshot, view: &'v View, entry: &StickEntry, by_address: bool) -> Option<&'v ServerView> {
    let name = entry.name.as_ref()?;
    if !by_address {
        return view.servers.iter().find(|server| server.name == *name);
    }
    let mut all = snapshot.servers.all();
    let wanted = Spelled::of(name);
    let there = all.find(|server| wanted.is(&server.address.load()))?;
    view.server(there.place)
}

/// Names come before numbers, so that a table may be shared by backends whose servers stand in another order.
fn standing(view: &View, entry: &StickEntry, by_name: Option<&ServerView>, persists: bool) -> Standing {
    let by_number = || {
        let number = Some(entry.server).filter(|id| *id != ServerId(0))?;
        view.server(view.place_of(number)?)
    };
    match by_name.or_else(by_number) {
        None => Standing::Unknown,
        Some(server) if persists || server.takes_known() => Standing::Running(server.place),
        Some(_) => Standing::Stopped,
    }
}
