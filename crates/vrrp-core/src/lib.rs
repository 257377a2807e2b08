//! Everything the VRRP router decides: packets, instance, groups, tracking, gratuitous ARP.
//!
//! It never opens a socket, reads a clock or rolls dice; a runtime feeds a [`Router`] and carries out its outputs.
#![forbid(unsafe_code)]

pub mod bfd;
mod burst;
mod drop_reason;
mod event;
mod garp;
mod group;
mod input;
mod instance;
mod outbox;
mod output;
pub mod packet;
mod receive;
mod router;
pub mod settings;
mod state;
mod stats;
pub mod timing;
pub mod track;

pub use burst::Burst;
pub use drop_reason::{DropReason, KeepalivedCounter};
pub use event::{Event, ReleaseEnd};
pub use input::{Input, Observation, Partner, Release, ScriptOutcome, Stand, Who};
pub use instance::{Conditions, InstanceView, MasterView};
pub use output::{Output, Subject};
pub use router::Router;
pub use state::{Notice, State};
pub use stats::Stats;
