//! Moving bytes between two stream sockets.
//!
//! An [`Endpoint`] is one socket, known to the thread's event loop. A [`Direction`] carries bytes one way between two of
//! them, through a [`Scratch`] buffer that belongs to the thread: it reads, writes at once, and keeps only what the
//! other side did not take. So an idle connection owns no buffer, and a slow reader holds at most one. A direction that
//! carries much at a time turns to a pipe of the thread's, in which the bytes are never seen, and has it only while there
//! is something in it.
//!
//! What goes between a socket and those who talk (TLS) is a [`Stream`] of its own; the relay does not know the difference.
//!
//! Nothing here decides: what the end of a direction means is the business of whoever drives it.

mod departure;
mod direction;
mod endpoint;
mod pipe;
mod reactor;
mod scratch;
mod stream;

pub use departure::{Departure, Packets, may_choose_interface, may_pretend};
pub use direction::{Direction, End, Parked, Pass};
pub use endpoint::{Endpoint, Peeked, is_shortage};
pub use pipe::Pipes;
pub use reactor::prepare;
pub use scratch::Scratch;
pub use stream::Stream;

#[cfg(test)]
mod tests;
