//! The real binaries on loopback.
