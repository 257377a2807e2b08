//! A section `userlist`, as it was read.

use std::sync::Arc;

use tandem_text::Spanned;

use super::Said;
use crate::plan;

#[derive(Clone, Debug)]
pub(crate) struct Userlist {
    pub(crate) name: Spanned<Arc<str>>,
    pub(crate) users: Vec<User>,
    /// With those who are in it.
    pub(crate) groups: Vec<(Spanned<String>, Vec<Spanned<String>>)>,
    /// The lines that said all this.
    pub(crate) lines: Vec<Said>,
}

#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) name: Spanned<String>,
    pub(crate) password: plan::Password,
    pub(crate) groups: Vec<Spanned<String>>,
}

impl Userlist {
    pub(crate) fn new(name: Spanned<Arc<str>>) -> Userlist {
        Userlist {
            name,
            users: Vec::new(),
            groups: Vec::new(),
            lines: Vec::new(),
        }
    }
}
