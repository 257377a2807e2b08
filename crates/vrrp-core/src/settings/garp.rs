//! When and how often neighbours are told where the addresses are.

use std::sync::Arc;
use std::time::Duration;

/// Names one pacing rule in [`super::RouterSettings::paces`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PaceId(pub u16);

/// Keepalived's schedule; `Default` is its default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GarpSettings {
    /// Announcements of each address on becoming master (`garp_master_repeat`).
    pub repeat: u8,
    /// The same number again after this; zero is no second round (`garp_master_delay`).
    pub delay: Duration,
    /// Announce again and again while master; zero is never (`garp_master_refresh`).
    pub refresh: Duration,
    pub refresh_repeat: u8,
    /// After hearing a rival of lower priority: this often at once, and again after the delay.
    pub lower_repeat: u8,
    pub lower_delay: Duration,
    /// `garp_extra_if`: also from the other interfaces of the addresses, this often; zero is never.
    pub extra_interfaces: Duration,
    /// The rule that spaces the frames; `None` sends a burst back to back.
    pub pace: Option<PaceId>,
}

impl Default for GarpSettings {
    fn default() -> GarpSettings {
        GarpSettings {
            repeat: 5,
            delay: Duration::from_secs(5),
            refresh: Duration::ZERO,
            refresh_repeat: 1,
            lower_repeat: 5,
            lower_delay: Duration::from_secs(5),
            extra_interfaces: Duration::ZERO,
            pace: None,
        }
    }
}

/// The least time between two frames, over all the interfaces that share a switch (`garp_group`, `vrrp_garp_interval`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaceSettings {
    pub interfaces: Vec<Arc<str>>,
    pub garp_interval: Duration,
    pub gna_interval: Duration,
}
