//! The numbers of the protocol, each as a type that cannot hold a value the wire has no place for.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU8;
use std::time::Duration;

use super::AuthV2;

/// Virtual router identifier, 1 to 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vrid(NonZeroU8);

impl Vrid {
    pub const fn new(value: u8) -> Option<Vrid> {
        match NonZeroU8::new(value) {
            Some(v) => Some(Vrid(v)),
            None => None,
        }
    }

    pub const fn value(self) -> u8 {
        self.0.get()
    }
}

impl fmt::Display for Vrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A router's own priority, 1 to 255. (0 exists only on the wire and means "I am leaving".)
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(NonZeroU8);

impl Priority {
    /// The owner of the addresses; tracking never changes it.
    pub const OWNER: Priority = Priority(NonZeroU8::MAX);
    pub const DEFAULT: Priority = Priority(NonZeroU8::new(100).unwrap());

    pub const fn new(value: u8) -> Option<Priority> {
        match NonZeroU8::new(value) {
            Some(v) => Some(Priority(v)),
            None => None,
        }
    }

    /// What tracking can reach: 1 to 254.
    pub fn clamped(total: i64) -> Priority {
        let value = u8::try_from(total.clamp(1, 254)).unwrap_or(1);
        Priority(NonZeroU8::new(value).unwrap_or(NonZeroU8::MIN))
    }

    pub const fn value(self) -> u8 {
        self.0.get()
    }

    pub const fn is_owner(self) -> bool {
        self.value() == u8::MAX
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The interval of version 2 on the wire: whole seconds, 1 to 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(NonZeroU8);

impl Seconds {
    pub const ONE: Seconds = Seconds(NonZeroU8::MIN);

    pub const fn new(value: u8) -> Option<Seconds> {
        match NonZeroU8::new(value) {
            Some(v) => Some(Seconds(v)),
            None => None,
        }
    }

    pub const fn value(self) -> u8 {
        self.0.get()
    }

    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.value() as u64)
    }
}

/// The interval of version 3 on the wire: hundredths of a second, 1 to 4095.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Centis(u16);

impl Centis {
    pub const ONE_SECOND: Centis = Centis(100);
    pub const MAX: Centis = Centis(4095);

    pub const fn new(value: u16) -> Option<Centis> {
        if value == 0 || value > 4095 {
            None
        } else {
            Some(Centis(value))
        }
    }

    pub const fn value(self) -> u16 {
        self.0
    }

    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0 as u64 * 10)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    V2,
    V3,
}

impl Version {
    pub const fn number(self) -> u8 {
        match self {
            Version::V2 => 2,
            Version::V3 => 3,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    pub const fn of(address: &IpAddr) -> Family {
        match address {
            IpAddr::V4(_) => Family::V4,
            IpAddr::V6(_) => Family::V6,
        }
    }

    /// Bytes of one address.
    pub const fn size(self) -> usize {
        match self {
            Family::V4 => 4,
            Family::V6 => 16,
        }
    }
}

/// Whether the checksum of version 3 over IPv4 covers a pseudo-header. Implementations are split: Keepalived and FRR
/// include it, RFC 9568, Cisco, Juniper, Arista and holo do not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChecksumPolicy {
    /// Accept either, remember which one a peer speaks, answer it in kind; the first word is `With`, as Keepalived says it.
    #[default]
    Auto,
    With,
    Without,
    /// Like `Auto`, but peers not heard yet are spoken to as Keepalived did before 1.3.7 (`old_unicast_checksum`).
    OldFirst,
    /// Like `Auto`, but without that form (`old_unicast_checksum never`).
    NeverOld,
}

/// The protocol version with what only that version has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    V2 { interval: Seconds, auth: AuthV2 },
    V3 { interval: Centis, checksum: ChecksumPolicy },
}

impl Protocol {
    pub const fn version(&self) -> Version {
        match self {
            Protocol::V2 { .. } => Version::V2,
            Protocol::V3 { .. } => Version::V3,
        }
    }

    pub const fn interval(&self) -> Duration {
        match self {
            Protocol::V2 { interval, .. } => interval.duration(),
            Protocol::V3 { interval, .. } => interval.duration(),
        }
    }
}
