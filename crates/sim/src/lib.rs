//! A virtual LAN and clock on which any number of cores run.
//!
//! A [`World`] holds nodes, each with a machine of its own and a clock that may run fast or slow, and the frames that
//! are on their way between them. Everything that happens follows from one seed, so a failure is replayed by its number.
#![forbid(unsafe_code)]

mod lan;
mod neighbours;
mod node;
mod seeds;
mod trace;
mod world;

pub use lan::{LanSettings, SegmentId};
pub use neighbours::NeighbourCache;
pub use node::{Clock, Delivery, Effect, Machine, NodeId, Target};
pub use seeds::Seeds;
pub use trace::Trace;
pub use world::World;
