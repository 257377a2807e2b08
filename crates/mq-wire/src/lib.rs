//! The broker's wire formats: bytes in, frames out, and back. No sockets, no sessions, no meaning.
#![forbid(unsafe_code)]

pub mod amqp091;
pub mod amqp10;
pub mod mqtt;
mod octets;
pub mod stomp;
