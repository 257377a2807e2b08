//! The rules of `tcp-request`, `use_backend` and `use-server`: actions with conditions, in the order of the file.
//!
//! [`Ruleset::run`] goes through a set until one of its rules decides, or until one cannot be decided before more bytes
//! have come. What an action does to the connection is done by the runtime, through [`Actor`].

mod action;
mod made;
mod persist;
mod priority;
mod route;
mod stick;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::acl::{Acls, Answer, Condition};
use crate::bandwidth::Limiter;
use crate::dns::{Kind, Name};
use crate::expr::Context;
pub use action::{Action, Change, Effect, How, Loudness, VariableChange};
pub use made::{Made, Piece};
pub use persist::Persistence;
pub use priority::{Precedence, Priority};
pub use route::{Route, Routes, Target, UseServer};
pub use stick::{Sticking, Storing};

/// What one `tcp-request` or `tcp-response` line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub action: Action,
    pub when: Option<Condition>,
    pub spot: Spot,
}

/// Where a rule is written, as `FILE:LINE`. Rules are the same wherever they are.
#[derive(Clone, Default)]
pub struct Spot(pub Arc<str>);

impl fmt::Debug for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Spot")
    }
}

impl PartialEq for Spot {
    fn eq(&self, _: &Spot) -> bool {
        true
    }
}

impl Eq for Spot {}

/// The rules of one kind of one proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ruleset {
    pub rules: Vec<Rule>,
}

/// The `tcp-request` rules of one proxy, and the ACLs that their conditions name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    pub acls: Acls,
    /// Right after accept.
    pub connection: Ruleset,
    /// Before the connection counts as a session.
    pub session: Ruleset,
    /// On the client's first bytes.
    pub content: Ruleset,
    /// How long the content rules may wait for bytes.
    pub inspect_delay: Duration,
    /// On the server's first bytes.
    pub response: Ruleset,
    pub response_delay: Duration,
    /// How many of the content rules keep something for the line (`capture`).
    pub captures: u16,
    /// What `set-bandwidth-limit` may name.
    pub limiters: Vec<Arc<Limiter>>,
}

/// What a set decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on: a rule said so, or none said otherwise.
    Pass,
    Reject,
    /// What is there still goes on, and then it ends.
    Close,
    /// Gone without a word to the client, or with a reset that lives for so many routers.
    Drop {
        ttl: Option<u8>,
    },
    /// Ask again when more bytes have come.
    Wait,
    /// Go on with this rule when the look-up is over that it has asked for.
    LookUp {
        rule: usize,
    },
}

/// A name whose address a rule wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The section that says whom to ask.
    pub resolvers: Arc<str>,
    pub name: Name,
    /// The kind of address that is asked for first.
    pub first: Kind,
}

/// Who the rules are about: answers their questions and carries out what they do.
pub trait Actor: Context {
    /// That something cannot be done does not end the rules, as in HAProxy.
    fn perform(&mut self, effect: Effect<'_>);

    /// Only asks; what was asked before is not waited for any more.
    fn look_up(&mut self, question: Question);

    /// What came of the last question; ready with nothing where no address is found.
    fn looked_up(&mut self) -> Poll<Option<IpAddr>>;

    /// This rule was the last that was asked, and has said what becomes of it.
    fn decided(&mut self, _: &Spot) {}

    /// As the context that expressions ask.
    fn context(&self) -> &dyn Context;
}

impl Rule {
    fn applies(&self, acls: &Acls, actor: &dyn Actor) -> Answer {
        self.when
            .as_ref()
            .map_or(Answer::Yes, |c| c.eval(acls, actor.context()))
    }
}

impl Ruleset {
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    pub fn run(&self, acls: &Acls, actor: &mut dyn Actor) -> Verdict {
        self.go_on(None, acls, actor)
    }

    /// Goes on with the rule that waited for a look-up, without asking again whether it applies or for which name: both may
    /// be others at each asking.
    pub fn go_on(&self, at: Option<usize>, acls: &Acls, actor: &mut dyn Actor) -> Verdict {
        for (place, rule) in self.rules.iter().enumerate().skip(at.unwrap_or(0)) {
            let verdict = if at == Some(place) {
                rule.action.resume(place, actor)
            } else {
                match rule.applies(acls, actor) {
                    Answer::No => continue,
                    Answer::Unknown => return Verdict::Wait,
                    Answer::Yes => rule.action.run(place, actor),
                }
            };
            if let Some(verdict) = verdict {
                if !matches!(verdict, Verdict::Wait | Verdict::LookUp { .. }) {
                    actor.decided(&rule.spot);
                }
                return verdict;
            }
        }
        Verdict::Pass
    }
}

#[cfg(test)]
mod tests;
