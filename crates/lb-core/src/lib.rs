//! Everything the balancer decides.
//!
//! Nothing here opens a socket, reads a clock or rolls dice: events and the time come in, effects go out as values.
//! [`balance`] picks a server, [`health`] says which servers may be picked, [`stick`] remembers who went where,
//! [`conn`] leads one connection from accept to its log line, [`backend`] ties the first two together for one backend,
//! [`expr`] and [`acl`] ask about a connection, [`rules`] say what comes of it, [`proxy_header`] who it is for, [`peers`]
//! is what balancers tell each other of their tables, [`forward`] has the kernel carry the packets, [`stats`] says how all that went, and [`snapshot`] what of it the next
//! process goes on with.
#![forbid(unsafe_code)]

pub mod acl;
pub mod backend;
pub mod balance;
pub mod bandwidth;
pub mod conn;
pub mod dns;
pub mod drain;
pub mod expr;
pub mod forward;
pub mod handover;
pub mod health;
pub mod hex;
pub mod log;
pub mod peers;
pub mod probe;
pub mod rules;
mod server;
pub mod snapshot;
pub mod stats;
pub mod stick;

pub use server::{ServerId, ServerIdx};
pub use tandem_proxy_header as proxy_header;
