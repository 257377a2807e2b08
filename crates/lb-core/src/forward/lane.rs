//! One address that clients connect to, and which server each of them comes to.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::BUCKETS;
use super::jhash::{jhash, scale};

/// What of a client decides about its bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Key {
    /// All its connections come to the same server.
    #[default]
    Source,
    /// Each connection for itself.
    SourcePort,
}

impl Key {
    /// The bucket that a client falls on, as the kernel computes it.
    pub fn bucket(self, seed: u32, client: SocketAddr) -> u32 {
        let mut bytes = match client.ip() {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        if self == Key::SourcePort {
            // A register of the kernel has four bytes.
            bytes.extend(client.port().to_be_bytes());
            bytes.extend([0, 0]);
        }
        scale(jhash(&bytes, seed), BUCKETS)
    }
}

/// One server as packets find it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `BACKEND/SERVER`
    pub name: Arc<str>,
    pub at: SocketAddr,
    /// What stands for it in the kernel's maps ([`numbers`]).
    pub number: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    pub frontend: Arc<str>,
    /// Where clients connect to.
    pub at: SocketAddr,
    pub key: Key,
    pub seed: u32,
    /// How long a connection stays with its server after its last packet, when its bucket has moved.
    pub pin_for: Duration,
    /// How many connections are remembered at most.
    pub pins: u32,
    /// All that have connections or may get some.
    pub targets: Vec<Target>,
    /// [`BUCKETS`] numbers of targets; `None` is nobody.
    pub buckets: Vec<Option<u32>>,
}

impl Lane {
    /// Where a new connection of this client goes.
    pub fn pick(&self, client: SocketAddr) -> Option<&Target> {
        let number = self
            .buckets
            .get(self.key.bucket(self.seed, client) as usize)
            .copied()
            .flatten()?;
        self.targets.iter().find(|target| target.number == number)
    }

    /// How many buckets belong to this target.
    pub fn share(&self, number: u32) -> usize {
        self.buckets.iter().filter(|bucket| **bucket == Some(number)).count()
    }

    /// Everything but whose the buckets are.
    pub(super) fn is_built_as(&self, other: &Lane) -> bool {
        let Lane {
            frontend,
            at,
            key,
            seed,
            pin_for,
            pins,
            targets,
            buckets: _,
        } = self;
        (frontend, at, key, seed) == (&other.frontend, &other.at, &other.key, &other.seed)
            && (pin_for, pins, targets) == (&other.pin_for, &other.pins, &other.targets)
    }
}

/// The numbers of servers at these addresses. They follow from the address, so that a connection that is pinned to one
/// finds the same server after a restart and on the other host; none of them is that of a bucket.
pub fn numbers(at: &[SocketAddr]) -> Vec<u32> {
    const NO_BUCKET: u32 = 1 << 31;
    let mut taken = BTreeSet::new();
    // In an order that is the same however the servers are listed.
    let ordered: BTreeSet<SocketAddr> = at.iter().copied().collect();
    let numbered: Vec<(SocketAddr, u32)> = ordered
        .into_iter()
        .map(|at| {
            let mut number = jhash(at.to_string().as_bytes(), 0) | NO_BUCKET;
            while !taken.insert(number) {
                number = number.wrapping_add(1) | NO_BUCKET;
            }
            (at, number)
        })
        .collect();
    let of = |at: &SocketAddr| numbered.iter().find(|(known, _)| known == at).map_or(0, |(_, n)| *n);
    at.iter().map(of).collect()
}
