//! What an entry is found by.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{KeyType, TableSettings};

/// A key in the form of its table's type. Ordered as a dump lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    V4(Ipv4Addr),
    V6(Ipv6Addr),
}

impl Key {
    pub fn address(&self) -> IpAddr {
        match self {
            Key::V4(v4) => (*v4).into(),
            Key::V6(v6) => (*v6).into(),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::V4(v4) => v4.fmt(f),
            Key::V6(v6) => v6.fmt(f),
        }
    }
}

/// The key of an address in such a table; `None` when the table cannot hold it (an IPv6 address in a table of IPv4
/// addresses), and the connection is then not sticky. The two families convert as HAProxy converts samples: a v4-mapped
/// address (RFC 4291 section 2.5.5.2) is an IPv4 address, and any IPv4 address has a mapped form.
pub fn key_for(settings: &TableSettings, addr: IpAddr) -> Option<Key> {
    match (settings.key, addr) {
        (KeyType::Ipv4, IpAddr::V4(v4)) => Some(Key::V4(v4)),
        (KeyType::Ipv4, IpAddr::V6(v6)) => v6.to_ipv4_mapped().map(Key::V4),
        (KeyType::Ipv6, IpAddr::V4(v4)) => Some(Key::V6(v4.to_ipv6_mapped())),
        (KeyType::Ipv6, IpAddr::V6(v6)) => Some(Key::V6(v6)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(key: KeyType, addr: &str) -> Option<String> {
        let settings = TableSettings {
            key,
            size: 1,
            expire: None,
            nopurge: false,
        };
        key_for(&settings, addr.parse().expect("a literal address")).map(|k| k.to_string())
    }

    #[test]
    fn families_convert_where_they_can() {
        assert_eq!(key(KeyType::Ipv4, "192.0.2.1").as_deref(), Some("192.0.2.1"));
        assert_eq!(key(KeyType::Ipv4, "::ffff:192.0.2.1").as_deref(), Some("192.0.2.1"));
        assert_eq!(key(KeyType::Ipv4, "2001:db8::1"), None);
        assert_eq!(key(KeyType::Ipv4, "::192.0.2.1"), None);
        assert_eq!(key(KeyType::Ipv6, "192.0.2.1").as_deref(), Some("::ffff:192.0.2.1"));
        assert_eq!(key(KeyType::Ipv6, "2001:db8::1").as_deref(), Some("2001:db8::1"));
    }
}
