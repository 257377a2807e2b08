//! A frontend whose packets the kernel carries.

use std::net::SocketAddr;
use std::time::Duration;

use tandem_lb_core::forward::Key;

/// How clients find their servers, and for how long they stay there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Where clients connect to; nobody listens there.
    pub at: Vec<SocketAddr>,
    pub key: Key,
    /// The same on both hosts.
    pub seed: u32,
    /// How long a connection may be silent and still keep its server when that gets no new ones.
    pub pin_for: Duration,
    /// How many connections of each address are remembered.
    pub pins: u32,
}

impl Default for Forward {
    fn default() -> Forward {
        Forward {
            at: Vec::new(),
            key: Key::default(),
            seed: 0,
            pin_for: Duration::from_secs(15 * 60),
            pins: 262_144,
        }
    }
}
