//! Whether a server may be used: rise and fall, the interval to the next check, and what an operator has forced.

mod admin;
mod agent;
mod result;
mod rise_fall;

pub use admin::{Admin, AdminChange};
pub use agent::{Advice, Service};
pub use result::{CheckResult, CheckStatus, Outcome};
pub use rise_fall::{Pace, RiseFall, Step};

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

impl CheckSettings {
    /// The time from the end of one check to the start of the next.
    pub fn interval(&self, pace: Pace) -> Duration {
        match pace {
            Pace::Normal => self.inter,
            Pace::Fast => self.fastinter.unwrap_or(self.inter),
            Pace::Down => self.downinter.unwrap_or(self.inter),
        }
    }
}
