//! The lines others read, byte for byte as HAProxy writes them: the connection's line and the texts of state changes.

pub mod format;
pub mod state;
pub mod tcplog;
