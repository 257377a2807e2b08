//! Whether a client is sent to the server that it is known to although that is down: `option persist`, `force-persist`.

use crate::acl::{Acls, Answer, Condition};
use crate::expr::Context;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Persistence {
    /// `option persist`
    pub always: bool,
    /// `force-persist`
    pub rules: Vec<Condition>,
}

impl Persistence {
    /// Whether it is so for this client.
    pub fn holds(&self, acls: &Acls, context: &dyn Context) -> bool {
        self.always || self.rules.iter().any(|when| when.eval(acls, context) == Answer::Yes)
    }

    /// Whether that is about what the client says.
    pub fn needs_content(&self, acls: &Acls) -> bool {
        !self.always && self.rules.iter().any(|when| when.needs_content(acls))
    }
}
