//! How often the master advertises, and what follows from that by the protocol's arithmetic (RFC 9568, 6.1).

use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;
use tandem_lab::RouterConfig;

/// The usual one and those that fail over fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Setting {
    /// Version 2, each second
    #[value(name = "v2-1s")]
    V2Second,
    /// Version 3, each 100 ms
    #[value(name = "v3-100ms")]
    V3Tenth,
    /// Version 3, each 10 ms
    #[value(name = "v3-10ms")]
    V3Hundredth,
}

pub(super) const MASTER: u8 = 150;
pub(super) const BACKUP: u8 = 100;

impl Setting {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::V2Second => "v2 1 s",
            Self::V3Tenth => "v3 100 ms",
            Self::V3Hundredth => "v3 10 ms",
        }
    }

    pub(super) const fn interval(self) -> Duration {
        match self {
            Self::V2Second => Duration::from_secs(1),
            Self::V3Tenth => Duration::from_millis(100),
            Self::V3Hundredth => Duration::from_millis(10),
        }
    }

    /// How much longer than three intervals the backup waits, and how long after a goodbye.
    pub(super) fn skew(self) -> Duration {
        // Version 2 counts it in fractions of a second, version 3 in fractions of the interval; here one is the other.
        self.interval() * u32::from(u8::MAX - BACKUP + 1) / 256
    }

    /// The silence after which the backup takes over.
    pub(super) fn down(self) -> Duration {
        3 * self.interval() + self.skew()
    }

    pub(super) fn config(self, priority: u8) -> RouterConfig {
        match self {
            Self::V2Second => RouterConfig::v2(priority),
            Self::V3Tenth => RouterConfig::v3(priority),
            Self::V3Hundredth => RouterConfig::v3(priority).each("0.01"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arithmetic_of_the_reference() {
        let micros = |setting: Setting| (setting.skew().as_micros(), setting.down().as_micros());
        assert_eq!(micros(Setting::V2Second), (609_375, 3_609_375));
        assert_eq!(micros(Setting::V3Tenth), (60_937, 360_937));
        assert_eq!(micros(Setting::V3Hundredth), (6_093, 36_093));
    }
}
