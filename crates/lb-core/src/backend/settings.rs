//! What a backend is made of, after defaults were applied.

use super::{Conduct, Spread, Tracked};
use crate::balance::{HashKey, Policy};
use crate::health::CheckSettings;
use crate::{ServerId, ServerIdx};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tandem_time::Seed;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendSettings {
    pub name: Arc<str>,
    pub kind: ProxyKind,
    pub policy: Policy,
    /// `option log-health-checks`. HAProxy then leaves the reason out of the line about the state, and so do we.
    pub log_checks: bool,
    pub spread: Spread,
    /// In the order of the configuration, each with a place of its own.
    pub servers: Vec<ServerSettings>,
}

/// The section that the backend was written as; one log line names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyKind {
    #[default]
    Backend,
    Listen,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// What inputs and outputs name it by.
    pub place: ServerIdx,
    pub name: Arc<str>,
    pub id: ServerId,
    /// What places it among hashes.
    pub hash_key: HashKey,
    /// Where it is, when that is known.
    pub at: Option<SocketAddr>,
    /// The name that it keeps.
    pub guid: Option<Arc<str>>,
    /// 0 takes no new clients.
    pub weight: u16,
    pub backup: bool,
    /// Starts in maintenance.
    pub disabled: bool,
    /// Its name has no address yet.
    pub is_nowhere: bool,
    /// 0 sets no limit.
    pub maxconn: u32,
    /// The limit while its backend has little to do; 0 is always `maxconn`.
    pub minconn: u32,
    pub check: Option<CheckSettings>,
    pub conduct: Conduct,
    /// How its agent is asked; one word of that is enough to go up or down.
    pub agent: Option<CheckSettings>,
    /// Whom it follows.
    pub tracks: Option<Arc<Tracked>>,
}

impl ServerSettings {
    /// How long after the start its first check begins; `position` counts the checked servers so far.
    pub(super) fn first_check(&self, spread: &Spread, position: &mut u32, seed: &mut Seed) -> Duration {
        let Some(check) = &self.check else {
            return Duration::ZERO;
        };
        *position += 1;
        if self.conduct.init.is_down() {
            return spread.early(*position - 1);
        }
        spread.delay(*position - 1, check, self.disabled, seed)
    }
}
