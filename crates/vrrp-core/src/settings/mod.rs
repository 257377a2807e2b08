//! What the router must know before it starts: settings with defaults applied, names resolved and nothing left to check.
//!
//! The configuration crate builds these and the machines only read them. Things that only a runtime carries out (notify
//! commands, routes, rules, log targets) are not here: its Plan keeps them beside an [`InstanceSettings`], by [`InstanceId`].

mod address;
mod auth;
mod garp;
mod group;
mod instance;
mod protocol;
mod router;
mod track;

pub use address::{AddressOptions, Scope, VirtualAddress};
pub use auth::{AuthV2, HmacKey, HmacMode, HmacSettings, KeyId, Password, Replay};
pub use garp::{GarpSettings, PaceId, PaceSettings};
pub use group::{GroupId, GroupSettings};
pub use instance::{
    HandoverSettings, Heal, Initial, InstanceId, InstanceSettings, Peer, Preempt, Quorum, Transport, TtlRange,
};
pub use protocol::{Centis, ChecksumPolicy, Family, Priority, Protocol, Seconds, Version, Vrid};
pub use router::{LinkDelay, RouterSettings};
pub use track::{
    FileSettings, LbCondition, LbSettings, ParameterMatch, ProcessSettings, ScriptSettings, TrackUse, Tracker,
    TrackerId, TrackerKind, Weight,
};
