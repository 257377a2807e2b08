//! Servers that share a load, and what is remembered of whom they served.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tandem_lb_core::balance::Policy;
use tandem_lb_core::conn::Redispatch;
use tandem_lb_core::expr::Expr;
use tandem_lb_core::rules::{Persistence, Requests, Sticking, UseServer};
use tandem_lb_core::stick::TableSettings;

use super::{Keepalive, Newcomers, ProxyLogs, Server};
use crate::written::Written;

/// `load-server-state-from-file`: where a backend finds the states of its servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ServerStates {
    #[default]
    None,
    Global,
    /// A file of its own; `None` is named like the backend.
    Local(Option<PathBuf>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    pub name: Arc<str>,
    pub id: u32,
    /// Its section says the id.
    pub is_numbered: bool,
    /// The place of its section among those of all proxies; the last for one that an operator has made.
    pub place: u32,
    /// For people who read the page.
    pub description: Option<Arc<str>>,
    pub disabled: bool,
    pub policy: Policy,
    /// What `balance hash` hashes, when it is more than the source address.
    pub hash_key: Option<Expr>,
    pub timeout_connect: Option<Duration>,
    pub timeout_server: Option<Duration>,
    pub timeout_server_fin: Option<Duration>,
    pub timeout_tunnel: Option<Duration>,
    pub timeout_check: Option<Duration>,
    pub timeout_queue: Option<Duration>,
    /// How many connections are its full load; `None` is a tenth of what the frontends may send.
    pub fullconn: Option<u32>,
    pub retries: u32,
    pub redispatch: Redispatch,
    pub keepalive: Option<Keepalive>,
    /// `option nolinger`, towards servers.
    pub nolinger: bool,
    pub logs: ProxyLogs,
    pub log_health_checks: bool,
    /// `stick …`, in the order of the file, with the ACLs of `requests`.
    pub stick: Vec<Sticking>,
    /// The `tcp-request content` rules, for connections that another frontend sends here.
    pub requests: Requests,
    /// `option independent-streams`, of servers.
    pub independent_streams: bool,
    /// With the ACLs of `requests`.
    pub persistence: Persistence,
    /// `option abortonclose`: whoever ends what it says before it has a server is not waited for.
    pub abort_on_close: bool,
    /// `use-server`, in the order of the file, with the ACLs of `requests`.
    pub use_server: Vec<UseServer>,
    pub servers: Vec<Server>,
    pub newcomers: Newcomers,
    pub written: Written,
    pub guid: Option<Arc<str>>,
    pub server_states: ServerStates,
    /// Other sections or expressions name it, so it cannot go by itself.
    pub is_named: bool,
}

/// One stick table. It has the name of the proxy that declares it, or is `SECTION/NAME` of a section of peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub name: Arc<str>,
    pub settings: TableSettings,
    /// The section whose peers share it.
    pub peers: Option<Arc<str>>,
}

impl Table {
    /// What peers call it.
    pub fn name_among_peers(&self) -> Arc<str> {
        match self.name.split_once('/') {
            Some((_, name)) => format!("/{name}").into(),
            None => self.name.clone(),
        }
    }
}
