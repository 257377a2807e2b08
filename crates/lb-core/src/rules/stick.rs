//! `stick …`: which entries send a connection to their server, and which remember its server.

use std::sync::Arc;

use super::route::fits;
use crate::acl::{Acls, Condition};
use crate::expr::{Context, Expr, Fact, Fetch};

/// One `stick` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sticking {
    /// An entry of this key sends the connection to its server.
    pub matches: bool,
    pub stores: Storing,
    pub key: Expr,
    pub table: Arc<str>,
    pub when: Option<Condition>,
}

/// When the key is taken under which the server is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storing {
    Never,
    /// Before a server is chosen.
    Request,
    /// When the server has answered.
    Response,
}

impl Sticking {
    /// Whether the key is the client's address, whatever else is so.
    pub fn is_by_source(&self) -> bool {
        self.when.is_none() && self.key == Expr::of(Fetch::Fact(Fact::Src))
    }

    /// Whether it is about what the client says.
    pub fn needs_content(&self, acls: &Acls) -> bool {
        self.key.fetch.needs_content() || self.when.as_ref().is_some_and(|when| when.needs_content(acls))
    }

    /// Nobody waits here: what is not known does not fit.
    pub fn fits(&self, acls: &Acls, context: &dyn Context) -> bool {
        fits(self.when.as_ref(), acls, context)
    }
}
