//! A harness for tests that need hosts of their own.
//!
//! Namespaces must be entered by a process with one thread, and a test that hangs or is killed must leave nothing behind.
//! So each test runs in a process of its own, one after the other: the harness starts itself again with `--run NAME`, and
//! that process enters the namespaces before anything else. When it ends, or is killed at its deadline, the kernel takes
//! everything it made along.
//!
//! `cargo test -p tandem-netns-tests -- [--list] [--exact] [--filter TEXT | TEXT]... [--peer haproxy] [--long]`

mod child;
mod helper;
mod options;
mod outcome;
mod report;
mod suite;
mod waiting;

pub use helper::{Helper, process_tree};
pub use options::{Options, Peer};
pub use suite::{Bench, Place, Suite, Test};
pub use waiting::{until, wait};
