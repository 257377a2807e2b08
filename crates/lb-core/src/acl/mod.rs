//! Conditions: tests of expressions against patterns, combined with and, or and not.
//!
//! A test may not be decidable before more bytes have come; then so is every condition that hangs on it, and the answer is
//! [`Answer::Unknown`], never a guess.

mod addresses;
mod how;
mod index;
mod library;
mod list;
mod map;
mod narrowest;
mod numbers;
mod pattern;
mod regex;
mod texts;

use std::sync::Arc;

pub use addresses::{Addresses, Network};
pub use how::{BadPattern, How, Method, Pattern, TextMatch};
pub use index::{BadEntry, Patterns, Values};
pub use library::{Finding, Fitting, Library, Refusal, Shelved};
pub use list::{Content, Entry, List, Origin, Which};
use map::Table;
pub use map::{Map, WrongValue};
pub use numbers::{Comparison, Numbers};
pub use pattern::Matcher;
pub use regex::{BadRegex, Regex};
pub use texts::Texts;

use crate::expr::{Context, Expr, Fetched, Sample};

/// All ACLs of a proxy, named ones and those written inline. Conditions name them by their place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acls(pub Vec<Acl>);

/// The tests of one name: any of them is enough.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acl {
    pub tests: Vec<Test>,
}

/// One expression against patterns, of one list or several: each file of patterns is one, and so are the words of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    pub expr: Expr,
    pub any: Vec<Arc<Patterns>>,
}

/// `if` or `unless`, and what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    pub unless: bool,
    /// Any of these, of which all.
    pub any: Vec<Vec<Term>>,
}

/// One name in a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    pub negated: bool,
    pub acl: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Yes,
    No,
    /// Not before more bytes have come.
    Unknown,
}

impl Condition {
    pub fn eval(&self, acls: &Acls, context: &dyn Context) -> Answer {
        let any = Answer::any(
            self.any
                .iter()
                .map(|all| Answer::all(all.iter().map(|t| t.eval(acls, context)))),
        );
        any.negated_if(self.unless)
    }

    /// Whether any of its tests needs the client's bytes.
    pub fn needs_content(&self, acls: &Acls) -> bool {
        let of = |term: &Term| acls.0.get(term.acl).is_some_and(Acl::needs_content);
        self.any.iter().flatten().any(of)
    }
}

impl Term {
    fn eval(self, acls: &Acls, context: &dyn Context) -> Answer {
        let Some(acl) = acls.0.get(self.acl) else {
            return Answer::No;
        };
        let any = Answer::any(acl.tests.iter().map(|test| test.eval(context)));
        any.negated_if(self.negated)
    }
}

impl Acl {
    fn needs_content(&self) -> bool {
        self.tests.iter().any(|test| test.expr.fetch.needs_content())
    }
}

impl Test {
    pub fn eval(&self, context: &dyn Context) -> Answer {
        if !self.expr.fetch.is_several() {
            return self.one(self.expr.eval(context));
        }
        let mut answer = Answer::No;
        for nth in 0.. {
            let found = self.expr.eval_nth(context, nth);
            let is_last = matches!(found, Fetched::Missing | Fetched::Unknown);
            match self.one(found) {
                Answer::Yes => return Answer::Yes,
                Answer::Unknown => answer = Answer::Unknown,
                Answer::No => {}
            }
            if is_last {
                break;
            }
        }
        answer
    }

    fn matches(&self, sample: &Sample<'_>) -> bool {
        self.any.iter().any(|patterns| patterns.matches(sample))
    }

    fn one(&self, found: Fetched<'_>) -> Answer {
        match found {
            Fetched::Unknown => Answer::Unknown,
            Fetched::Missing => Answer::No,
            Fetched::Known(sample) => Answer::of(self.matches(&sample)),
            // What does not match yet may when there is more.
            Fetched::Changing(sample) if self.matches(&sample) => Answer::Yes,
            Fetched::Changing(_) => Answer::Unknown,
        }
    }
}

impl Answer {
    fn of(yes: bool) -> Answer {
        if yes { Answer::Yes } else { Answer::No }
    }

    fn negated_if(self, negated: bool) -> Answer {
        match self {
            Answer::Yes if negated => Answer::No,
            Answer::No if negated => Answer::Yes,
            same => same,
        }
    }

    /// A no or an unknown ends it: what stands behind it is not asked.
    fn all(answers: impl Iterator<Item = Answer>) -> Answer {
        let mut answers = answers;
        answers.find(|answer| *answer != Answer::Yes).unwrap_or(Answer::Yes)
    }

    /// A yes ends it.
    fn any(answers: impl Iterator<Item = Answer>) -> Answer {
        let mut seen = Answer::No;
        for answer in answers {
            match answer {
                Answer::Yes => return Answer::Yes,
                Answer::Unknown => seen = Answer::Unknown,
                Answer::No => {}
            }
        }
        seen
    }
}

#[cfg(test)]
mod tests;
