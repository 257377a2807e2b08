//! Everything one [`crate::Router`] runs.

use std::sync::Arc;
use std::time::Duration;

use super::{GroupSettings, InstanceId, InstanceSettings, PaceSettings, Tracker};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouterSettings {
    pub instances: Vec<InstanceSettings>,
    pub groups: Vec<GroupSettings>,
    pub trackers: Vec<Tracker>,
    /// By [`super::PaceId`].
    pub paces: Vec<PaceSettings>,
    /// Adverts are not read before this has passed (`vrrp_startup_delay`).
    pub startup_delay: Duration,
    pub link_delays: Vec<LinkDelay>,
}

/// `interface_up_down_delays`: a change counts only when it lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkDelay {
    pub interface: Arc<str>,
    pub down: Duration,
    pub up: Duration,
}

impl RouterSettings {
    pub fn instance(&self, id: InstanceId) -> Option<&InstanceSettings> {
        self.instances.iter().find(|i| i.id == id)
    }
}
