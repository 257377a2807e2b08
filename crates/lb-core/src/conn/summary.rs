//! What there is to tell about a connection, at its end or on the way.

use std::time::Duration;

use super::ending::{Ending, Phase, Who};
use crate::ServerIdx;

/// The connection's figures for its log line and the statistics. `None` is HAProxy's -1: it never came to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// From accept until a server was (last) chosen: `%Tw`.
    pub wait: Option<Duration>,
    /// From then until it accepted: `%Tc`.
    pub connect: Option<Duration>,
    /// From accept until the end, or until now: `%Tt`.
    pub total: Duration,
    pub retries: u32,
    /// A retry went to another server than the attempt before it.
    pub redispatched: bool,
    pub server: Option<ServerIdx>,
    /// `--` while the connection lives.
    pub ending: Ending,
}

impl Summary {
    /// Of a connection that came to be no session: refused before its first byte counted.
    pub fn unwelcome(age: Duration) -> Summary {
        Summary {
            wait: None,
            connect: None,
            total: age,
            retries: 0,
            redispatched: false,
            server: None,
            ending: Ending::new(Who::Proxy, Phase::Request),
        }
    }
}
