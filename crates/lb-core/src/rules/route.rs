//! Where a connection goes: `use_backend` and `use-server`.

use std::sync::Arc;

use super::Piece;
use crate::acl::{Acls, Answer, Condition};
use crate::expr::{Context, Expr};

/// The `use_backend` rules of a frontend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes(pub Vec<Route>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub target: Target,
    pub when: Option<Condition>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A backend that is known to be there.
    Named(Arc<str>),
    /// A name that is made for each connection; when there is no such backend, the default one serves.
    Made(Vec<Piece>),
}

/// One `use-server` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UseServer {
    pub server: Target,
    pub when: Option<Condition>,
}

impl Routes {
    /// The name that the first fitting rule gives that is open to clients: the others are passed over. Nobody waits here:
    /// what is not known does not fit.
    pub fn choose(&self, acls: &Acls, context: &dyn Context, is_open: impl Fn(&str) -> bool) -> Option<Arc<str>> {
        let fitting = self.0.iter().filter(|route| fits(route.when.as_ref(), acls, context));
        let mut names = fitting.map(|route| route.target.name(context));
        names.find(|name| is_open(name))
    }
}

impl UseServer {
    pub fn fits(&self, acls: &Acls, context: &dyn Context) -> bool {
        fits(self.when.as_ref(), acls, context)
    }
}

pub(super) fn fits(when: Option<&Condition>, acls: &Acls, context: &dyn Context) -> bool {
    when.is_none_or(|condition| condition.eval(acls, context) == Answer::Yes)
}

impl Target {
    /// What it is made of.
    pub fn exprs(&self) -> Vec<&Expr> {
        match self {
            Target::Named(_) => Vec::new(),
            Target::Made(pieces) => pieces.iter().filter_map(Piece::expr).collect(),
        }
    }

    pub fn name(&self, context: &dyn Context) -> Arc<str> {
        match self {
            Target::Named(name) => Arc::clone(name),
            Target::Made(pieces) => {
                let name = Piece::join(pieces, context);
                String::from_utf8_lossy(&name).into()
            }
        }
    }
}
