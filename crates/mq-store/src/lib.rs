//! What the broker keeps on disk: one write-ahead log for each node.
//!
//! ```text
//!   Record ─▶ code ─▶ frame (length, checksum, number) ─▶ segment files, preallocated ─▶ one sync for many
//! ```
//!
//! A confirm means that the record is on disk. After a crash the log is read up to where it was torn; a record that is
//! damaged before that point is never skipped: the node refuses to start and says where it is.

mod code;
mod files;
mod frame;
mod journal;
mod line;
mod lock;
mod room;

pub use files::{Files, Folder};
pub use journal::{CommitError, Journal, OpenError, Settings};
pub use line::Line;
pub use lock::{Lock, LockError};
pub use room::Room;
