//! AMQP 0-9-1 as RabbitMQ speaks it: frames, methods, properties and tables, both ways.
//!
//! A server must refuse what a client must not send, and must survive what a stranger sends: depth, number and length of
//! everything is bounded before it is read.

mod code;
mod field;
mod frame;
mod method;
mod properties;
mod read;

pub use crate::octets::Malformed;
pub use code::Code;
pub use field::{Field, Table};
pub use frame::{DecodeError, Decoder, Frame, GREETING, Item, SMALLEST_MAX, encode, publishes};
pub use method::Method;
pub use properties::Properties;

#[cfg(test)]
mod tests;
