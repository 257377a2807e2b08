//! Moving bytes between two stream sockets.
//!
//! An [`Endpoint`] is one socket, known to the thread's event loop. A [`Direction`] carries bytes one way between two of
//! them, through a [`Scratch`] buffer that belongs to the thread: it reads, writes at once, and keeps only what the
//! other side did not take. So an idle connection owns no buffer, and a slow reader holds at most one.
//!
//! What goes between a socket and those who talk (TLS) is a [`Stream`] of its own; the relay does not know the difference.
//!
//! Nothing here decides: what the end of a direction means is the business of whoever drives it.

mod departure;
mod direction;
mod endpoint;
mod scratch;
mod stream;

pub use departure::{Departure, may_choose_interface, may_pretend};
pub use direction::{Direction, End, Parked, Pass};
pub use endpoint::{Endpoint, Peeked, is_shortage};
pub use scratch::Scratch;
pub use stream::Stream;

#[cfg(test)]
mod tests;
