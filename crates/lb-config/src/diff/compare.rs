//! Going through two Plans side by side.

use std::sync::Arc;

use super::change::{Change, Effect, Kind, Subject};
use super::settings::{self, Setting};
use super::shown;
use crate::plan::{Backend, Bind, Frontend, Peers, Plan, Service, StatsSocket, Table};

pub(super) fn plans(before: &Plan, after: &Plan) -> Vec<Change> {
    let mut found = Found::default();
    found.settings(
        &Subject::Global,
        None,
        settings::global(&before.global),
        settings::global(&after.global),
    );
    found.settings(
        &Subject::Global,
        None,
        settings::resolvers(&before.resolvers),
        settings::resolvers(&after.resolvers),
    );
    found.settings(
        &Subject::Global,
        None,
        settings::rings(&before.rings),
        settings::rings(&after.rings),
    );
    found.stats_sockets(&before.global.stats_sockets, &after.global.stats_sockets);
    found.frontends(before, after);
    found.backends(before, after);
    found.tables(&before.tables, &after.tables);
    found.peers(&before.peers, &after.peers);
    found.changes.append(&mut found.gone);
    found.changes
}

#[derive(Default)]
struct Found {
    changes: Vec<Change>,
    gone: Vec<Change>,
}

impl Found {
    fn stats_sockets(&mut self, before: &[StatsSocket], after: &[StatsSocket]) {
        let about = |socket: &StatsSocket| Subject::StatsSocket {
            address: shown::address(&socket.address),
        };
        for pair in paired(before, after, |a, b| a.address == b.address) {
            match pair {
                Pair::New(new) => self.changes.push(Change::added(about(new), Some(&new.origin))),
                Pair::Gone(old) => self.gone.push(Change::removed(about(old))),
                Pair::Both(old, new) => {
                    let (old, new_settings) = (settings::stats_socket(old), settings::stats_socket(new));
                    self.settings(&about(new), Some(&new.origin), old, new_settings);
                }
            }
        }
        self.order(Subject::Global, "order of stats sockets", before, after, |socket| {
            shown::address(&socket.address).into()
        });
    }

    fn frontends(&mut self, before: &Plan, after: &Plan) {
        let about = |frontend: &Frontend| Subject::Frontend {
            name: frontend.name.to_string(),
        };
        for pair in paired(&before.frontends, &after.frontends, is_same_frontend) {
            match pair {
                Pair::New(new) => {
                    self.changes.push(Change::added(about(new), None));
                    self.binds(&new.name, &[], &new.binds);
                }
                Pair::Gone(old) => {
                    self.gone.push(Change::removed(about(old)));
                    self.binds(&old.name, &old.binds, &[]);
                }
                Pair::Both(old, new) => {
                    let was = settings::frontend(old, before);
                    self.settings(&about(new), None, was, settings::frontend(new, after));
                    self.binds(&new.name, &old.binds, &new.binds);
                }
            }
        }
        self.order(
            Subject::Global,
            "order of frontends",
            &before.frontends,
            &after.frontends,
            |f| f.name.clone(),
        );
    }

    fn binds(&mut self, frontend: &Arc<str>, before: &[Bind], after: &[Bind]) {
        let about = |bind: &Bind| Subject::Listener {
            frontend: frontend.to_string(),
            address: shown::address(&bind.address),
        };
        let is_same =
            |old: &Bind, new: &Bind| same_bind(new, before, after).is_some_and(|found| std::ptr::eq(found, old));
        for pair in paired(before, after, is_same) {
            match pair {
                Pair::New(new) => self.changes.push(Change::added(about(new), Some(&new.origin))),
                Pair::Gone(old) => self.gone.push(Change::removed(about(old))),
                Pair::Both(old, new) => {
                    self.settings(&about(new), Some(&new.origin), settings::bind(old), settings::bind(new));
                }
            }
        }
        let name = frontend.to_string();
        self.order(Subject::Frontend { name }, "order of binds", before, after, |bind| {
            shown::address(&bind.address).into()
        });
    }

    fn backends(&mut self, before: &Plan, after: &Plan) {
        let about = |backend: &Backend| Subject::Backend {
            name: backend.name.to_string(),
        };
        for pair in paired(&before.backends, &after.backends, |a, b| a.name == b.name) {
            match pair {
                Pair::New(new) => {
                    self.changes.push(Change::added(about(new), None));
                    self.servers(None, Some(new));
                }
                Pair::Gone(old) => {
                    self.gone.push(Change::removed(about(old)));
                    self.servers(Some(old), None);
                }
                Pair::Both(old, new) => {
                    self.settings(&about(new), None, settings::backend(old), settings::backend(new));
                    self.servers(Some(old), Some(new));
                }
            }
        }
        self.order(
            Subject::Global,
            "order of backends",
            &before.backends,
            &after.backends,
            |b| b.name.clone(),
        );
    }

    fn tables(&mut self, before: &[Table], after: &[Table]) {
        let about = |table: &Table| Subject::Table {
            name: table.name.to_string(),
        };
        for pair in paired(before, after, |a, b| a.name == b.name) {
            match pair {
                Pair::New(new) => self.changes.push(Change::added(about(new), None)),
                Pair::Gone(old) => self.gone.push(Change::removed(about(old))),
                Pair::Both(old, new) => {
                    self.settings(&about(new), None, settings::table(old), settings::table(new));
                }
            }
        }
        self.order(Subject::Global, "order of stick-tables", before, after, |table| {
            table.name.clone()
        });
    }

    fn peers(&mut self, before: &[Peers], after: &[Peers]) {
        let about = |section: &Peers| Subject::Peers {
            name: section.name.to_string(),
        };
        for pair in paired(before, after, |a, b| a.name == b.name) {
            match pair {
                Pair::New(new) => self.changes.push(Change::added(about(new), Some(&new.origin))),
                Pair::Gone(old) => self.gone.push(Change::removed(about(old))),
                Pair::Both(old, new) => {
                    let (was, is) = (settings::peers(old), settings::peers(new));
                    self.settings(&about(new), Some(&new.origin), was, is);
                }
            }
        }
    }

    fn servers(&mut self, before: Option<&Backend>, after: Option<&Backend>) {
        let of = |backend: Option<&Backend>| backend.map_or_else(Vec::new, |b| b.servers.clone());
        let Some(backend) = after.or(before).map(|b| b.name.to_string()) else {
            return;
        };
        let about = |name: &Arc<str>| Subject::Server {
            backend: backend.clone(),
            name: name.to_string(),
        };
        let (before, after) = (of(before), of(after));
        for pair in paired(&before, &after, |a, b| a.name == b.name) {
            match pair {
                Pair::New(new) => self.changes.push(Change::added(about(&new.name), Some(&new.origin))),
                Pair::Gone(old) => self.gone.push(Change::removed(about(&old.name))),
                Pair::Both(old, new) => {
                    let (was, is) = (settings::server(old), settings::server(new));
                    self.settings(&about(&new.name), Some(&new.origin), was, is);
                }
            }
        }
        let name = backend.clone();
        self.order(Subject::Backend { name }, "order of servers", &before, &after, |s| {
            s.name.clone()
        });
    }

    /// Settings that only one side has belong to another one that differs.
    fn settings(&mut self, about: &Subject, origin: Option<&Arc<str>>, before: Vec<Setting>, after: Vec<Setting>) {
        for new in after {
            let Some(old) = before.iter().find(|old| old.name == new.name && old.key != new.key) else {
                continue;
            };
            let kind = Kind::Set {
                setting: new.name,
                before: old.shown.clone(),
                after: new.shown,
            };
            self.changes.push(Change {
                about: about.clone(),
                kind,
                effect: new.effect,
                origin: origin.map(ToString::to_string),
            });
        }
    }

    /// Whether those who stay stand in another order.
    fn order<T>(&mut self, about: Subject, setting: &'static str, a: &[T], b: &[T], name: impl Fn(&T) -> Arc<str>) {
        let names = |list: &[T]| list.iter().map(&name).collect::<Vec<_>>();
        let (mut before, mut after) = (names(a), names(b));
        let (all_before, all_after) = (before.clone(), after.clone());
        before.retain(|name| all_after.contains(name));
        after.retain(|name| all_before.contains(name));
        if before == after {
            return;
        }
        let shown = |names: &[Arc<str>]| shown::list(names.iter().map(|name| name.to_string()));
        self.changes.push(Change {
            about,
            kind: Kind::Set {
                setting,
                before: shown(&before),
                after: shown(&after),
            },
            effect: Effect::AtOnce,
            origin: None,
        });
    }
}

/// The line of before that listens where this one does. The interface tells lines of one address apart; a line by itself
/// may have come to name another.
pub(super) fn same_bind<'a>(new: &Bind, before: &'a [Bind], after: &[Bind]) -> Option<&'a Bind> {
    let is_exact = |a: &Bind, b: &Bind| a.address == b.address && a.interface == b.interface;
    let exact = before.iter().find(|old| is_exact(old, new));
    let free = |old: &&Bind| old.address == new.address && !after.iter().any(|other| is_exact(old, other));
    exact.or_else(|| before.iter().find(free))
}

/// A frontend that becomes a page, or was one, has another of its name in its place.
fn is_same_frontend(a: &Frontend, b: &Frontend) -> bool {
    let is_page = |frontend: &Frontend| matches!(frontend.service, Service::Stats(_));
    a.name == b.name && is_page(a) == is_page(b)
}

enum Pair<'a, T> {
    New(&'a T),
    Gone(&'a T),
    Both(&'a T, &'a T),
}

fn paired<'a, T>(before: &'a [T], after: &'a [T], is_same: impl Fn(&T, &T) -> bool) -> Vec<Pair<'a, T>> {
    let mut pairs = Vec::new();
    for new in after {
        pairs.push(match before.iter().find(|old| is_same(old, new)) {
            Some(old) => Pair::Both(old, new),
            None => Pair::New(new),
        });
    }
    let gone = before.iter().filter(|old| !after.iter().any(|new| is_same(old, new)));
    pairs.extend(gone.map(Pair::Gone));
    pairs
}
