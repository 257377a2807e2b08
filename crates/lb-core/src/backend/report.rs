//! What the statistics tell about a server beyond what the workers need to know.

use super::{ServerView, Status, Tracked};
use crate::health::{CheckResult, RiseFall};
use std::sync::Arc;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct ServerReport<'a> {
    pub status: Status,
    pub view: ServerView,
    /// How often it went down, maintenance included.
    pub downs: u64,
    pub down_time: Duration,
    pub check: Option<CheckReport<'a>>,
    pub agent: Option<CheckReport<'a>>,
    pub tracks: Option<&'a Arc<Tracked>>,
}

#[derive(Clone, Debug)]
pub struct CheckReport<'a> {
    pub health: RiseFall,
    /// The latest that ended.
    pub last: &'a CheckResult,
    pub is_running: bool,
    pub is_enabled: bool,
    /// Failed checks while there was something to lose.
    pub failures: u64,
    /// How often errors of clients counted as a sign; `None` when they are not looked at.
    pub analyses: Option<u64>,
}
