//! The Plan: what a configuration means, with defaults applied, names resolved and nothing left to check.
//!
//! Both dialects end here, and the runtime reads nothing else. Lists keep the order of the file, because pages, CSV and
//! hashes show it.

use tandem_lb_core::acl::Library;

mod backend;
mod external;
mod forward;
mod frontend;
mod global;
mod logs;
mod made;
mod page;
mod peers;
mod resolvers;
mod ring;
mod server;
mod source;
mod tls;
mod userlist;

pub use backend::*;
pub use external::External;
pub use forward::Forward;
pub use frontend::*;
pub use global::*;
pub use logs::*;
pub use made::{Mould, Moulds, Newcomers};
pub use page::*;
pub use peers::*;
pub use resolvers::*;
pub use ring::{Framing, Ring, RingName, RingServer};
pub use server::*;
pub use source::{Guise, Source};
pub use tls::*;
pub use userlist::{Crypted, NotCrypted, Password, User, Userlist};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub global: Global,
    pub frontends: Vec<Frontend>,
    pub backends: Vec<Backend>,
    pub resolvers: Vec<Resolvers>,
    pub peers: Vec<Peers>,
    pub rings: Vec<Ring>,
    /// The lists of patterns that ACLs and maps of all sections read. Their content is part of those sections.
    pub patterns: Library,
    /// All stick tables, in the order of the file.
    pub tables: Vec<Table>,
    /// What backends begin with that an operator makes.
    pub moulds: Moulds,
}

impl Plan {
    /// Whether there is anything to listen on; without it a process would only sit there.
    pub fn listens(&self) -> bool {
        let open =
            |frontend: &Frontend| !frontend.disabled && (!frontend.binds.is_empty() || frontend.forward.is_some());
        self.frontends.iter().any(open) || !self.global.stats_sockets.is_empty()
    }
}
