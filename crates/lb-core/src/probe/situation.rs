//! What expressions in a check may ask: what the runtime knows, the variables that the check has set, and what it heard.

use std::sync::Arc;

use crate::expr::content::Content;
use crate::expr::{Ask, Context, Fact, Sample, Scope, Subject, Variable};

pub(super) struct Situation<'p> {
    pub(super) around: &'p dyn Context,
    pub(super) variables: &'p [(Variable, Sample<'static>)],
    pub(super) heard: &'p [u8],
}

impl Context for Situation<'_> {
    fn content(&self) -> Option<Content<'_>> {
        None
    }

    fn response(&self) -> Option<Content<'_>> {
        Some(Content {
            bytes: self.heard,
            is_final: true,
        })
    }

    fn fact(&self, fact: &Fact) -> Option<Sample<'_>> {
        self.around.fact(fact)
    }

    fn variable(&self, variable: &Variable) -> Option<Sample<'_>> {
        if variable.scope != Scope::Check {
            return self.around.variable(variable);
        }
        let mut known = self.variables.iter();
        known
            .find(|(known, _)| known == variable)
            .map(|(_, value)| value.borrow())
    }

    fn counter(&self, of: Subject<'_>, table: Option<&Arc<str>>, ask: Ask) -> Option<Sample<'static>> {
        self.around.counter(of, table, ask)
    }

    fn wall_micros(&self) -> i64 {
        self.around.wall_micros()
    }

    fn local_offset(&self, at: i64) -> i32 {
        self.around.local_offset(at)
    }
}
