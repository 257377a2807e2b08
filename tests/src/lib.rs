//! The real binaries on loopback: starting and stopping them, servers and clients to put around them, and waiting.
//!
//! Everything here blocks and runs on threads, so that a test reads from top to bottom. Ports come from the kernel,
//! waits have a deadline, and what was started ends with its owner.

mod both;
mod config;
mod crowd;
mod haproxy;
mod hello;
mod http;
mod lb;
mod manager;
mod mask;
mod mq;
mod mqtt;
mod nameserver;
mod order;
mod papers;
mod relay;
mod responder;
mod rows;
mod scenario;
mod scrape;
mod server;
mod stage;
mod syslog;
mod talk;
mod visitor;
mod waiting;

pub use both::{Room, both};
pub use config::Config;
pub use crowd::{Crowd, Crowded, Newcomers, echo_for_many};
pub use haproxy::Haproxy;
pub use hello::hello;
pub use http::{Answer, fetch, request};
pub use lb::{Lb, binary, check, connect, talking};
pub use mq::{Mq, Stomp, hashed};
pub use mqtt::{Mqtt, Told};
pub use nameserver::{Known, Nameserver};
pub use order::{order, order_by, piped, try_order};
pub use papers::Papers;
pub use relay::Relay;
pub use responder::Responder;
pub use rows::ROW_CLASSES;
pub use scenario::{OnPurpose, Scenario, compare};
pub use scrape::{Scraped, read_by_library};
pub use server::{Server, free_port, free_ports};
pub use stage::Stage;
pub use syslog::Syslog;
pub use talk::{Noise, ask, ended};
pub use visitor::Visitor;
pub use waiting::{PATIENCE, until};
