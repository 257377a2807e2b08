//! What stands in our table, by name; so that whoever starts after a crash can keep what goes on and take out what is over.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use super::{Lane, Target};

/// Names of the table's objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Objects {
    /// Whether there is a table at all.
    pub is_table: bool,
    pub chains: BTreeSet<String>,
    pub maps: BTreeSet<String>,
    pub counters: BTreeSet<String>,
}

/// Which way packets go, for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flow {
    /// First packets of connections.
    New,
    /// From clients.
    In,
    /// To clients.
    Out,
}

/// What one counter of the kernel says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    pub packets: u64,
    pub bytes: u64,
}

impl Lane {
    /// Who reads `nft list ruleset` finds the address in every name.
    pub(super) fn name(&self) -> String {
        let ip = match self.at.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => ip.to_string().replace(':', "-"),
        };
        format!("to_{ip}_{}", self.at.port())
    }

    /// A map cannot change its size, so one of another size is another map.
    pub fn pins_map(&self) -> String {
        format!("{}_pins_{}", self.name(), self.pins)
    }

    pub(super) fn map(&self, what: &str) -> String {
        format!("{}_{what}", self.name())
    }

    /// First packets that nobody took.
    pub fn nobody(&self) -> String {
        self.map("nobody")
    }

    /// Packets of connections that began elsewhere, while nobody is known here.
    pub(super) fn waits(&self) -> String {
        self.map("waits")
    }

    pub(super) fn chain(&self, target: &Target, what: &str) -> String {
        format!("{}_{:08x}{what}", self.name(), target.number)
    }

    pub fn counter(&self, target: &Target, flow: Flow) -> String {
        let word = match flow {
            Flow::New => "_new",
            Flow::In => "_in",
            Flow::Out => "_out",
        };
        self.chain(target, word)
    }

    /// The maps of this lane: pins, buckets, and what a number leads to.
    pub(super) fn maps(&self) -> [String; 4] {
        [
            self.pins_map(),
            self.map("buckets"),
            self.map("servers"),
            self.map("errors"),
        ]
    }

    pub(super) fn note(&self, objects: &mut Objects) {
        objects.maps.extend(self.maps());
        objects.chains.extend([self.name(), self.map("error")]);
        objects.counters.extend([self.nobody(), self.waits()]);
        for target in &self.targets {
            let chains = ["", "_back", "_error", "_error_back"].map(|what| self.chain(target, what));
            objects.chains.extend(chains);
            let counters = [Flow::New, Flow::In, Flow::Out].map(|flow| self.counter(target, flow));
            objects.counters.extend(counters);
        }
    }
}

/// As nft writes it: `ADDRESS . PORT`.
pub(super) fn pair(at: SocketAddr) -> String {
    format!("{} . {}", at.ip(), at.port())
}
