//! Who shares stick tables with this process.

use std::sync::Arc;

use super::{Bind, BindAddress, Host, LogTarget, Origination, ServerPort, SocketFile, Termination};

/// A section `peers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peers {
    pub name: Arc<str>,
    pub origin: Arc<str>,
    pub disabled: bool,
    /// Entries are spread over so many shards; 0 is not at all.
    pub shards: u32,
    /// Where peers are listened to, when the local peer's own line does not say it.
    pub binds: Vec<Bind>,
    /// How TLS is spoken at the local peer's own address, where it is.
    pub own_tls: Option<Arc<Termination>>,
    pub peers: Vec<Peer>,
    pub logs: Vec<LogTarget>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    pub name: Arc<str>,
    pub origin: Arc<str>,
    /// Only the local peer may do without.
    pub place: Option<(Host, ServerPort)>,
    /// The shard that it gets; 0 is everything.
    pub shard: u32,
    pub disabled: bool,
    pub tls: Option<Arc<Origination>>,
}

impl Peers {
    pub(crate) fn new(name: Arc<str>, origin: Arc<str>) -> Peers {
        Peers {
            name,
            origin,
            disabled: false,
            shards: 0,
            binds: Vec::new(),
            own_tls: None,
            peers: Vec::new(),
            logs: Vec::new(),
        }
    }

    /// Under this name its listeners and servers are kept among those of proxies, which have no blanks in theirs.
    pub fn key(&self) -> Arc<str> {
        format!("peers {}", self.name).into()
    }

    pub fn local(&self, name: &str) -> Option<&Peer> {
        self.peers.iter().find(|peer| *peer.name == *name)
    }

    /// Where the process of that name listens: at its own place, or at those of the `bind` lines.
    pub fn listens_at(&self, name: &str) -> Vec<Bind> {
        let Some(local) = self.local(name) else {
            return Vec::new();
        };
        let own = match &local.place {
            Some((Host::Ip(ip), ServerPort::Fixed(port))) => Some(BindAddress::Ip { ip: *ip, port: *port }),
            Some((Host::Unix(path), _)) => Some(BindAddress::Unix(path.clone())),
            Some((Host::Abstract(name), _)) => Some(BindAddress::Abstract(name.clone())),
            _ => None,
        };
        let own = own.map(|address| Bind {
            address,
            name: None,
            id: 0,
            origin: local.origin.clone(),
            backlog: None,
            maxconn: None,
            interface: None,
            v6only: None,
            transparent: false,
            guid_prefix: None,
            accept_proxy: false,
            user_timeout: None,
            segment: None,
            defer_accept: false,
            file: SocketFile::default(),
            tls: self.own_tls.clone(),
        });
        own.into_iter().chain(self.binds.iter().cloned()).collect()
    }
}
