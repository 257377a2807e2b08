//! One connection's life: pick, connect, retry, relay, half-close, timeouts, the two letters in its log line.
//!
//! A [`Conn`] is small and owns no memory, since a balancer holds tens of thousands of them for days. It never sees the
//! bytes: the relay tells it which side moved ([`Conn::touched`], a single store), and the timers are computed from
//! those times only when somebody asks for the next deadline.

mod ending;
mod event;
mod machine;
mod pending;
mod relayed;
mod settings;
mod summary;

#[cfg(test)]
mod tests;

pub use ending::{Ending, Phase, Who};
pub use event::{ConnectFailure, Input, IoFailure, KillReason, Output, Side};
pub use machine::Conn;
pub use relayed::Relayed;
pub use settings::{ConnSettings, Redispatch};
pub use summary::Summary;
