//! Which server a client would get and why, step by step, each with the line of the configuration that decides.
//!
//! Pure, so that the running balancer (with its servers as they are) and a file alone (with all of them up) are explained
//! by the same words. The choice itself is the balancing's own: it explains itself.

mod forwarded;
mod rules;
mod situation;
mod text;

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tandem_lb_core::ServerIdx;
use tandem_lb_core::balance::{Choice, Request, in_order};
use tandem_lb_core::rules::Storing;
use tandem_lb_core::stick::{Assigned, Standing, StickEntry, assign};

use crate::diff::shown;
use crate::plan::{Backend, Frontend, Service};
use rules::ByAddress;
pub use situation::{Contender, Situation};

/// More servers after the first are not told.
const MOST: usize = 16;

/// The way of one client through one frontend.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    pub client: String,
    pub frontend: String,
    /// `backend/server`; `None` when nobody would serve it now.
    pub server: Option<String>,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub step: Kind,
    /// The server that it is about.
    pub server: Option<String>,
    pub says: String,
    /// `file:line`
    pub line: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Frontend,
    Backend,
    /// A rule of a proxy.
    Rule,
    Stick,
    Balance,
    /// The server that it gets.
    Server,
    /// The one it would get if those before were not there.
    Then,
    /// One that it would not get.
    Out,
    /// Where the client is connected now.
    Now,
}

/// Explains one client's way. `default` is the backend that the frontend leads to when no rule says otherwise; `find` knows
/// every backend by its name, and what is known of it.
pub fn explain<B: Deref<Target = Backend>>(
    frontend: &Frontend,
    default: Option<&str>,
    find: impl Fn(&str) -> Option<(B, Situation)>,
    source: IpAddr,
) -> Explanation {
    let mut told = Explanation {
        client: source.to_string(),
        frontend: frontend.name.to_string(),
        ..Explanation::default()
    };
    told.frontend(frontend);
    let known = ByAddress::new(source, frontend);
    if frontend.disabled || !told.admits(frontend, &known) {
        return told;
    }
    let is_open = |name: &str| find(name).is_none_or(|(_, found)| !found.is_unpublished);
    let ruled = told.route(frontend, &known, is_open).and_then(|name| find(&name));
    let is_ruled = ruled.is_some();
    // A `listen` leads to itself whatever was ordered.
    let usual = || find(default?).filter(|(found, how)| !how.is_unpublished || found.id == frontend.id);
    let Some((backend, situation)) = ruled.or_else(usual) else {
        told.nowhere(frontend);
        return told;
    };
    told.backend(frontend, &backend, is_ruled);
    if let Some(forward) = frontend.forward.as_ref().filter(|_| !backend.disabled) {
        told.forwarded(forward, &backend, &situation, source);
    } else if !backend.disabled {
        let teller = Teller {
            backend: &backend,
            situation: &situation,
            source,
        };
        teller.tell(&mut told, &known);
    }
    told
}

impl Explanation {
    pub fn add(&mut self, step: Kind, says: impl Into<String>, line: Option<&Arc<str>>) -> &mut Step {
        self.steps.push(Step {
            step,
            server: None,
            says: says.into(),
            line: line.map(ToString::to_string),
        });
        let last = self.steps.len() - 1;
        &mut self.steps[last]
    }

    fn frontend(&mut self, frontend: &Frontend) {
        let places: Vec<String> = frontend
            .binds
            .iter()
            .map(|bind| shown::address(&bind.address))
            .collect();
        let forwarded = frontend.forward.iter().flat_map(|forward| &forward.at);
        let places: Vec<String> = forwarded.map(ToString::to_string).chain(places).collect();
        let says = match (frontend.disabled, places.is_empty()) {
            (false, _) if frontend.forward.is_some() => {
                format!(
                    "{} is forwarded by the kernel from {}",
                    frontend.name,
                    places.join(", ")
                )
            }
            (true, _) => format!("{} is disabled: it takes no connections", frontend.name),
            (false, true) => format!("{} listens nowhere", frontend.name),
            (false, false) => format!("{} listens on {}", frontend.name, places.join(", ")),
        };
        let bind = frontend.binds.first().map(|bind| &bind.origin);
        self.add(Kind::Frontend, says, bind.or(frontend.written.section()));
    }

    fn nowhere(&mut self, frontend: &Frontend) {
        let line = frontend.written.section();
        let says = match frontend.service {
            Service::Stats(_) => "the statistics page answers here",
            Service::Tcp { .. } => "it leads nowhere: connections are closed at once",
        };
        self.add(Kind::Backend, says, line);
    }

    fn backend(&mut self, frontend: &Frontend, found: &Backend, is_ruled: bool) {
        let default = frontend.written.line("default_backend").filter(|_| !is_ruled);
        let says = match (found.disabled, default.is_some(), is_ruled) {
            (true, _, _) => format!("{} is disabled: nobody is served", found.name),
            (false, true, _) => format!("default_backend {}", found.name),
            (false, false, true) => format!("the rule leads to {}", found.name),
            (false, false, false) => format!("the servers of {} itself", found.name),
        };
        let section = if is_ruled { &found.written } else { &frontend.written };
        self.add(Kind::Backend, says, default.or(section.section()));
    }
}

struct Teller<'a> {
    backend: &'a Backend,
    situation: &'a Situation,
    source: IpAddr,
}

impl Teller<'_> {
    fn tell(&self, told: &mut Explanation, known: &ByAddress) {
        let ordered = told.order(self.backend, known).and_then(|name| {
            let named = self.situation.contenders.iter().find(|c| *c.name == *name);
            named.filter(|contender| contender.takes_known)
        });
        let order = self.order();
        if let Some(contender) = ordered {
            self.got(told, contender, "a use-server rule names it".to_owned());
            return self.rest(told, &order, vec![contender.candidate.place]);
        }
        let sticky = self.stick(told);
        self.balance(told, sticky, order.first());
        let mut named = Vec::new();
        if let Some(contender) = sticky {
            self.got(told, contender, "a stick entry names it".to_owned());
            named.push(contender.candidate.place);
        }
        self.rest(told, &order, named);
    }

    /// Those that come after the ones who are named already.
    fn rest(&self, told: &mut Explanation, order: &[Choice], mut named: Vec<ServerIdx>) {
        for choice in order {
            let Some(contender) = self.at(choice.server).filter(|c| !named.contains(&c.candidate.place)) else {
                continue;
            };
            if named.is_empty() {
                self.got(told, contender, choice.why.to_string());
            } else {
                let says = format!("{}, {}", contender.status, choice.why);
                told.add(Kind::Then, says, Some(&contender.origin)).server = Some(contender.name.to_string());
            }
            named.push(choice.server);
        }
        for contender in self
            .situation
            .contenders
            .iter()
            .filter(|c| !named.contains(&c.candidate.place))
        {
            let says = contender.why_not();
            told.add(Kind::Out, says, Some(&contender.origin)).server = Some(contender.name.to_string());
        }
    }

    fn got(&self, told: &mut Explanation, contender: &Contender, why: String) {
        let mut says = format!("{}, {why}", contender.status);
        if contender.is_full() {
            says += &format!(
                "; it is full with {} of {} sessions, so the client waits for a place",
                contender.sessions, contender.candidate.maxconn
            );
        }
        told.add(Kind::Server, says, Some(&contender.origin)).server = Some(contender.name.to_string());
        told.server = Some(format!("{}/{}", self.backend.name, contender.name));
    }

    /// What the stick table says; the server when that decides.
    fn stick(&self, told: &mut Explanation) -> Option<&Contender> {
        let rules = &self.backend.stick;
        if rules.is_empty() {
            return None;
        }
        let stores = rules.iter().any(|rule| rule.stores != Storing::Never);
        let matches = rules.iter().any(|rule| rule.matches);
        let by_address = rules.iter().any(|rule| rule.matches && rule.is_by_source());
        let line = self.backend.written.line("stick").or(self.backend.written.section());
        let remembered = if stores {
            "balancing decides, and the server is remembered"
        } else {
            "balancing decides"
        };
        let entry = self.situation.known.map(|server| StickEntry {
            server,
            name: None,
            expires: None,
        });
        let standing = |entry: &StickEntry| match self
            .situation
            .contenders
            .iter()
            .find(|c| c.candidate.id == entry.server)
        {
            None => Standing::Unknown,
            Some(c) if c.takes_known => Standing::Running(c.candidate.place),
            Some(_) => Standing::Stopped,
        };
        let named = || {
            let id = self.situation.known?;
            self.situation.contenders.iter().find(|c| c.candidate.id == id)
        };
        let says = match assign(entry.clone(), standing) {
            _ if !matches => format!("the table is not asked: {remembered}"),
            _ if !by_address => {
                format!("the keys are not known before the client comes; without an entry, {remembered}")
            }
            Assigned::To(place) => {
                let server = self.at(place)?;
                told.add(
                    Kind::Stick,
                    format!("an entry names {}, which keeps its clients", server.name),
                    line,
                );
                return Some(server);
            }
            Assigned::Choose => match named() {
                Some(server) => format!(
                    "an entry names {}, which is {}: {remembered}",
                    server.name, server.status
                ),
                None if entry.is_some() => format!("an entry names a server that is gone: {remembered}"),
                None => format!("no entry: {remembered}"),
            },
        };
        told.add(Kind::Stick, says, line);
        None
    }

    fn balance(&self, told: &mut Explanation, sticky: Option<&Contender>, first: Option<&Choice>) {
        let (policy, written) = (&self.backend.policy, &self.backend.written);
        let line = written.line("balance").or(written.section());
        let algorithm = shown::policy(policy);
        let says = match (sticky, first) {
            (Some(_), _) => format!("{algorithm}, for those that have no entry"),
            (None, Some(_)) => algorithm,
            (None, None) if self.situation.contenders.iter().any(|c| c.candidate.usable) => {
                format!("{algorithm}: every server that may be used is full, so the client waits for a place")
            }
            (None, None) => format!("{algorithm}: no server may be used, so the client is turned away"),
        };
        told.add(Kind::Balance, says, line);
    }

    fn order(&self) -> Vec<Choice> {
        let candidates: Vec<_> = self.situation.contenders.iter().map(|c| c.candidate.clone()).collect();
        let request = Request {
            key: None,
            source: Some(self.source),
            ticket: self.situation.ticket,
            avoid: None,
        };
        in_order(&self.backend.policy, &candidates, &request, self.situation, MOST)
    }

    fn at(&self, place: ServerIdx) -> Option<&Contender> {
        self.situation.contenders.iter().find(|c| c.candidate.place == place)
    }
}

#[cfg(test)]
mod tests;
