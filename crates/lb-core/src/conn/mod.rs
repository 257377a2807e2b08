//! One connection's life: pick, connect, retry, relay, half-close, timeouts, the two letters in its log line.

use std::time::Duration;

/// What governs one connection, from the frontend and the backend it belongs to. `None` never expires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnSettings {
    pub client: Option<Duration>,
    pub client_fin: Option<Duration>,
    pub connect: Option<Duration>,
    pub server: Option<Duration>,
    pub server_fin: Option<Duration>,
    pub tunnel: Option<Duration>,
    /// Attempts after the first.
    pub retries: u32,
    pub redispatch: Redispatch,
}

/// When a retry may go to another server (`option redispatch [n]`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redispatch {
    #[default]
    Never,
    /// `-n`: only on the n-th retry counted from the last one; the bare option is `FromLast(1)`.
    FromLast(u32),
    /// `n`: on every n-th retry.
    Every(u32),
}
