//! The protocol's arithmetic, in whole microseconds as Keepalived does it.
//!
//! RFC 3768 section 5.3.7 (`Skew_Time = (256 - Priority) / 256` seconds), RFC 9568 section 6.1
//! (`Skew_Time = (256 - Priority) * Active_Adver_Interval / 256`).

use std::num::NonZeroU8;
use std::time::Duration;

use crate::settings::{Priority, Version};

pub fn skew(version: Version, priority: Priority, master_interval: Duration) -> Duration {
    let share = 256 - u64::from(priority.value());
    let whole = match version {
        Version::V2 => 1_000_000,
        Version::V3 => micros(master_interval),
    };
    Duration::from_micros(share * whole / 256)
}

/// After this much silence the master counts as gone.
pub fn master_down(version: Version, priority: Priority, master_interval: Duration, adverts: NonZeroU8) -> Duration {
    master_interval * u32::from(adverts.get()) + skew(version, priority, master_interval)
}

fn micros(d: Duration) -> u64 {
    u64::try_from(d.as_micros()).unwrap_or(u64::MAX / 256)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn down(version: Version, priority: u8, interval_ms: u64) -> Duration {
        let priority = Priority::new(priority).expect("not 0");
        master_down(
            version,
            priority,
            Duration::from_millis(interval_ms),
            NonZeroU8::MIN.saturating_add(2),
        )
    }

    #[test]
    fn keepalived_s_examples() {
        assert_eq!(down(Version::V2, 100, 1000), Duration::from_micros(3_609_375));
        assert_eq!(down(Version::V3, 100, 1000), Duration::from_micros(3_609_375));
        assert_eq!(down(Version::V3, 100, 100), Duration::from_micros(360_937));
        assert_eq!(down(Version::V3, 100, 10), Duration::from_micros(36_093));
        assert_eq!(down(Version::V3, 254, 10), Duration::from_micros(30_078));
        assert_eq!(down(Version::V2, 255, 2000), Duration::from_micros(6_003_906));
    }
}
