//! What clients do to a proxy.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Load {
    /// The server sends as fast as it can.
    Bulk { connections: usize },
    /// Each connection asks, waits for the answer, and asks again; both are of this size.
    Exchange { size: usize, connections: usize },
    /// A connection for each exchange of 64 bytes.
    Connect,
    /// Open connections that did one exchange and nothing since.
    Idle { connections: usize },
}

const fn bulk(connections: usize) -> Load {
    Load::Bulk { connections }
}

const fn exchange(size: usize, connections: usize) -> Load {
    Load::Exchange { size, connections }
}

pub(super) const ALL: [Load; 14] = [
    bulk(1),
    bulk(8),
    bulk(64),
    exchange(64, 1),
    exchange(64, 64),
    exchange(64, 1000),
    exchange(1 << 10, 1),
    exchange(1 << 10, 64),
    exchange(1 << 10, 1000),
    exchange(16 << 10, 1),
    exchange(16 << 10, 64),
    exchange(16 << 10, 1000),
    Load::Connect,
    Load::Idle { connections: 9000 },
];

impl Load {
    /// What is counted, how much of it the table shows as 1, and what the processor's time for one is shown in, as a share
    /// of a second.
    pub(super) const fn units(self) -> (&'static str, f64, &'static str, f64) {
        match self {
            Self::Bulk { .. } => ("GB/s", 1e9, "ns/B", 1e9),
            Self::Exchange { .. } | Self::Connect | Self::Idle { .. } => ("k/s", 1e3, "us", 1e6),
        }
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bulk { connections } => write!(f, "bulk-{connections}"),
            Self::Exchange { size, connections } if *size < 1024 => write!(f, "exchange-{size}b-{connections}"),
            Self::Exchange { size, connections } => write!(f, "exchange-{}k-{connections}", size / 1024),
            Self::Connect => write!(f, "connect"),
            Self::Idle { .. } => write!(f, "idle"),
        }
    }
}

impl FromStr for Load {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || ALL.map(|load| load.to_string()).join(" ");
        let found = ALL.into_iter().find(|load| load.to_string() == text);
        found.ok_or_else(|| format!("there are {}", known()))
    }
}

impl Serialize for Load {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_load_is_found_by_its_name() {
        for load in ALL {
            assert_eq!(load.to_string().parse(), Ok(load));
        }
        assert_eq!("exchange-16k-64".parse(), Ok(exchange(16384, 64)));
        assert!("bulk".parse::<Load>().is_err_and(|said| said.contains("bulk-8")));
    }
}
