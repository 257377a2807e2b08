//! What one balancer process tells its successor, as bytes: frames, messages, and the record of one connection.
//!
//! ```text
//!   old ──▶ Hello ─────────▶ new      the clock, so that every time means the same in both
//!   old ◀── Begin ◀───────── new      it is ready to take over
//!   old ──▶ State ... Ready ▶ new     what must be known before the first connection
//!   old ──▶ Connection 7 ──▶ new      with its descriptors
//!   old ◀── Taken 7 ◀─────── new      or Refused 7: it stays where it is
//!   old ──▶ Counters ... Ended ▶ new  what was counted until the last connection had left
//!   old ◀── Done ◀────────── new      from here on the old one only drains what stayed
//! ```
//!
//! The two may be of different versions, so what they say is a list of fields, each with a number and a length: what one
//! does not know it skips, and what is not said is as it was before the field existed. There is no serialiser in between:
//! the buffers of a connection are raw bytes, and a format that can be read in a page is easier to keep compatible than a
//! library's. Bytes that make no sense are an error, never a panic, and never more memory than their own length.

mod fields;
mod frame;
mod known;
mod message;
mod record;

#[cfg(test)]
mod tests;

pub use fields::Malformed;
pub use frame::{Frame, Frames, LONGEST_FRAME};
pub use known::{Known, Limit};
pub use message::{Adopted, Hello, Message, VERSION};
pub use record::{Flow, Held, Placed, Record, Stage};
