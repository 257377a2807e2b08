//! Being a daemon, the same for all three: signals, logs, the service manager, privileges.
//!
//! Nothing here knows what a daemon does. A daemon names its signals, its log targets and its user; what follows is the
//! same code for each, so that an operator meets one behaviour.

pub mod beside;
pub mod clock;
pub mod control;
pub mod daemonize;
pub mod disk;
pub mod manual;
pub mod nft;
pub mod notify;
pub mod pair;
pub mod pidfile;
pub mod privileges;
pub mod safe_file;
pub mod signals;
pub mod syslog;
pub mod trace;
pub mod watchdog;
pub mod web;
