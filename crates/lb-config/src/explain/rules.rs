//! The rules on a client's way, as far as its address decides about them. What depends on more (the port it connects to,
//! the bytes it sends) is said to, and not counted.

use std::cell::Cell;
use std::net::IpAddr;
use std::sync::Arc;

use tandem_lb_core::acl::{Acls, Answer, Condition};
use tandem_lb_core::expr::{Content, Context, Fact, Sample, Variable};
use tandem_lb_core::rules::{Action, Ruleset, Target};

use super::{Explanation, Kind};
use crate::plan::{Backend, Frontend};

/// All that is known of a client whose address is all that was given.
pub(super) struct ByAddress {
    source: IpAddr,
    frontend: Arc<str>,
    id: u32,
    /// Something else was asked for.
    is_short: Cell<bool>,
}

/// What can be said of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Yes,
    No,
    Depends,
}

const DEPENDS: &str = "depends on more than the address, and is not counted";

impl ByAddress {
    pub(super) fn new(source: IpAddr, frontend: &Frontend) -> ByAddress {
        ByAddress {
            source,
            frontend: frontend.name.clone(),
            id: frontend.id,
            is_short: Cell::new(false),
        }
    }

    fn holds(&self, when: Option<&Condition>, acls: &Acls) -> Holds {
        self.is_short.set(false);
        let answer = when.map_or(Answer::Yes, |condition| condition.eval(acls, self));
        match (answer, self.is_short.get()) {
            (Answer::Unknown, _) | (_, true) => Holds::Depends,
            (Answer::Yes, false) => Holds::Yes,
            (Answer::No, false) => Holds::No,
        }
    }

    /// `None` when it is made of more than the address.
    fn name(&self, target: &Target) -> Option<Arc<str>> {
        self.is_short.set(false);
        let name = target.name(self);
        (!self.is_short.get()).then_some(name)
    }
}

impl Context for ByAddress {
    fn content(&self) -> Option<Content<'_>> {
        self.is_short.set(true);
        None
    }

    fn fact(&self, fact: &Fact) -> Option<Sample<'_>> {
        match fact {
            Fact::Src => Some(Sample::Ip(self.source)),
            Fact::FrontendName => Some(Sample::text(&self.frontend)),
            Fact::FrontendId => Some(Sample::Int(i64::from(self.id))),
            _ => {
                self.is_short.set(true);
                None
            }
        }
    }

    fn variable(&self, _: &Variable) -> Option<Sample<'_>> {
        self.is_short.set(true);
        None
    }

    fn wall_micros(&self) -> i64 {
        self.is_short.set(true);
        0
    }

    fn local_offset(&self, _: i64) -> i32 {
        self.is_short.set(true);
        0
    }
}

impl Explanation {
    /// Whether the `tcp-request` rules let the client in, as far as can be said.
    pub(super) fn admits(&mut self, frontend: &Frontend, known: &ByAddress) -> bool {
        let requests = &frontend.requests;
        let line = frontend
            .written
            .line("tcp-request")
            .or(frontend.written.section())
            .cloned();
        let sets: [&Ruleset; 3] = [&requests.connection, &requests.session, &requests.content];
        let mut depends = 0;
        for set in sets {
            for rule in set.rules.iter().filter(|rule| rule.action.is_final()) {
                match known.holds(rule.when.as_ref(), &requests.acls) {
                    Holds::No => {}
                    Holds::Depends => depends += 1,
                    Holds::Yes if rule.action == Action::Accept => break,
                    Holds::Yes => {
                        self.add(Kind::Rule, "a tcp-request rule refuses this address", line.as_ref());
                        return false;
                    }
                }
            }
        }
        if depends > 0 {
            let says = format!("tcp-request: {depends} of the rules: each {DEPENDS}");
            self.add(Kind::Rule, says, line.as_ref());
        }
        true
    }

    /// The backend that a `use_backend` rule names that is open to clients.
    pub(super) fn route(
        &mut self,
        frontend: &Frontend,
        known: &ByAddress,
        is_open: impl Fn(&str) -> bool,
    ) -> Option<Arc<str>> {
        let lines = frontend.written.lines("use_backend");
        for (place, route) in frontend.routes.0.iter().enumerate() {
            let line = lines.get(place);
            let holds = known.holds(route.when.as_ref(), &frontend.requests.acls);
            if let Some(name) = self.ruled("use_backend", holds, &route.target, known, line) {
                if is_open(&name) {
                    return Some(name);
                }
                self.add(
                    Kind::Rule,
                    format!("{name} is unpublished: the rule is passed over"),
                    line,
                );
            }
        }
        None
    }

    /// The server that a `use-server` rule names.
    pub(super) fn order(&mut self, backend: &Backend, known: &ByAddress) -> Option<Arc<str>> {
        let lines = backend.written.lines("use-server");
        for (place, rule) in backend.use_server.iter().enumerate() {
            let line = lines.get(place);
            let holds = known.holds(rule.when.as_ref(), &backend.requests.acls);
            if let Some(name) = self.ruled("use-server", holds, &rule.server, known, line) {
                return Some(name);
            }
        }
        None
    }

    fn ruled(
        &mut self,
        word: &str,
        holds: Holds,
        target: &Target,
        known: &ByAddress,
        line: Option<&Arc<str>>,
    ) -> Option<Arc<str>> {
        let name = known.name(target);
        let shown = name.as_deref().unwrap_or("a name that is made");
        match (holds, &name) {
            (Holds::No, _) => None,
            (Holds::Yes, Some(_)) => {
                self.add(Kind::Rule, format!("{word} {shown} holds for this address"), line);
                name
            }
            (Holds::Depends, _) | (Holds::Yes, None) => {
                self.add(Kind::Rule, format!("{word} {shown} {DEPENDS}"), line);
                None
            }
        }
    }
}
