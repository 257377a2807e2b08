//! The texts of server state changes.
