//! A socket on which operators and scripts give commands, the same for every daemon; the protocol is HAProxy's
//! (reference 4.1).
//!
//! ```text
//!   bytes ─▶ Framer ─▶ one command ─▶ table ─▶ Reply ─▶ bytes
//!            lines, `;`, payloads     words, level
//! ```
//!
//! The daemon brings a table of [`Command`]s and what they work on; everything about lines, prompts, levels and
//! patience is here. A client costs at most its buffer, and waits for nobody but itself.

mod builtin;
mod call;
mod command;
mod console;
mod door;
mod framer;
mod places;
mod reply;
mod session;
mod unix;
mod words;

pub use builtin::duration;
pub use call::Call;
pub use command::Command;
pub use console::{Console, Objection};
pub use door::{Door, USUAL_CLIENTS, serve};
pub use places::Place;
pub use reply::{Continuation, Reply, Severity};
pub use session::{Level, SeverityOutput};
pub use unix::{Ownership, UnixFile, open_unix};
