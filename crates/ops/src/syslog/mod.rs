//! Log lines to syslog servers and files, in HAProxy's formats, without ever waiting.
//!
//! [`Targets`] is what a configuration asks for, opened once and shared by all threads, read only. A [`Sender`] belongs to
//! one thread: it owns its sockets, its buffer and the text of the current second, so that threads share no lock. A line
//! that the kernel does not take at once is dropped and counted; the first loss of each target is reported.

mod date;
mod format;
mod outlet;
mod ring;
mod sender;
mod target;

pub use date::Local;
pub use format::Identity;
pub use ring::{Fill, Reader, Ring, Shape};
pub use sender::{Message, Sender};
pub use target::{Destination, Facility, Format, OpenError, Sample, Severity, Target, Targets};
