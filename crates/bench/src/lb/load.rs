//! What clients do to a proxy, and how the proxy is set up for it.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) doing: Doing,
    pub(super) setup: Setup,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// The server sends as fast as it can; `both_ways`, it gives back what clients send as fast as they can.
    Bulk { connections: usize, both_ways: bool },
    /// Each connection asks, waits for the answer, and asks again; both are of this size.
    Exchange { size: usize, connections: usize },
    /// A connection for each exchange of 64 bytes.
    Connect,
    /// Open connections that did one exchange and nothing since; or a burst of 64 KiB each.
    Idle { connections: usize, after_burst: bool },
    /// Exchanges of 64 bytes beside open connections that do nothing.
    Beside { idle: usize, busy: usize },
    /// Exchanges of 64 bytes beside clients who asked for much and do not read it.
    Slow { slow: usize, busy: usize },
    /// As clients of brokers do: most say something now and then, and sometimes there is a burst.
    Brokers { connections: usize },
}

/// All have a source hash, a stick table, checks and counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setup {
    Usual,
    /// With a line in the log for each connection.
    Logs,
    /// Clients speak TLS.
    Tls,
}

const fn usual(doing: Doing) -> Load {
    Load {
        doing,
        setup: Setup::Usual,
    }
}

const fn bulk(connections: usize, both_ways: bool) -> Load {
    usual(Doing::Bulk { connections, both_ways })
}

const fn exchange(size: usize, connections: usize) -> Load {
    usual(Doing::Exchange { size, connections })
}

const fn with(setup: Setup, doing: Doing) -> Load {
    Load { doing, setup }
}

const SMALL: Doing = Doing::Exchange {
    size: 64,
    connections: 64,
};

pub(super) const ALL: [Load; 25] = [
    bulk(1, false),
    bulk(8, false),
    bulk(64, false),
    bulk(1, true),
    bulk(8, true),
    bulk(64, true),
    exchange(64, 1),
    exchange(64, 64),
    exchange(64, 1000),
    exchange(1 << 10, 1),
    exchange(1 << 10, 64),
    exchange(1 << 10, 1000),
    exchange(16 << 10, 1),
    exchange(16 << 10, 64),
    exchange(16 << 10, 1000),
    usual(Doing::Connect),
    usual(Doing::Idle {
        connections: 9000,
        after_burst: false,
    }),
    usual(Doing::Idle {
        connections: 9000,
        after_burst: true,
    }),
    usual(Doing::Beside { idle: 9000, busy: 64 }),
    usual(Doing::Slow { slow: 8, busy: 64 }),
    usual(Doing::Brokers { connections: 2000 }),
    with(Setup::Logs, Doing::Connect),
    with(Setup::Logs, SMALL),
    with(Setup::Tls, SMALL),
    with(
        Setup::Tls,
        Doing::Bulk {
            connections: 8,
            both_ways: false,
        },
    ),
];

/// Those that the goals are about.
pub(super) const QUICK: [&str; 7] = [
    "bulk-8",
    "exchange-64b-64",
    "connect",
    "idle",
    "idle-after-burst",
    "beside-idle",
    "slow-readers",
];

impl Load {
    /// What is counted, how much of it the table shows as 1, and what the processor's time for one is shown in, as a share
    /// of a second.
    pub(super) const fn units(self) -> (&'static str, f64, &'static str, f64) {
        match self.doing {
            Doing::Bulk { .. } => ("GB/s", 1e9, "ns/B", 1e9),
            _ => ("k/s", 1e3, "us", 1e6),
        }
    }
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bulk { connections, both_ways } => {
                write!(f, "bulk-{connections}{}", if *both_ways { "-both-ways" } else { "" })
            }
            Self::Exchange { size, connections } if *size < 1024 => write!(f, "exchange-{size}b-{connections}"),
            Self::Exchange { size, connections } => write!(f, "exchange-{}k-{connections}", size / 1024),
            Self::Connect => f.write_str("connect"),
            Self::Idle { after_burst: false, .. } => f.write_str("idle"),
            Self::Idle { .. } => f.write_str("idle-after-burst"),
            Self::Beside { .. } => f.write_str("beside-idle"),
            Self::Slow { .. } => f.write_str("slow-readers"),
            Self::Brokers { .. } => f.write_str("brokers"),
        }
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let setup = match self.setup {
            Setup::Usual => "",
            Setup::Logs => "+logs",
            Setup::Tls => "+tls",
        };
        write!(f, "{}{setup}", self.doing)
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
        for quick in QUICK {
            assert!(quick.parse::<Load>().is_ok(), "{quick}");
        }
        assert_eq!("exchange-16k-64".parse(), Ok(exchange(16384, 64)));
        assert!("bulk".parse::<Load>().is_err_and(|said| said.contains("bulk-8")));
    }
}
