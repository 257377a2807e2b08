//! The statistics page: what it shows, and to whom.

use std::sync::Arc;
use std::time::Duration;

use tandem_lb_core::acl::Condition;

use super::Userlist;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Whether the page is shown; a section may serve metrics alone.
    pub page: bool,
    pub uri: String,
    /// Where metrics are served: `None` is `/metrics`, an empty path is everywhere but at the page.
    pub metrics: Option<String>,
    pub refresh: Option<Duration>,
    pub realm: Option<String>,
    pub auth: Vec<(String, String)>,
    /// Whoever sees it may change what it shows.
    pub admin: bool,
    /// So may who fits one of these (`stats admin`), with the ACLs of the frontend.
    pub changers: Vec<Condition>,
    /// `stats http-request`: the first that fits decides who sees it, with the ACLs of the frontend.
    pub rules: Vec<PageRule>,
    /// Whom these ask about.
    pub lists: Vec<Arc<Userlist>>,
    pub hide_version: bool,
    pub scopes: Vec<String>,
    pub show_node: Option<String>,
    pub show_desc: Option<String>,
    pub show_legends: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRule {
    pub verdict: Verdict,
    pub when: Option<Condition>,
}

/// About who asks for a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Allow,
    Deny,
    /// A user and a password are wanted, in the name of this.
    Auth {
        realm: Option<Box<str>>,
    },
}
