//! Packets as a test's peer sends them.

use std::net::Ipv4Addr;

use super::{Advert, Dialect, Endpoints, Ipv4Header, TTL};

pub(crate) const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);

/// To the group, with its header.
pub(crate) fn packet(source: Ipv4Addr, advert: &Advert, dialect: Dialect) -> Vec<u8> {
    let ends = Endpoints {
        source: source.into(),
        destination: GROUP.into(),
    };
    let header = Ipv4Header {
        source,
        destination: GROUP,
        id: 1,
        ttl: TTL,
    };
    header.wrap(&advert.encode(ends, dialect))
}
