//! What the daemon and its launcher say to each other, and which commands a configuration lets the launcher run.

pub mod allowed;
pub mod host;
pub mod safety;
pub mod wire;
