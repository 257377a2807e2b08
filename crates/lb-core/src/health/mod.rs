//! Whether a server may be used: rise and fall, the interval to the next check, and what an operator has forced.

use std::time::Duration;

/// How one server is checked, after defaults were applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckSettings {
    pub inter: Duration,
    pub fastinter: Option<Duration>,
    pub downinter: Option<Duration>,
    pub rise: u32,
    pub fall: u32,
    /// How long one check may take to connect. From `timeout connect`, `timeout check` and `inter`, as the reference says.
    pub connect_timeout: Duration,
}
