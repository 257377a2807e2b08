//! Names that are looked up while the balancer runs.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tandem_lb_core::dns::{Hold, Preference, Way};

/// A section `resolvers`: whom to ask, and how long an answer is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolvers {
    pub name: Arc<str>,
    pub nameservers: Vec<Nameserver>,
    /// `accepted_payload_size`: the longest answer.
    pub payload: u16,
    /// `resolve_retries`
    pub tries: u32,
    /// `timeout resolve` and `timeout retry`
    pub resolve: Duration,
    pub retry: Duration,
    pub hold: Hold,
}

impl Resolvers {
    pub(crate) fn new(name: Arc<str>) -> Resolvers {
        Resolvers {
            name,
            nameservers: Vec::new(),
            payload: 512,
            tries: 3,
            resolve: Duration::from_secs(1),
            retry: Duration::from_secs(1),
            hold: Hold::default(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nameserver {
    pub name: Arc<str>,
    pub address: SocketAddr,
    /// How it is asked. Where a datagram is too short for an answer, it is asked by a stream anyway.
    pub way: Way,
}

impl Nameserver {
    /// One that has no name of its own.
    pub(crate) fn of(address: SocketAddr) -> Nameserver {
        Nameserver {
            name: address.ip().to_string().into(),
            address,
            way: Way::Datagram,
        }
    }
}

/// How a server's name is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolve {
    /// The place in [`super::Plan::resolvers`].
    pub resolvers: usize,
    pub preference: Preference,
    /// `resolve-opts ignore-weight`: the weight of a service's record does not count.
    pub ignores_weight: bool,
}

/// `init-addr`: where a server is at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitAddr {
    /// Where it was, as the state file says.
    Last,
    /// What the system's resolver says.
    Libc,
    /// Nowhere yet: it is in maintenance until there is an answer.
    None,
    Ip(IpAddr),
}
