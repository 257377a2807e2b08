//! A sync group: instances that are always in the same state.

use std::sync::Arc;

use super::{InstanceId, TrackUse};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u16);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSettings {
    pub id: GroupId,
    pub name: Arc<str>,
    pub members: Vec<InstanceId>,
    /// Tracked on behalf of every member.
    pub track: Vec<TrackUse>,
    /// `sync_group_tracking_weight`: members' own weighted trackers count too; by default only their faults do.
    pub member_weights: bool,
}
