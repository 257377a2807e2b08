//! AMQP 1.0: types, frames, performatives and the sections of messages, both ways.
//!
//! ```text
//!   bytes ─▶ Decoder ─▶ Item: a header, or a performative and what follows it     Frame ─▶ encode ─▶ bytes
//! ```
//!
//! Everything here is described values; what they consist of is one table for each kind. A server must survive what a stranger
//! sends: depth, number and length of everything is bounded before it is read.

mod field;
mod frame;
mod message;
mod performative;
mod read;
mod record;
mod value;

pub use crate::octets::Malformed;
pub use frame::{DecodeError, Decoder, Frame, Header as Greeting, Item, Layer, SMALLEST_MAX, encode, publishes};
pub use message::{Body, MessageHeader, Properties, Sections};
pub use performative::{
    Accepted, Attach, Begin, Close, Condition, Coordinator, Declare, Declared, Detach, Discharge, Disposition, End,
    Error, Flow, Modified, Open, Order, Performative, Rejected, Released, SaslInit, SaslMechanisms, SaslOutcome,
    Source, State, Target, Terminus, Transactional, Transfer,
};
pub use record::Millis;
pub use value::{Fields, Symbol, Value};

#[cfg(test)]
mod tests;
