//! Who is there by name, for rules that name a backend or a frontend, and what all connections share beside: variables of
//! the process, the host's name.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

use arc_swap::ArcSwap;
use tandem_lb_config::{self as plan, FirstValue};
use tandem_lb_core::expr::{Content, Context, Fact, Sample, Scope, Variable};
use tandem_ops::clock::Wall;

use crate::frontend::Seat;
use crate::lookups::Lookups;
use crate::publish::Backend;
use crate::rings::Rings;
use crate::rules::local_offset;
use crate::tables::Tables;
use crate::tls::Vault;

#[derive(Debug)]
pub(crate) struct Directory {
    names: ArcSwap<Names>,
    variables: RwLock<BTreeMap<Variable, Sample<'static>>>,
    hostname: Box<str>,
    /// Some server that was added while the process ran is told which rule decided last.
    remembers_rules: AtomicBool,
    /// What this process is called.
    node: ArcSwap<String>,
    /// What TLS goes by.
    pub(crate) tls: Arc<Vault>,
    pub(crate) tables: Tables,
    pub(crate) rings: Rings,
    pub(crate) lookups: Lookups,
}

/// Where there is no connection.
pub(crate) struct Nobody<'a>(pub(crate) &'a Directory);

#[derive(Debug, Default)]
struct Names {
    frontends: BTreeMap<Arc<str>, Seat>,
    backends: BTreeMap<Arc<str>, Arc<Backend>>,
}

impl Directory {
    /// To be opened before the process may be locked into a folder.
    pub(crate) fn open() -> Arc<Directory> {
        let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Arc::new(Directory {
            names: ArcSwap::default(),
            variables: RwLock::default(),
            hostname: hostname.trim().into(),
            remembers_rules: AtomicBool::new(false),
            node: ArcSwap::from_pointee(hostname.trim().to_owned()),
            tls: Arc::default(),
            tables: Tables::default(),
            rings: Rings::default(),
            lookups: Lookups::default(),
        })
    }

    /// From now on these are there. To be called by the control runtime only.
    pub(crate) fn follow<'a>(
        &self,
        frontends: impl IntoIterator<Item = &'a Seat>,
        backends: impl IntoIterator<Item = &'a Arc<Backend>>,
    ) {
        let frontends = frontends.into_iter();
        let backends = backends.into_iter();
        self.names.store(Arc::new(Names {
            frontends: frontends
                .map(|seat| (seat.load().plan.name.clone(), seat.clone()))
                .collect(),
            backends: backends.map(|backend| (backend.name(), backend.clone())).collect(),
        }));
    }

    /// This server is told things from now on.
    pub(crate) fn meet(&self, server: &plan::Server) {
        if server.asks_for_rules() {
            self.remembers_rules.store(true, Relaxed);
        }
    }

    pub(crate) fn remembers_rules(&self) -> bool {
        self.remembers_rules.load(Relaxed)
    }

    pub(crate) fn frontend(&self, name: &str) -> Option<Seat> {
        self.names.load().frontends.get(name).cloned()
    }

    pub(crate) fn backend(&self, name: &str) -> Option<Arc<Backend>> {
        self.names.load().backends.get(name).cloned()
    }

    pub(crate) fn hostname(&self) -> &str {
        &self.hostname
    }

    pub(crate) fn node(&self) -> Arc<String> {
        self.node.load_full()
    }

    /// As the Plan calls it, or else by the host's name.
    pub(crate) fn call(&self, node: Option<&str>) {
        self.node.store(Arc::new(node.unwrap_or(&self.hostname).to_owned()));
    }

    pub(crate) fn variable(&self, variable: &Variable) -> Option<Sample<'static>> {
        // A write leaves the map whole, so a panic elsewhere has broken nothing; so it is below.
        let variables = self.variables.read().unwrap_or_else(PoisonError::into_inner);
        variables.get(variable).cloned()
    }

    /// All of the process's.
    pub(crate) fn variables(&self) -> Vec<(Box<str>, Sample<'static>)> {
        let variables = self.variables.read().unwrap_or_else(PoisonError::into_inner);
        let named = |(variable, value): (&Variable, &Sample<'static>)| (Box::from(&*variable.name), value.clone());
        variables.iter().map(named).collect()
    }

    /// Gives variables their first values.
    pub(crate) fn begin_with<'a>(&self, values: impl IntoIterator<Item = &'a FirstValue>) {
        for first in values {
            let value = first.value.value(&Nobody(self));
            self.set_variable(&first.variable, value);
        }
    }

    pub(crate) fn set_variable(&self, variable: &Variable, value: Option<Sample<'static>>) {
        let mut variables = self.variables.write().unwrap_or_else(PoisonError::into_inner);
        match value {
            Some(value) => variables.insert(variable.clone(), value),
            None => variables.remove(variable),
        };
    }
}

impl Context for Nobody<'_> {
    fn content(&self) -> Option<Content<'_>> {
        None
    }

    fn fact(&self, fact: &Fact) -> Option<Sample<'_>> {
        match fact {
            Fact::Hostname => Some(Sample::text(self.0.hostname())),
            Fact::ProcessNumber => Some(Sample::Int(std::process::id().into())),
            _ => None,
        }
    }

    fn variable(&self, variable: &Variable) -> Option<Sample<'_>> {
        let is_shared = variable.scope == Scope::Process;
        is_shared.then(|| self.0.variable(variable))?
    }

    fn keep(&self, variable: &Variable, value: Option<Sample<'static>>) {
        if variable.scope == Scope::Process {
            self.0.set_variable(variable, value);
        }
    }

    fn wall_micros(&self) -> i64 {
        Wall::now().as_micros()
    }

    fn local_offset(&self, at: i64) -> i32 {
        local_offset(at)
    }
}

#[cfg(test)]
mod tests {
    use tandem_lb_config::{NamedText, load};

    use super::*;

    /// A first value may be made of one that was kept on the way, as in HAProxy.
    #[test]
    fn converters_keep_what_lives_as_long_as_the_process() {
        let text = "global\n set-var proc.a int(5),set-var(proc.b),add(1)\n set-var proc.c var(proc.b),add(proc.a)\n\
                    frontend f\n bind :1\n";
        let loaded = load(&[NamedText::new("t", text)], &|_| None, None);
        let plan = loaded.plan.expect("it is whole");
        let directory = Directory::open();
        directory.begin_with(&plan.global.variables);
        let known = directory.variables();
        let known: Vec<_> = known.iter().map(|(name, value)| (&**name, value.clone())).collect();
        let expected = [("a", 6), ("b", 5), ("c", 11)].map(|(name, value)| (name, Sample::Int(value)));
        assert_eq!(known, expected);
    }
}
