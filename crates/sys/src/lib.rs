//! Every raw system call, each with a safe signature.

pub mod alive;
pub mod capabilities;
pub mod descriptor;
pub mod file_watch;
pub mod hops;
pub mod limits;
pub mod listen;
pub mod localtime;
pub mod memory;
pub mod netlink;
pub mod netns;
pub mod owner;
pub mod pass;
pub mod proc_events;
pub mod process;
pub mod raw;
pub mod readable;
pub mod realtime;
pub mod relay;
pub mod sockopt;
pub mod timer;
