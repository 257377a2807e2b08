//! Everything the VRRP router decides: packets, instance, groups, tracking, gratuitous ARP.
//!
//! It never opens a socket, reads a clock or rolls dice; a runtime feeds a machine and carries out its outputs.
#![forbid(unsafe_code)]

mod drop_reason;
pub mod packet;
pub mod settings;

pub use drop_reason::{DropReason, KeepalivedCounter};
