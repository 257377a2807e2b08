//! A relayed connection in numbers, so that another process can go on with it.

use tandem_time::Mono;

use super::{Ending, Side};

/// What a [`Conn`](super::Conn) that relays knows. Its settings are not among it: they are the new process's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relayed {
    pub chosen: Option<Mono>,
    pub connected: Option<Mono>,
    /// When each side last moved.
    pub client_seen: Mono,
    pub server_seen: Mono,
    pub retries: u32,
    pub redispatched: bool,
    /// The side that sends no more.
    pub finished: Option<Side>,
    /// What made it so, should the connection come to its end now.
    pub ending: Ending,
}
