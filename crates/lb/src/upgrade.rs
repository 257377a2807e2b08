//! Replacing the running binary: the successor gets the listeners, the connections and what is known of them.
//!
//! ```text
//!   new: -x SOCKET -sf PID                       old
//!   ─────────────────────                        ───
//!   connects, asks for the listeners  ─────────▶ passes all of them (HAProxy's own exchange)
//!   connects again, says it will take over ────▶ introduces itself: the clock, the next number
//!   opens what is new, starts its workers
//!   "begin" ───────────────────────────────────▶ accepts no more: the kernel's queues are shared, so nobody is refused
//!   applies it, accepts  ◀────────────────────── sticks, health, what operators said
//!   leads it, says so  ◀──────────────────────── a connection at a time: two descriptors and a record
//!   adds them  ◀──────────────────────────────── counters
//!   opens page and socket, is ready ───────────▶ drains what could not leave
//!   adds it  ◀────────────────────────────────── what that carries, until it ends
//! ```
//!
//! Whoever holds a connection is decided by one byte stream. The successor touches a connection only after it could
//! write that it has taken it; the old process goes on with a connection only after it closed that stream and found no
//! such word in what was left to read. So when either dies, each connection is led by exactly one, or died with it.

mod afterwards;
mod expose;
mod exposure;
mod fetch;
mod give;
mod link;
mod parcel;
mod predecessors;
mod sockets;
mod store;
mod take;

pub(crate) use afterwards::Aftermath;
pub(crate) use exposure::Exposure;
pub(crate) use fetch::fetch;
pub(crate) use give::{Giver, give};
pub(crate) use link::LinkError;
pub(crate) use parcel::{Ends, Gate, Moved, Parcel, Verdict};
pub(crate) use predecessors::signal_predecessors;
pub(crate) use sockets::{Sockets, name_of};
pub(crate) use store::{Store, kept};
pub(crate) use take::{Heir, TakenOver, Taker, Taking};
