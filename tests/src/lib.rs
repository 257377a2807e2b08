//! The real binaries on loopback: starting and stopping them, servers and clients to put around them, and waiting.
//!
//! Everything here blocks and runs on threads, so that a test reads from top to bottom. Ports come from the kernel,
//! waits have a deadline, and what was started ends with its owner.

mod both;
mod config;
mod crowd;
mod haproxy;
mod http;
mod lb;
mod manager;
mod mq;
mod mqtt;
mod nameserver;
mod server;
mod syslog;
mod talk;
mod waiting;

pub use both::{Room, both};
pub use config::Config;
pub use crowd::{Crowd, Newcomers, echo_for_many};
pub use haproxy::Haproxy;
pub use http::{Answer, fetch, request};
pub use lb::{Lb, binary, check, connect};
pub use mq::{Mq, Stomp};
pub use mqtt::{Mqtt, Told};
pub use nameserver::{Known, Nameserver};
pub use server::{Server, free_port, free_ports};
pub use syslog::Syslog;
pub use talk::{Noise, ask, ended};
pub use waiting::{PATIENCE, until};
