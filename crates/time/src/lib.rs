//! Names for time and chance that cannot read the outside world.
//!
//! A core never asks what time it is and never rolls dice: it is told [`Mono`] and given a [`Seed`]. So a run is a list
//! of inputs that can be recorded, replayed and shrunk.
#![forbid(unsafe_code)]

mod civil;
mod mono;
mod seed;
mod timers;

pub use civil::CivilTime;
pub use mono::Mono;
pub use seed::Seed;
pub use timers::{TimerName, TimerTable};
