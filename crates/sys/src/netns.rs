//! Namespaces: a host of its own on this machine.
//!
//! They are held by file descriptors and have no name on disk, so nothing is left of them when the process that holds them
//! ends, however it ends. A namespace belongs to a thread: whatever must happen in one happens on a thread that entered it.

mod ground;
mod host;

pub use ground::{Ground, Refusal};
pub use host::Namespaces;
