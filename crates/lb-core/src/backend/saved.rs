//! What one process leaves to the next about a server's state.

use super::Operation;
use crate::health::{Admin, CheckResult};
use std::time::Duration;

/// A value that may be changed while running, and what the configuration said then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuned<T> {
    pub now: T,
    pub configured: T,
}

/// A server's state. What an operator changed counts as long as the configuration says what it said then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    pub operation: Operation,
    pub admin: Admin,
    /// The configuration had it `disabled`.
    pub was_disabled: bool,
    pub weight: Tuned<u16>,
    pub maxconn: Option<Tuned<u32>>,
    /// Since its last change.
    pub age: Duration,
    pub downs: u64,
    pub down_time: Duration,
    pub check: Option<SavedCheck>,
    /// What its agent said last.
    pub agent: Option<SavedCheck>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedCheck {
    pub is_enabled: bool,
    /// 0 to `rise + fall - 1`.
    pub health: u32,
    pub failures: u64,
    pub last: CheckResult,
}

impl<T: Copy + PartialEq> Tuned<T> {
    /// The value to go on with when the configuration says `configured` today.
    pub fn under(self, configured: T) -> T {
        if configured == self.configured {
            self.now
        } else {
            configured
        }
    }
}
